/**
 * How much time went by, counted in rests of the clock. The wall clock is not read: a master without a battery gets its
 * time from the network, hours off. What is counted is never more than what went by, and it stands still while the process does.
 */
import { type Millis, millis, seconds } from '../config/values.ts';
import type { Clock } from './ports.ts';

export type Rests = {
  /** Since the start; never goes back. */
  readonly count: () => number;
  readonly elapsed: () => Millis;
  /** Counts until the signal is aborted, then settles. Never rejects. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

/** Fine enough for leases and for health. */
export const REST = seconds(5);

export function createRests(clock: Pick<Clock, 'sleep'>, length: Millis = REST): Rests {
  let count = 0;
  return {
    count: () => count,
    elapsed: () => millis(count * length),
    follow: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(length, signal).then(
          () => {
            count += 1;
          },
          () => undefined,
        );
      }
    },
  };
}
