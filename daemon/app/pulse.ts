/**
 * Whether the daemon gets on: each loop says when it has made a turn, and one that has not for too long is named, by
 * `/readyz` and by silence towards systemd's watchdog. It counts its own rests instead of reading the clock: a Pi without a
 * battery gets its time from the network, hours off, and nothing has got stuck because of that.
 */
import type { Millis } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import { createRests, REST } from '../rests.ts';

export type Pulse = {
  /** A loop that makes a turn every `atLeastEvery`; what comes back is to be called at each turn. */
  readonly loop: (name: string, atLeastEvery: Millis) => () => void;
  /** Those that have not made a turn for three times that long. */
  readonly stuck: () => readonly string[];
  /** Settles when the signal is aborted. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

/** For a loop that is begun later, or never (nobody keeps a kube-config cluster): it is not stuck before its first turn. */
export function onceBegun(pulse: Pick<Pulse, 'loop'>, name: string, atLeastEvery: Millis): () => void {
  let turn: (() => void) | undefined;
  return () => {
    turn ??= pulse.loop(name, atLeastEvery);
    turn();
  };
}

export function createPulse(clock: Pick<Clock, 'sleep'>): Pulse {
  const loops = new Map<string, { readonly patience: number; last: number }>();
  const { count, follow } = createRests(clock);
  return {
    loop: (name, atLeastEvery) => {
      const loop = { patience: Math.ceil((3 * atLeastEvery) / REST), last: count() };
      loops.set(name, loop);
      return () => {
        loop.last = count();
      };
    },
    stuck: () => [...loops].filter(([, { last, patience }]) => count() - last > patience).map(([name]) => name),
    follow,
  };
}
