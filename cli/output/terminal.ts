/** What the commands write to and know about where they run; `main.ts` gives the process's own. */
export type Terminal = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** To stdout; settles once there is room for more. */
  readonly outBytes?: (bytes: Uint8Array) => Promise<void>;
  /** One line of an answer; undefined where nobody is there to give one. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** Whether stdout is a terminal: only then colours, and redrawing for `-w`. */
  readonly isTerminal: boolean;
  readonly columns: number;
  /** Of stderr, where that is a terminal. */
  readonly errColumns?: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Who asks, for the record. */
  readonly user: string;
  /** Aborted by ctrl-C. */
  readonly signal: AbortSignal;
};

export type Colour = 'red' | 'green' | 'yellow' | 'dim';
export type Paint = (text: string, colour: Colour | undefined) => string;

const codes: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, dim: 2 };

/** Plain off a terminal and with NO_COLOR (no-color.org) or TERM=dumb. */
export function painter({ isTerminal, env }: Pick<Terminal, 'isTerminal' | 'env'>): Paint {
  const plain = !isTerminal || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return (text, colour) => (plain || colour === undefined ? text : `\x1b[${codes[colour]}m${text}\x1b[0m`);
}

/** What a board or the network said, without what could steer the terminal. */
export const harmless = (text: string): string => text.replace(/\p{Cc}|\p{Cf}/gu, '?');

/** `12s`, `3m12s`, `5h04m`, `9d2h`; never negative. */
export const age = (fromMs: number, toMs: number): string => spanText((toMs - fromMs) / 1000);

export function spanText(seconds: number): string {
  const total = Math.max(0, Math.floor(seconds));
  const two = (number: number): string => String(number).padStart(2, '0');
  const [days, hours, minutes] = [Math.floor(total / 86_400), Math.floor(total / 3600), Math.floor(total / 60)];
  if (days > 0) return `${days}d${hours % 24}h`;
  if (hours > 0) return `${hours}h${two(minutes % 60)}m`;
  return minutes > 0 ? `${minutes}m${two(total % 60)}s` : `${total}s`;
}
