/** Of the Nodes that the scheduler may take, whether each would be right, and which one is named in the plan. */

import type { Draft, Roster } from './draft.ts';
import { firstWrong, type Landing } from './landing.ts';
import { at, type Ledger, nameOf } from './ledger.ts';

/** The slot; or why none, in words. It takes any one of `best`: all of them have to be right. */
export function choose(
  draft: Draft,
  { group }: Roster,
  landing: Landing,
  isReceiver: (slot: number, fellows: number) => boolean,
): number | string {
  const { ledger } = draft.model;
  const { cooling } = draft.options;
  const hasCooled = (slot: number): boolean => cooling?.(group.uid, nameOf(ledger, slot), 'to') !== true;
  let chosen = -1;
  const wrong = firstWrong(landing, (slot, fellows) => {
    if (!isReceiver(slot, fellows) || !draft.settled(slot) || !hasCooled(slot)) return false;
    if (chosen < 0 || isLighter(ledger, slot, chosen)) chosen = slot;
    return true;
  });
  if (wrong !== undefined) {
    const landsOn = `the scheduler would put it on ${nameOf(ledger, wrong)}`;
    if (!isReceiver(wrong, landing.question.counts.get(wrong) ?? 0)) return `${landsOn}, where it helps nobody`;
    if (!draft.settled(wrong)) return `${landsOn}, which is not steady yet`;
    return `${landsOn}, which one of it left not long ago`;
  }
  return chosen < 0 ? 'no Node that it may be on has room for one more' : chosen;
}

function isLighter(ledger: Ledger, a: number, b: number): boolean {
  const pods = at(ledger.pods, a) - at(ledger.pods, b);
  return pods < 0 || (pods === 0 && at(ledger.rank, a) < at(ledger.rank, b));
}
