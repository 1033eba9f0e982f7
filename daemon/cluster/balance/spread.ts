/**
 * Second goal: no two Nodes that an owner's pods may be on differ by more than one of them. From the fullest to the emptiest, one
 * at a time: sums of squares over boxes fall to their least that way without a move too many (steepest descent; the tests compare
 * with a flow of least cost). A Node without room is no Node for it, so what a Node can take needs no counting beforehand.
 */
import { budgetOf, carryOut, type Draft, isFull, landingOf, type Roster, rosterOf, skip } from './draft.ts';
import type { Seat } from './groups.ts';
import { anyEmpty } from './landing.ts';
import { at, nameOf } from './ledger.ts';
import type { Reach } from './reach.ts';
import { choose } from './receivers.ts';
import { inRounds } from './rounds.ts';

export function planSpread(draft: Draft): void {
  const rosters = [...draft.model.uneven].map((group) => rosterOf(draft, group));
  const gap = new Map(rosters.map((roster) => [roster, widest(roster)]));
  rosters.sort((a, b) => (gap.get(b) ?? 0) - (gap.get(a) ?? 0) || (a.group.uid < b.group.uid ? -1 : 1));
  inRounds(
    rosters,
    () => isFull(draft),
    (roster) => moveOne(draft, roster),
  );
}

const widest = ({ counts }: Roster): number => Math.max(...counts.values());

/** Whether there may be more. */
function moveOne(draft: Draft, roster: Roster): boolean {
  const { ledger } = draft.model;
  const donors: number[] = [];
  for (const [slot, count] of roster.counts) if (count > 1) donors.push(slot);
  donors.sort(
    (a, b) =>
      (roster.counts.get(b) ?? 0) - (roster.counts.get(a) ?? 0) ||
      at(ledger.pods, b) - at(ledger.pods, a) ||
      at(ledger.rank, a) - at(ledger.rank, b),
  );
  let reason: Refusal | undefined;
  for (const slot of donors) {
    const count = roster.counts.get(slot) ?? 0;
    const tried = moveFrom(draft, roster, slot, count);
    if (tried === 'moved') return true;
    if (tried !== undefined) reason ??= tried;
  }
  if (reason === undefined) return false;
  draft.uneven.add(roster.group);
  skip(draft, roster, 'spread', ...reason);
  return false;
}

type Refusal = readonly [code: Parameters<typeof skip>[3], reason: string];

/** Undefined: this Node has not more than the others. */
function moveFrom(draft: Draft, roster: Roster, slot: number, count: number): 'moved' | Refusal | undefined {
  const { ledger } = draft.model;
  const { group, counts } = roster;
  const seats = roster.movable.get(slot) ?? [];
  const sample: Seat | undefined = seats.at(-1) ?? group.seats.find((one) => one.slot === slot);
  if (sample === undefined || sample.profile.reach.standing[slot] !== 'open' || !draft.settled(slot)) return undefined;
  const level = levelOf(draft, counts, sample);
  if (level.least > count - 2) return undefined;
  const seat = seats.at(-1);
  if (seat === undefined)
    return [
      'protected',
      `those on ${nameOf(ledger, slot)} stay: ${roster.guarded.get(slot)?.why ?? 'they have moved'}`,
    ];
  if (roster.obstacle !== undefined) return [roster.obstacle.code, roster.obstacle.reason];
  const covered = budgetOf(draft.model, seat);
  if ('code' in covered) return [covered.code, covered.reason];
  if (draft.options.cooling?.(group.uid, nameOf(ledger, slot), 'from') === true)
    return ['cooling', `one of it came to ${nameOf(ledger, slot)} not long ago`];
  const landing = landingOf(draft, roster, seat, false);
  const { shared } = landing;
  // Of those with room: a full one neither takes nor lacks anything.
  let least = Number.POSITIVE_INFINITY;
  if (anyEmpty(landing, draft.settled)) least = 0;
  else for (const one of shared) if (draft.settled(one) && one !== slot) least = Math.min(least, counts.get(one) ?? 0);
  if (least > count - 2) return ['no-room', 'the Nodes that have fewer of it have no room for one more'];
  const chosen = choose(
    draft,
    roster,
    landing,
    (one, there) => one !== slot && there <= count - 2 && (there === least || there < level.floor),
  );
  if (typeof chosen === 'string') return ['landing', chosen];
  const why = `${nameOf(ledger, slot)} has ${count} of it, ${nameOf(ledger, chosen)} ${counts.get(chosen) ?? 0}`;
  carryOut(draft, roster, seat, chosen, { goal: 'spread', method: 'evict', why, budget: covered.budget });
  return 'moved';
}

/** The fewest that a Node has, and how many each has at least if all have their share. */
function levelOf(
  draft: Draft,
  counts: ReadonlyMap<number, number>,
  { profile: { reach } }: Seat,
): { readonly least: number; readonly floor: number } {
  const nodes = openNodes(draft, reach);
  let [least, sum, taken] = [Number.POSITIVE_INFINITY, 0, 0];
  for (const [slot, count] of counts) {
    if (reach.standing[slot] !== 'open' || !draft.settled(slot)) continue;
    least = Math.min(least, count);
    sum += count;
    taken += 1;
  }
  return { least: taken < nodes ? 0 : least, floor: nodes === 0 ? 0 : Math.floor(sum / nodes) };
}

/** How many Nodes may be given some. */
function openNodes({ settled, opened }: Draft, reach: Reach): number {
  let nodes = opened.get(reach);
  if (nodes === undefined) {
    nodes = reach.open.filter(settled).length;
    opened.set(reach, nodes);
  }
  return nodes;
}
