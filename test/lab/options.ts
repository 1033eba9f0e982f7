/** Command line of `npm start`. Pure. */
import { parseArgs } from 'node:util';
import { err, ok, type Result } from '../../config/result.ts';

export type StartOptions = {
  readonly pis: number;
  /** Ends when all boards are Ready. */
  readonly once: boolean;
  readonly json: boolean;
  readonly simulator: boolean;
};

export const usage = `usage: npm start -- [--pis N] [--once] [--json] [--simulator]
  --pis N      boards to plug in, 1 to 40 (3 if not given)
  --once       end when all are Ready (exit 0), or when the time is up (exit 1)
  --json       one line per event; the last line is the result
  --simulator  the API simulator instead of a real control plane`;

export function parseOptions(args: readonly string[]): Result<StartOptions, { readonly detail: string }> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        pis: { type: 'string', default: '3' },
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        simulator: { type: 'boolean', default: false },
      },
    });
    const pis = Number(values.pis);
    if (!Number.isInteger(pis) || pis < 1 || pis > 40) return err({ detail: '--pis takes a number from 1 to 40' });
    return ok({ pis, once: values.once, json: values.json, simulator: values.simulator });
  } catch (error) {
    return err({ detail: error instanceof Error ? error.message : String(error) });
  }
}

/** Seconds that `pis` boards may take on a machine with this much to do besides (load per processor). */
export const deadlineSeconds = (pis: number, load: number): number =>
  Math.round((150 + 10 * pis) * Math.min(4, Math.max(1, load)));

export type Command =
  | { readonly command: 'plug' }
  | { readonly command: 'pull' | 'return'; readonly name: string }
  | { readonly command: 'scale'; readonly replicas: number }
  | { readonly command: 'quit' | 'help' };

export const commandHelp = 'plug · pull NAME · return NAME · scale N · quit';

/** A line of standard input; `undefined` for an empty one. */
export function parseCommand(line: string): Command | undefined {
  const [word = '', argument = ''] = line.trim().split(/\s+/);
  switch (word) {
    case '':
      return;
    case 'plug':
    case 'quit':
      return { command: word };
    case 'pull':
    case 'return':
      return argument === '' ? { command: 'help' } : { command: word, name: argument };
    case 'scale':
      return /^\d{1,4}$/.test(argument) ? { command: word, replicas: Number(argument) } : { command: 'help' };
    default:
      return { command: 'help' };
  }
}
