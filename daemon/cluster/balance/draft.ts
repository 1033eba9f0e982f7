/**
 * A plan while it is being made: moves are done in the model as they are found, so that the next one is looked for in the world
 * as it will be, and all are taken back at the end.
 */

import { matchesSelector } from '../workloads/matching.ts';
import { companyOf } from './company.ts';
import { type Group, isBalanced, type Seat } from './groups.ts';
import { type Landing, landing } from './landing.ts';
import { nameOf, place } from './ledger.ts';
import type { Loads } from './load.ts';
import type { Model } from './model.ts';
import { namespaceOf } from './neighbours.ts';
import type { Goal, Move, PlanOptions, Skip, SkipCode } from './plan.ts';
import { byLeastLoss, isAlive, protection } from './protect.ts';
import type { Reach } from './reach.ts';

/** An owner that something is wanted of. */
export type Roster = {
  readonly group: Group;
  readonly title: string;
  /** Pods by slot, wherever they are. */
  readonly counts: Map<number, number>;
  /** Those that may go, by slot, the one to go first at the end. */
  readonly movable: ReadonlyMap<number, Seat[]>;
  /** Why others of that slot stay. */
  readonly guarded: ReadonlyMap<number, Guard>;
  /** Why nothing of it is moved now. */
  readonly obstacle: { readonly code: SkipCode; readonly reason: string } | undefined;
};

type Guard = { readonly pod: string; readonly why: string };
const unguarded: Roster['guarded'] = new Map();

/** `stays`: why it does not. */
export type Candidate = { readonly seat: Seat; readonly stays: string | undefined };

export type Draft = {
  readonly model: Model;
  readonly options: PlanOptions;
  readonly moves: Move[];
  readonly skipped: Skip[];
  readonly rosters: Map<Group, Roster>;
  readonly loads: Loads;
  /** By slot, pods that would go to where there is less, in the order in which they are tried. */
  readonly candidates: Map<number, readonly Candidate[]>;
  /** Of the objective, with the moves so far. */
  readonly reached: { misplaced: number; uneven: number };
  /** Owners that stay uneven. */
  readonly uneven: Set<Group>;
  /** Owners of which it is said already why they do not help to even out the Nodes. */
  readonly excused: Set<Group>;
  /** Where each pod is that was moved, in the model, too. */
  readonly moved: Map<Seat, number>;
  /** Slots that may be given something. */
  readonly settled: (slot: number) => boolean;
  /** How many these are of those that a pod may be on. */
  readonly opened: Map<Reach, number>;
};

export function rosterOf(draft: Draft, group: Group): Roster {
  const known = draft.rosters.get(group);
  if (known !== undefined) return known;
  const { model } = draft;
  const counts = new Map<number, number>();
  const movable = new Map<number, Seat[]>();
  let guarded: Map<number, Guard> | undefined;
  let isSettling = false;
  for (const seat of group.seats) {
    const { pod, slot } = seat;
    // What is left of a pod on a Node that does not answer goes away with the Node.
    if (pod.terminating && model.ledger.nodes[slot]?.ready === true) isSettling = true;
    if (!isAlive(pod)) continue;
    if (slot < 0 || pod.phase === 'Pending') isSettling = true;
    if (slot < 0) continue;
    counts.set(slot, (counts.get(slot) ?? 0) + 1);
    const why = protection(pod, group.owner, model.claims);
    if (why !== undefined) {
      guarded ??= new Map();
      if (!(pod.name > (guarded.get(slot)?.pod ?? pod.name))) guarded.set(slot, { pod: pod.name, why });
      continue;
    }
    if (movable.get(slot)?.push(seat) === undefined) movable.set(slot, [seat]);
  }
  const { owner } = group;
  if (owner !== undefined) {
    const order = byLeastLoss(owner);
    for (const seats of movable.values()) if (seats.length > 1) seats.sort((a, b) => order(b.pod, a.pod));
  }
  const roster: Roster = {
    ...{ group, counts, movable, guarded: guarded ?? unguarded, title: owner?.title ?? group.uid },
    obstacle:
      owner?.rolling === true
        ? { code: 'rolling', reason: 'it is being rolled out, or not all of its pods are available' }
        : isSettling
          ? { code: 'settling', reason: 'a pod of it is being made or is on its way out' }
          : undefined,
  };
  draft.rosters.set(group, roster);
  return roster;
}

/** The budget that covers a pod; or why it cannot be evicted now. */
export function budgetOf(
  { budgets }: Model,
  { pod }: Seat,
): { readonly budget: string | undefined } | { readonly code: SkipCode; readonly reason: string } {
  const inNamespace = budgets.size === 0 ? undefined : budgets.get(namespaceOf(pod.name));
  if (inNamespace === undefined) return { budget: undefined };
  const covering = inNamespace.filter(({ selector }) => matchesSelector(selector, pod.labels));
  const [first, second] = covering.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (first === undefined) return { budget: undefined };
  if (second !== undefined)
    return {
      code: 'several-budgets',
      reason: `the budgets ${first.name} and ${second.name} cover the same pod, and Kubernetes evicts none of such`,
    };
  if (first.allowed < 1) return { code: 'budget', reason: `its disruption budget ${first.name} allows none to go now` };
  return { budget: first.name };
}

/** It has one replica, and another can be made before that one goes. */
export const canSurge = ({ owner }: Group, { pod }: Seat): boolean =>
  isBalanced(owner) &&
  owner.replicas === 1 &&
  owner.deployment !== undefined &&
  owner.scaledBy === undefined &&
  pod.shape.claims.length === 0;

/** Where the one that takes this pod's place would be put. `surge`: while it is still there. */
export function landingOf({ model, moved }: Draft, { counts }: Roster, seat: Seat, surge: boolean): Landing {
  const { ledger, neighbours } = model;
  const allows = companyOf({ ledger, neighbours, moved, seat, surge });
  return landing(ledger, { profile: seat.profile, counts, leaves: surge ? undefined : seat.slot, allows });
}

function change(counts: Map<number, number>, slot: number, by: 1 | -1): void {
  const count = (counts.get(slot) ?? 0) + by;
  if (count > 0) counts.set(slot, count);
  else counts.delete(slot);
}

/** Writes a move down, and does it in the model. */
export function carryOut(
  draft: Draft,
  roster: Roster,
  seat: Seat,
  to: number,
  { goal, method, budget, why }: Pick<Move, 'goal' | 'method' | 'budget' | 'why'>,
): void {
  const { ledger } = draft.model;
  const { pod, slot: from } = seat;
  const { group, counts, title } = roster;
  const [had, has] = [counts.get(from) ?? 0, counts.get(to) ?? 0];
  const seats = roster.movable.get(from) ?? [];
  seats.splice(seats.indexOf(seat), 1);
  place(ledger, from, seat.profile, -1);
  place(ledger, to, seat.profile, 1);
  change(counts, from, -1);
  change(counts, to, 1);
  const [here, there] = [nameOf(ledger, from), nameOf(ledger, to)];
  // Written out: there may be tens of thousands.
  draft.moves.push({
    owner: group.uid,
    title,
    pod: { name: pod.name, uid: pod.uid },
    from: here,
    to: there,
    goal,
    method,
    budget,
    why,
    before: { from: had, to: has },
    after: { from: had - 1, to: has + 1 },
  });
  draft.moved.set(seat, to);
  // From where a pod may not be nothing counted.
  if (goal === 'ineligible') draft.reached.misplaced -= 1;
  else draft.reached.uneven -= 2 * had - 1;
  draft.reached.uneven += 2 * has + 1;
}

export function takeBack({ model: { ledger }, moved }: Draft): void {
  for (const [{ slot, profile }, to] of moved) {
    place(ledger, to, profile, -1);
    place(ledger, slot, profile, 1);
  }
}

export const isFull = ({ options: { limit }, moves }: Draft): boolean => limit !== undefined && moves.length >= limit;

export function skip(draft: Draft, { group, title }: Roster, goal: Goal, code: SkipCode, reason: string): void {
  draft.skipped.push({ owner: group.uid, title, goal, code, reason });
}
