/**
 * Time for the limits, counted in rests: the wall clock of a master without a battery jumps by hours when the network tells
 * it the time, and would then let a flood in, or keep everybody out.
 */
import { type Millis, millis } from '../../config/values.ts';
import type { Clock } from '../ports.ts';

export const tickLength: Millis = millis(250);
export const ticksPerSecond = 1000 / tickLength;

export type Ticks = {
  /** Grows by one with each rest, never goes back. Stands still while the process does. */
  readonly now: () => number;
  /** Counts until the signal is aborted. Never rejects. */
  readonly follow: (clock: Pick<Clock, 'sleep'>, signal: AbortSignal) => Promise<void>;
};

export function createTicks(): Ticks {
  let ticks = 0;
  return {
    now: () => ticks,
    follow: async (clock, signal) => {
      while (!signal.aborted) {
        await clock.sleep(tickLength, signal).catch(() => undefined);
        ticks += 1;
      }
    },
  };
}
