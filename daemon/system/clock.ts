import { type Instant, instant, type Millis } from '../../config/values.ts';
import type { Clock } from '../ports.ts';

/** Longer timers fire at once (Node, `TIMEOUT_MAX`). */
const longestTimer = 2 ** 31 - 1;

/** The machine's clock. `now` follows corrections of the wall clock, `sleep` does not. */
export const systemClock: Clock = { now, sleep };

function now(): Instant {
  return instant(Date.now());
}

async function sleep(duration: Millis, signal: AbortSignal): Promise<void> {
  for (let left: number = duration; ; left -= longestTimer) {
    await timer(Math.min(left, longestTimer), signal);
    if (left <= longestTimer) return;
  }
}

function timer(duration: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(handle);
      reject(signal.reason);
    };
    const handle = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, duration);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
