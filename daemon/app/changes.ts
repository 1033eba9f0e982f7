/** Who wants to know that a board changed or that an event was committed. */
import { type DeviceId, type Millis, millis } from '../../config/values.ts';
import type { Change } from '../lifecycle/runner.ts';
import type { Clock } from '../ports.ts';

export type Changes = {
  readonly tell: (change: Change) => void;
  /** Until the returned function is called. */
  readonly subscribe: (listener: (change: Change) => void) => () => void;
  /** Settles at the board's next change, or after `limit`. */
  readonly next: (id: DeviceId, limit: Millis) => Promise<void>;
};

export function createChanges(clock: Clock, signal: AbortSignal): Changes {
  const listeners = new Set<(change: Change) => void>();

  const subscribe = (listener: (change: Change) => void): (() => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };

  async function next(id: DeviceId, limit: Millis): Promise<void> {
    const done = new AbortController();
    const unsubscribe = subscribe(({ before, after }) => {
      if ((after ?? before)?.id === id) done.abort();
    });
    await clock.sleep(millis(limit), AbortSignal.any([signal, done.signal])).catch(() => undefined);
    unsubscribe();
  }

  return {
    tell: (change) => {
      for (const listener of [...listeners]) listener(change);
    },
    subscribe,
    next,
  };
}
