/**
 * Third goal: pods and what they ask for even over the Nodes, across owners, without taking anything from the second: an
 * application with one replica goes anywhere, one of several replicas to where one fewer is. Always from the fullest Node, and
 * from it the largest pod first that makes things better.
 */
import type { OwnerFacts } from '../workloads/facts.ts';
import {
  budgetOf,
  type Candidate,
  canSurge,
  carryOut,
  type Draft,
  isFull,
  landingOf,
  type Roster,
  rosterOf,
  skip,
} from './draft.ts';
import { type Group, isBalanced, type Seat } from './groups.ts';
import { nameOf } from './ledger.ts';
import type { Loads } from './load.ts';
import type { SkipCode } from './plan.ts';
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
  const excuses = new Map<Group, Excuse>();
  for (const { seat, stays } of candidatesOn(draft, loads, slot)) {
    if (!promising.has(seat.profile)) continue;
    const found = stays === undefined ? findPlace(draft, loads, seat) : excuse('protected', stays);
    if (found === undefined) continue;
    if ('code' in found) {
      if (!excuses.has(seat.group)) excuses.set(seat.group, found);
      continue;
    }
    const { roster, to, surge, budget } = found;
    const why = `${nameOf(ledger, slot)} carries ${loads.inWords(slot)}, ${nameOf(ledger, to)} ${loads.inWords(to)}`;
    carryOut(draft, roster, seat, to, { goal: 'even', method: surge ? 'surge' : 'evict', why, budget });
    return to;
  }
  // Only where nothing else could go instead.
  for (const [group, { code, reason }] of excuses)
    if (!draft.excused.has(group)) skip(draft, rosterOf(draft, group), 'even', code, reason);
  for (const group of excuses.keys()) draft.excused.add(group);
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
function candidatesOn(draft: Draft, loads: Loads, slot: number): readonly Candidate[] {
  const known = draft.candidates.get(slot);
  if (known !== undefined) return known;
  const { model } = draft;
  const found: (Candidate & { readonly size: number })[] = [];
  const sizes = new Map<Profile, number>();
  for (const seat of model.seats[slot] ?? []) {
    const { pod, group } = seat;
    const { owner } = group;
    if (!isBalanced(owner) || !isAlive(pod)) continue;
    const why = protection(pod, owner, model.claims);
    const stays =
      why ?? (pod.shape.claims.length > 0 ? 'it has volumes: it is moved for its own spread only' : undefined);
    const size = sizes.get(seat.profile) ?? loads.size(seat.profile, slot);
    sizes.set(seat.profile, size);
    found.push({ seat, stays, size });
  }
  found.sort((a, b) => b.size - a.size || (a.seat.pod.name < b.seat.pod.name ? -1 : 1));
  draft.candidates.set(slot, found);
  return found;
}

type Excuse = Roster['obstacle'] & {};
const excuse = (code: SkipCode, reason: string): Excuse => ({ code, reason });

type Found = {
  readonly roster: Roster;
  readonly to: number;
  readonly surge: boolean;
  readonly budget: string | undefined;
};

/** Undefined: nothing would be gained, or that is said elsewhere. */
function findPlace(draft: Draft, loads: Loads, seat: Seat): Found | Excuse | undefined {
  const { model, options } = draft;
  const { group } = seat;
  const roster = rosterOf(draft, group);
  // First even in itself: two goals that pull at one owner would take turns.
  if (draft.uneven.has(group)) return undefined;
  if (roster.movable.get(seat.slot)?.includes(seat) !== true) return undefined;
  if (roster.obstacle !== undefined) return roster.obstacle;
  const surge = canSurge(group, seat);
  if (group.owner?.replicas === 1 && !surge) return excuse('single', whySingle(group.owner));
  const covered = surge ? { budget: undefined } : budgetOf(model, seat);
  if ('code' in covered) return covered;
  const from = nameOf(model.ledger, seat.slot);
  if (options.cooling?.(group.uid, from, 'from') === true)
    return excuse('cooling', `one of it came to ${from} not long ago`);
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
