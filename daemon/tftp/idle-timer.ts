/** The one timer of a transfer, armed at every packet. */
import { type Millis, millis } from '../../config/values.ts';
import type { Clock } from '../ports.ts';

export type IdleTimer = {
  /** Cheap. Starts the time again, perhaps another one. */
  readonly arm: (wait: Millis) => void;
  readonly stop: () => void;
};

/**
 * Fires when nothing was armed for the time of the last arming, up to a quarter late. It counts rests of a sleep instead
 * of reading the clock: a Pi without a battery gets its time from the network, hours off, in the middle of a transfer.
 */
export function idleTimer(clock: Clock, onIdle: () => void): IdleTimer {
  let wait: Millis | undefined;
  let armings = 0;
  let running = false;
  let stopped = false;
  /** What the rest under way is a quarter of, and what cuts it short. */
  let measure = millis(0);
  let resting = new AbortController();

  async function run(first: Millis): Promise<void> {
    let quiet = 0;
    let seen = armings;
    measure = first;
    while (!stopped) {
      resting = new AbortController();
      // It rejects for one reason only: that it was cut short.
      await clock.sleep(millis(Math.ceil(measure / 4)), resting.signal).catch(() => undefined);
      quiet = armings === seen ? quiet + 1 : 0;
      seen = armings;
      measure = wait ?? measure;
      if (quiet >= 4 && !stopped) {
        quiet = 0;
        onIdle();
      }
    }
  }

  return {
    arm(next: Millis): void {
      wait = next;
      armings += 1;
      // One rest would be longer than all four should be now.
      if (running && next * 4 <= measure) resting.abort();
      if (running || stopped) return;
      running = true;
      void run(next);
    },
    stop(): void {
      stopped = true;
      resting.abort();
    },
  };
}
