/**
 * Third goal: pods and what they ask for even over the Nodes, across owners, without taking anything from the second: an
 * application with one replica goes anywhere, one of several replicas to where one fewer is. Always from the fullest Node, and
 * from it the largest pod first that makes things better.
 */
import type { OwnerFacts } from '../workloads/facts.ts';
import { budgetOf, canSurge, carryOut, type Draft, isFull, landingOf, type Roster, rosterOf, skip } from './draft.ts';
import { isBalanced, type Seat } from './groups.ts';
import { nameOf } from './ledger.ts';
import type { Loads } from './load.ts';
import { isAlive, protection } from './protect.ts';
import { follow, topOf } from './ranking.ts';
import type { Profile } from './reach.ts';
import { choose } from './receivers.ts';
import { noRoom } from './score.ts';

export function planEven(draft: Draft): void {
  const { loads, settled } = draft;
  for (const slot of slotsTouched(draft)) loads.changed(slot);
  const { rank } = draft.model.ledger;
  const totals = new Map(loads.slots.map((slot) => [slot, loads.total(slot)]));
  const isFuller = (a: number, b: number): boolean => {
    const more = (totals.get(a) ?? 0) - (totals.get(b) ?? 0);
    return more > 0 || (more === 0 && (rank[a] ?? 0) < (rank[b] ?? 0));
  };
  // The fullest at the end.
  const donors = loads.slots.filter(settled).sort((a, b) => (isFuller(a, b) ? 1 : -1));
  const putBack = (slot: number): void => {
    let index = donors.length;
    while (index > 0 && isFuller(donors[index - 1] ?? 0, slot)) index -= 1;
    donors.splice(index, 0, slot);
  };
  while (!isFull(draft)) {
    // Others only get fuller: where nothing is worth it now, nothing will be.
    const slot = donors.pop();
    if (slot === undefined) return;
    const to = loads.hasMore(slot) ? moveFrom(draft, loads, slot) : undefined;
    if (to === undefined) continue;
    const index = donors.indexOf(to);
    if (index >= 0) donors.splice(index, 1);
    for (const changed of [slot, to]) {
      loads.changed(changed);
      totals.set(changed, loads.total(changed));
    }
    putBack(slot);
    if (index >= 0) putBack(to);
  }
}

export function slotsTouched({ moved }: Draft): ReadonlySet<number> {
  const slots = new Set<number>();
  for (const [{ slot }, to] of moved) slots.add(slot).add(to);
  return slots;
}

/** Where the pod went that was moved from there. */
function moveFrom(draft: Draft, loads: Loads, slot: number): number | undefined {
  const { ledger, seats } = draft.model;
  const promising = new Set<Profile>();
  for (const profile of new Set(seats[slot]?.map((seat) => seat.profile)))
    if (isPromising(draft, profile, slot)) promising.add(profile);
  if (promising.size === 0) return undefined;
  for (const seat of candidatesOn(draft, loads, slot)) {
    const found = promising.has(seat.profile) ? findPlace(draft, loads, seat) : undefined;
    if (found === undefined) continue;
    const { roster, to, surge, budget } = found;
    const why = `${nameOf(ledger, slot)} carries ${loads.inWords(slot)}, ${nameOf(ledger, to)} ${loads.inWords(to)}`;
    carryOut(draft, roster, seat, to, { goal: 'even', method: surge ? 'surge' : 'evict', why, budget });
    return to;
  }
  return undefined;
}

/** Where the scheduler would put whatever asks for so much, and has no fellows, something is gained. For all of them at once. */
function isPromising({ model: { ledger }, loads }: Draft, profile: Profile, from: number): boolean {
  const ranking = follow(ledger, profile);
  return ranking.zones.some((zone) => {
    const score = zone === undefined ? noRoom : topOf(zone, noCounts, (slot) => slot !== from);
    const shelf = zone?.shelves[score] ?? [];
    return score !== noRoom && shelf.every((slot) => slot === from || loads.gain(profile, from, slot) > 0);
  });
}
const noCounts: ReadonlyMap<number, number> = new Map();

/** In the order in which they are tried. */
function candidatesOn(draft: Draft, loads: Loads, slot: number): readonly Seat[] {
  const known = draft.candidates.get(slot);
  if (known !== undefined) return known;
  const { model } = draft;
  const found: { readonly seat: Seat; readonly size: number }[] = [];
  const sizes = new Map<Profile, number>();
  for (const seat of model.seats[slot] ?? []) {
    const { pod, group } = seat;
    const { owner } = group;
    if (!isBalanced(owner) || !isAlive(pod) || pod.shape.claims.length > 0) continue;
    if (protection(pod, owner, model.claims) !== undefined) continue;
    const size = sizes.get(seat.profile) ?? loads.size(seat.profile, slot);
    sizes.set(seat.profile, size);
    found.push({ seat, size });
  }
  found.sort((a, b) => b.size - a.size || (a.seat.pod.name < b.seat.pod.name ? -1 : 1));
  const seats = found.map(({ seat }) => seat);
  draft.candidates.set(slot, seats);
  return seats;
}

type Found = {
  readonly roster: Roster;
  readonly to: number;
  readonly surge: boolean;
  readonly budget: string | undefined;
};

function findPlace(draft: Draft, loads: Loads, seat: Seat): Found | undefined {
  const { model, options } = draft;
  const { group } = seat;
  const roster = rosterOf(draft, group);
  // First even in itself: two goals that pull at one owner would take turns.
  if (draft.uneven.has(group)) return undefined;
  if (roster.obstacle !== undefined || roster.movable.get(seat.slot)?.includes(seat) !== true) return undefined;
  const surge = canSurge(group, seat);
  if (group.owner?.replicas === 1 && !surge) {
    skip(draft, roster, 'even', 'single', whySingle(group.owner));
    return undefined;
  }
  const covered = surge ? { budget: undefined } : budgetOf(model, seat);
  if ('code' in covered) return undefined;
  if (options.cooling?.(group.uid, nameOf(model.ledger, seat.slot), 'from') === true) return undefined;
  const count = roster.counts.get(seat.slot) ?? 0;
  const to = choose(
    draft,
    roster,
    landingOf(draft, roster, seat, surge),
    (one, there) => one !== seat.slot && there < count && loads.gain(seat.profile, seat.slot, one) > 0,
  );
  return typeof to === 'string' ? undefined : { roster, to, surge, budget: covered.budget };
}

/** It would be away for a while: nobody may make a second one first. */
function whySingle({ scaledBy, kind, deployment }: OwnerFacts): string {
  const only = 'it has one replica, and';
  if (deployment === undefined)
    return `${only} there is no Deployment above its ${kind} that could make a second one first`;
  return `${only} ${scaledBy === 'autoscaler' ? 'an autoscaler' : 'a GitOps tool'} decides about their number`;
}
