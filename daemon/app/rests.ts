/**
 * How much time went by, counted in rests of the clock. The wall clock is not read: a master without a battery gets its
 * time from the network, hours off. What is counted is never more than what went by.
 */
import { type Millis, millis, seconds } from '../../config/values.ts';
import type { Clock } from '../ports.ts';

export type Rests = {
  /** Since the start, in steps of `REST`. */
  readonly elapsed: () => Millis;
  /** Counts until the signal is aborted, then settles. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

export const REST = seconds(5);

export function createRests(clock: Pick<Clock, 'sleep'>): Rests {
  let elapsed = millis(0);
  return {
    elapsed: () => elapsed,
    follow: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(REST, signal).then(
          () => {
            elapsed = millis(elapsed + REST);
          },
          () => undefined,
        );
      }
    },
  };
}
