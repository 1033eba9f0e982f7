/** What a board tells the lab about itself: one JSON object a line on its standard output. */
export type BoardEvent = {
  /** Seconds since it was switched on for the first time. */
  readonly seconds: number;
  readonly event: string;
  readonly [detail: string]: unknown;
};
export type Emit = (event: string, details?: Readonly<Record<string, unknown>>) => void;

/** Exit codes of the board's program. `halted`: by its own system; it stays so until its power is switched off and on. */
export const exits = { reboot: 75, stopped: 76, halted: 77 } as const;

/** `undefined` for a line that is no event (a warning of some program). */
export function parseBoardEvent(line: string): BoardEvent | undefined {
  if (!line.startsWith('{"seconds":')) return;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('event' in value) || !('seconds' in value)) return;
    const { event, seconds } = value;
    return typeof event === 'string' && typeof seconds === 'number' ? { ...value, event, seconds } : undefined;
  } catch {
    return;
  }
}
