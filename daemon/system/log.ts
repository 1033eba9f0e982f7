/** Log lines on a stream: JSON for machines, a short line for people. */
import type { Clock, Log, LogFields } from '../ports.ts';
import { humanLine, jsonLine } from './log-line.ts';

const levels = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof levels)[number];

export type LogOptions = {
  readonly stream: LogStream;
  readonly level: Level;
  /** By default `human` on a terminal, else `json`. */
  readonly format?: 'json' | 'human';
  /** Puts `<6>` and so on before each line, which journald takes as the priority (sd-daemon(3)). */
  readonly priorities?: boolean;
  readonly clock: Pick<Clock, 'now'>;
};

/** The part of a writable stream that is used; standard output and error have it. */
export type LogStream = {
  readonly isTTY?: boolean;
  readonly write: (text: string) => unknown;
  readonly on?: (event: 'error', listener: () => void) => unknown;
};

/** syslog(3). */
const priority: Readonly<Record<Level, string>> = { debug: '<7>', info: '<6>', warn: '<4>', error: '<3>' };

export function createLog(options: LogOptions): Log {
  const { stream, clock } = options;
  // Whoever reads the log may go away (`| head`); that must not end the daemon.
  stream.on?.('error', () => {});
  const human = (options.format ?? (stream.isTTY === true ? 'human' : 'json')) === 'human';
  const line = human ? humanLine : jsonLine;
  const lowest = levels.indexOf(options.level);
  const mayComplain = complaintLimit(clock);

  const write = (level: Level, message: string, fields: LogFields): void => {
    if (levels.indexOf(level) < lowest) return;
    const suppressed = level === 'warn' || level === 'error' ? mayComplain(message) : 0;
    if (suppressed === undefined) return;
    const all = suppressed === 0 ? fields : { ...fields, suppressed };
    stream.write(
      `${options.priorities === true ? priority[level] : ''}${line({ at: clock.now(), level, message, fields: all })}\n`,
    );
  };
  const withFields = (own: LogFields): Log => ({
    debug: (message, fields) => write('debug', message, { ...own, ...fields }),
    info: (message, fields) => write('info', message, { ...own, ...fields }),
    warn: (message, fields) => write('warn', message, { ...own, ...fields }),
    error: (message, fields) => write('error', message, { ...own, ...fields }),
    child: (fields) => withFields({ ...own, ...fields }),
  });
  return withFields({});
}

/** The same complaint so often in a minute; what is beyond is counted, and the count is told with the next one. */
const COMPLAINTS_PER_MINUTE = 60;

/** Anybody on the LAN can cause some of our warnings, as often as he likes, and journald would drop others for them. */
function complaintLimit(clock: Pick<Clock, 'now'>): (message: string) => number | undefined {
  // Messages are static, so there are never many.
  const seen = new Map<string, { minute: number; count: number; suppressed: number }>();
  return (message) => {
    const minute = Math.floor(clock.now() / 60_000);
    const known = seen.get(message);
    if (known === undefined || known.minute !== minute) {
      seen.set(message, { minute, count: 1, suppressed: 0 });
      return known?.suppressed ?? 0;
    }
    known.count += 1;
    if (known.count <= COMPLAINTS_PER_MINUTE) return 0;
    known.suppressed += 1;
    return undefined;
  };
}
