/** Of the Nodes that the scheduler may take, whether each would be right, and which one is named in the plan. */

import type { Draft, Roster } from './draft.ts';
import { at, type Ledger, nameOf } from './ledger.ts';

/** The slot; or why none, in words. It takes any one of `best`: all of them have to be right. */
export function choose(
  draft: Draft,
  { group }: Roster,
  best: readonly number[],
  isReceiver: (slot: number) => boolean,
): number | string {
  const { ledger } = draft.model;
  const { cooling } = draft.options;
  let chosen: number | undefined;
  for (const slot of best) {
    if (!isReceiver(slot)) return `the scheduler would put it on ${nameOf(ledger, slot)}, where it helps nobody`;
    if (!draft.settled(slot)) return `the scheduler would put it on ${nameOf(ledger, slot)}, which is not steady yet`;
    if (cooling?.(group.uid, nameOf(ledger, slot), 'to') === true)
      return `the scheduler would put it on ${nameOf(ledger, slot)}, which one of it left not long ago`;
    if (chosen === undefined || isLighter(ledger, slot, chosen)) chosen = slot;
  }
  return chosen ?? 'no Node that it may be on has room for one more';
}

function isLighter(ledger: Ledger, a: number, b: number): boolean {
  const pods = at(ledger.pods, a) - at(ledger.pods, b);
  return pods < 0 || (pods === 0 && at(ledger.rank, a) < at(ledger.rank, b));
}
