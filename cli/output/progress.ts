/** How far something long is: one line that is drawn over on a terminal, a line at each tenth elsewhere. On stderr. */
import type { Terminal } from './terminal.ts';

export type Progress = {
  /** `what` and the numbers, in bytes; may be called at any rate. */
  readonly tell: (what: string, done: number, of: number) => void;
  /** Leaves what stands there, and goes to the next line. */
  readonly end: () => void;
};

const redrawMs = 200;
const MEBIBYTE = 2 ** 20;

export function progressOn({ err, errColumns, now }: Terminal): Progress {
  let drawnAt = Number.NEGATIVE_INFINITY;
  let [step, startedAt, tenth, drawn] = ['', 0, -1, false];

  const tell = (what: string, done: number, of: number): void => {
    const moment = now();
    if (what !== step) {
      end();
      [step, startedAt, tenth] = [what, moment, -1];
    }
    const part = of === 0 ? 1 : done / of;
    const text = line(what, part, done, of, moment - startedAt);
    if (errColumns !== undefined) {
      if (moment - drawnAt < redrawMs && done < of) return;
      drawnAt = moment;
      drawn = true;
      const room = Math.max(0, errColumns - 1);
      err(`\r${text.slice(0, room).padEnd(room)}`);
    } else if (Math.floor(part * 10) > tenth) {
      tenth = Math.floor(part * 10);
      err(`${text}\n`);
    }
  };

  function end(): void {
    if (drawn) err('\n');
    drawn = false;
  }

  return { tell, end };
}

function line(what: string, part: number, done: number, of: number, elapsedMs: number): string {
  const percent = `${Math.floor(part * 100)}%`.padStart(4);
  const rate = elapsedMs < 1000 ? '' : `  ${(done / MEBIBYTE / (elapsedMs / 1000)).toFixed(1)} MiB/s`;
  const mebibytes = (bytes: number): string => String(Math.floor(bytes / MEBIBYTE));
  return `${what.padEnd(7)}${bar(part, 30)}${percent}  ${mebibytes(done)} of ${mebibytes(of)} MiB${rate}`;
}

/** `[##   ]`; `part` from 0 to 1. */
export function bar(part: number, width: number): string {
  const full = Math.min(width, Math.max(0, Math.floor(part * width)));
  return `[${'#'.repeat(full)}${' '.repeat(width - full)}]`;
}
