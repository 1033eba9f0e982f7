/** How long something has been so, counted in turns of a loop: the wall clock is not read. */
import { type Millis, millis } from '../../../config/values.ts';
import type { Device } from '../../lifecycle/device.ts';

export type Waits = {
  /** One more turn in this phase, with these boards in their states: a board in another one begins anew. */
  readonly turn: (what: readonly (string | Device)[]) => void;
  readonly count: (what: string) => void;
  /** By the id of a board, or by what was counted; 0 in its first turn. */
  readonly of: (what: string) => Millis;
  readonly forget: () => void;
};

export function createWaits(turn: Millis): Waits {
  const counted = new Map<string, { readonly how: string; turns: number }>();
  const add = (what: string, how: string): void => {
    const before = counted.get(what);
    if (before?.how === how) before.turns += 1;
    else counted.set(what, { how, turns: 0 });
  };
  return {
    turn: (what) => {
      for (const one of what) {
        if (typeof one === 'string') add(one, '');
        else add(one.id, one.state.name === 'draining' ? one.state.work.step : one.state.name);
      }
    },
    count: (what) => add(what, ''),
    of: (what) => millis((counted.get(what)?.turns ?? 0) * turn),
    forget: () => counted.clear(),
  };
}
