/** The pause between two turns of a loop, which news may cut short. */
import type { Millis } from '../../config/values.ts';
import type { Clock } from '../ports.ts';

export type Doze = {
  /** Also while a turn is under way: then the next pause is none. */
  readonly wake: () => void;
  /** Settles when the time is over, when it is woken, or when the signal is aborted. Never rejects. */
  readonly doze: (duration: Millis, signal: AbortSignal) => Promise<void>;
};

/** `AbortSignal.any` would do, and leaves some 70 bytes with the longer-lived signal each time (Node 24.21): megabytes a day. */
export function createDoze(clock: Pick<Clock, 'sleep'>): Doze {
  let woken = new AbortController();
  return {
    wake: () => woken.abort(),
    doze: async (duration, signal) => {
      const end = (): void => woken.abort();
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      await clock.sleep(duration, woken.signal).catch(() => undefined);
      signal.removeEventListener('abort', end);
      woken = new AbortController();
    },
  };
}
