/** Doubles of `daemon/ports.ts`, held to the same contract tests as the real ones (test/unit/system/). */
import { type Instant, instant, type Millis } from '../../config/values.ts';
import type { Clock, Log, LogFields, Random } from '../../daemon/ports.ts';

export type ClockDouble = Clock & {
  /**
   * Lets this much time go by: wakes each sleeper at its own moment, and lets what it does go on before the next one is
   * woken, also if that sleeps again.
   */
  readonly advance: (duration: Millis) => Promise<void>;
  /** When those who sleep will wake, earliest first. */
  readonly sleepers: () => readonly Instant[];
  /** Settles once at least `count` sleep: what to wait for before `advance`. */
  readonly whenSleeping: (count: number) => Promise<void>;
};

type Sleeper = { readonly at: number; readonly wake: () => void };

export function createClockDouble(start: Instant = instant(Date.UTC(2025, 0, 1))): ClockDouble {
  let now: number = start;
  let sleeping: readonly Sleeper[] = [];
  let waiting: readonly { readonly count: number; readonly resolve: () => void }[] = [];

  const tellWaiting = (): void => {
    const due = waiting.filter(({ count }) => sleeping.length >= count);
    waiting = waiting.filter((one) => !due.includes(one));
    for (const { resolve } of due) resolve();
  };
  return {
    now: () => instant(now),
    sleep: (duration, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const leave = (): void => {
          sleeping = sleeping.filter((one) => one !== sleeper);
          signal.removeEventListener('abort', onAbort);
        };
        const onAbort = (): void => {
          leave();
          reject(signal.reason);
        };
        const wake = (): void => {
          leave();
          resolve();
        };
        const sleeper = { at: now + Math.max(0, duration), wake };
        signal.addEventListener('abort', onAbort, { once: true });
        // Stable: who lay down first wakes first.
        sleeping = [...sleeping, sleeper].sort((a, b) => a.at - b.at);
        tellWaiting();
      }),
    advance: async (duration) => {
      const end = now + duration;
      await settled();
      for (let next = sleeping[0]; next !== undefined && next.at <= end; next = sleeping[0]) {
        now = Math.max(now, next.at);
        next.wake();
        await settled();
      }
      now = end;
    },
    sleepers: () => sleeping.map(({ at }) => instant(at)),
    whenSleeping: (count) =>
      new Promise((resolve) => {
        waiting = [...waiting, { count, resolve }];
        tellWaiting();
      }),
  };
}

/** All that follows without IO from what has happened so far. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export type LogRecord = {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
};

export type LogDouble = Log & {
  /** Also those of its children; oldest first. */
  readonly records: readonly LogRecord[];
  readonly find: (message: string) => LogRecord | undefined;
  /** Settles with the first record of this message, past or to come. */
  readonly when: (message: string) => Promise<LogRecord>;
};

export function createLogDouble(): LogDouble {
  const records: LogRecord[] = [];
  const waiting = new Set<{ readonly message: string; readonly resolve: (record: LogRecord) => void }>();
  const find = (message: string) => records.find((record) => record.message === message);
  const add = (record: LogRecord): void => {
    records.push(record);
    for (const one of waiting) {
      if (one.message !== record.message) continue;
      waiting.delete(one);
      one.resolve(record);
    }
  };
  const withFields = (own: LogFields): Log => ({
    debug: (message, fields) => add({ level: 'debug', message, fields: { ...own, ...fields } }),
    info: (message, fields) => add({ level: 'info', message, fields: { ...own, ...fields } }),
    warn: (message, fields) => add({ level: 'warn', message, fields: { ...own, ...fields } }),
    error: (message, fields) => add({ level: 'error', message, fields: { ...own, ...fields } }),
    child: (fields) => withFields({ ...own, ...fields }),
  });
  const when = (message: string): Promise<LogRecord> =>
    new Promise((resolve) => {
      const past = find(message);
      if (past === undefined) waiting.add({ message, resolve });
      else resolve(past);
    });
  return { ...withFields({}), records, find, when };
}

/** The same bytes for the same seed (mulberry32); for tests only, of course. */
export function createRandomDouble(seed = 1): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) & 255;
  };
  return { bytes: (length) => Uint8Array.from({ length }, next) };
}
