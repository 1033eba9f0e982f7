/** First goal: no pod where it may not be. This empties the master once it has its taint. */

import { budgetOf, canSurge, carryOut, type Draft, isFull, landingOf, type Roster, rosterOf, skip } from './draft.ts';
import { barrier } from './eligible.ts';
import { isFullEverywhere } from './landing.ts';
import { at } from './ledger.ts';
import { choose } from './receivers.ts';
import { inRounds } from './rounds.ts';

export function planMisplaced(draft: Draft): void {
  const rosters = [...draft.model.astray].map((group) => rosterOf(draft, group));
  inRounds(
    rosters.sort(byUid),
    () => isFull(draft),
    (roster) => moveOne(draft, roster),
  );
}

const byUid = (a: Roster, b: Roster): number => (a.group.uid < b.group.uid ? -1 : 1);

/** Whether there may be more. */
function moveOne(draft: Draft, roster: Roster): boolean {
  const { ledger } = draft.model;
  const skipped = (...[code, reason]: [Parameters<typeof skip>[3], string]): false => {
    skip(draft, roster, 'ineligible', code, reason);
    return false;
  };
  const slots = [...roster.counts.keys()].sort((a, b) => at(ledger.rank, a) - at(ledger.rank, b));
  let guarded: string | undefined;
  for (const slot of slots) {
    const node = ledger.nodes[slot];
    const sample = roster.group.seats.find((seat) => seat.slot === slot);
    if (node === undefined || sample?.profile.reach.standing[slot] !== 'not-meant') continue;
    const seat = roster.movable.get(slot)?.at(-1);
    if (seat === undefined) {
      const reason = roster.guarded.get(slot)?.why;
      if (reason !== undefined) guarded = `on ${node.name}, where it may not be, one stays: ${reason}`;
      continue;
    }
    if (roster.obstacle !== undefined) return skipped(roster.obstacle.code, roster.obstacle.reason);
    const surge = canSurge(roster.group, seat);
    const covered = surge ? { budget: undefined } : budgetOf(draft.model, seat);
    if ('code' in covered) return skipped(covered.code, covered.reason);
    if (draft.options.cooling?.(roster.group.uid, node.name, 'from') === true)
      return skipped('cooling', `one of it came to ${node.name} not long ago`);
    const landing = landingOf(draft, roster, seat, surge);
    if (isFullEverywhere(landing)) return skipped('no-room', `no Node that it may be on has room for one more`);
    const chosen = choose(draft, roster, landing, () => true);
    if (typeof chosen === 'string') return skipped('landing', chosen);
    const why = `${node.name} ${barrier(seat.pod.shape, node)?.why ?? 'is not for it'}`;
    carryOut(draft, roster, seat, chosen, { goal: 'ineligible', method: surge ? 'surge' : 'evict', why, ...covered });
    return true;
  }
  if (guarded !== undefined) skipped('protected', guarded);
  return false;
}
