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
  const ending = new AbortController();
  let wait: Millis | undefined;
  let armings = 0;
  let running = false;

  async function run(first: Millis): Promise<void> {
    let quiet = 0;
    let seen = armings;
    let rest: Millis = first;
    while (!ending.signal.aborted) {
      await clock.sleep(millis(Math.ceil(rest / 4)), ending.signal);
      quiet = armings === seen ? quiet + 1 : 0;
      seen = armings;
      rest = wait ?? rest;
      if (quiet >= 4) {
        quiet = 0;
        onIdle();
      }
    }
  }

  return {
    arm(next: Millis): void {
      wait = next;
      armings += 1;
      if (running) return;
      running = true;
      // It rejects for one reason only: that it was stopped.
      run(next).catch(() => undefined);
    },
    stop: () => ending.abort(),
  };
}
