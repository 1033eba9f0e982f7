/**
 * Third goal: pods and what they ask for even over the Nodes, across owners, without taking anything from the second: an
 * application with one replica goes anywhere, one of several replicas to where one fewer is. Always from the fullest Node.
 */
import { budgetOf, canSurge, carryOut, type Draft, isFull, landingOf, type Roster, rosterOf } from './draft.ts';
import { isBalanced, type Seat } from './groups.ts';
import { at, nameOf } from './ledger.ts';
import { type Loads, loadOf } from './load.ts';
import { isAlive, protection } from './protect.ts';
import { choose } from './receivers.ts';

export function planEven(draft: Draft): void {
  const loads = loadOf(draft.model);
  const total = (slot: number): number =>
    loads.of(slot).reduce((sum, value, kind) => sum + value / at(loads.mean, kind), 0);
  const donors = new Set(loads.slots.filter((slot) => draft.settled(slot)));
  while (donors.size > 0 && !isFull(draft)) {
    let fullest: number | undefined;
    for (const slot of donors) if (fullest === undefined || total(slot) > total(fullest)) fullest = slot;
    if (fullest === undefined) return;
    if (!hasMore(loads, fullest) || !moveFrom(draft, loads, fullest)) donors.delete(fullest);
  }
}

/** So much more than the emptiest that a move may be worth it. */
const hasMore = (loads: Loads, slot: number): boolean => loads.slots.some((other) => isWorth(loads, slot, other));

/** In pods or in what they ask for, by more than one pod and more than a tenth (facts 4.3). */
const isWorth = (loads: Loads, from: number, to: number): boolean =>
  loads.of(from).some((value, kind) => {
    const gap = value - at(loads.of(to), kind);
    return gap > at(loads.perPod, kind) && gap > value / 10;
  });

/** By how much the sum of squares falls if this pod is there instead of here; 0 where it is not worth a move. */
function gain(loads: Loads, { pod: { shape }, slot }: Seat, to: number): number {
  const [here, there, leaves, comes] = [loads.of(slot), loads.of(to), loads.adds(shape, slot), loads.adds(shape, to)];
  let [falls, isNoticed] = [0, false];
  for (const kind of [0, 1, 2]) {
    const [a, b, l, c] = [at(here, kind), at(there, kind), at(leaves, kind), at(comes, kind)];
    falls += (a ** 2 + b ** 2 - (a - l) ** 2 - (b + c) ** 2) / at(loads.mean, kind) ** 2;
    const narrows = a - b - Math.abs(a - l - b - c);
    if (a - b > a / 10 && narrows > at(loads.perPod, kind)) isNoticed = true;
  }
  return isNoticed && falls > 1e-9 ? falls : 0;
}

type Candidate = {
  readonly seat: Seat;
  readonly roster: Roster;
  readonly to: number;
  readonly surge: boolean;
  readonly budget: string | undefined;
  readonly falls: number;
};

function moveFrom(draft: Draft, loads: Loads, slot: number): boolean {
  let best: Candidate | undefined;
  for (const seat of draft.model.seats[slot]?.values() ?? []) {
    const candidate = candidateOf(draft, loads, seat);
    if (candidate === undefined) continue;
    const better =
      best === undefined ? 1 : candidate.falls - best.falls || (candidate.seat.pod.name < best.seat.pod.name ? 1 : -1);
    if (better > 0) best = candidate;
  }
  if (best === undefined) return false;
  const { seat, roster, to, surge, budget } = best;
  const why = `${nameOf(draft.model.ledger, slot)} carries ${carried(loads, slot)}, ${nameOf(draft.model.ledger, to)} ${carried(loads, to)}`;
  carryOut(draft, roster, seat, to, { goal: 'even', method: surge ? 'surge' : 'evict', why, budget });
  return true;
}

function carried(loads: Loads, slot: number): string {
  const [pods, cpu, memory] = loads.of(slot);
  const percent = Math.round(Math.max(cpu, memory) * 100);
  return `${pods} ${pods === 1 ? 'pod' : 'pods'} (${percent} %)`;
}

function candidateOf(draft: Draft, loads: Loads, seat: Seat): Candidate | undefined {
  const { model, options } = draft;
  const group = model.groups.get(seat.pod.owner?.uid ?? '');
  if (group === undefined || !isBalanced(group.owner) || !isAlive(seat.pod) || seat.pod.shape.claims.length > 0)
    return undefined;
  if (protection(seat.pod, group.owner, model.claims) !== undefined) return undefined;
  const surge = canSurge(group, seat);
  if (group.owner.replicas === 1 && !surge) return undefined;
  const roster = rosterOf(draft, group);
  if (roster.obstacle !== undefined || roster.movable.get(seat.slot)?.includes(seat) !== true) return undefined;
  const covered = surge ? { budget: undefined } : budgetOf(model, seat);
  if ('code' in covered) return undefined;
  if (options.cooling?.(group.uid, nameOf(model.ledger, seat.slot), 'from') === true) return undefined;
  const count = roster.counts.get(seat.slot) ?? 0;
  const { best } = landingOf(draft, roster, seat, surge);
  const to = choose(
    draft,
    roster,
    best,
    (one) => one !== seat.slot && (roster.counts.get(one) ?? 0) < count && gain(loads, seat, one) > 0,
  );
  if (typeof to === 'string') return undefined;
  return { seat, roster, to, surge, budget: covered.budget, falls: gain(loads, seat, to) };
}
