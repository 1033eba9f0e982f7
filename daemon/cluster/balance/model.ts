/** The world in the shape in which it is planned with, kept up to date change by change. */
import type { BudgetFacts, ClaimFacts, PodFacts, World } from '../workloads/facts.ts';
import { type Group, judge, nothingToDo, type Seat, uidOf } from './groups.ts';
import { createLedger, type Ledger, place, rankSlots, setNode, slotFor } from './ledger.ts';
import { createNeighbours, type Neighbours, namespaceOf } from './neighbours.ts';
import type { WorldChange } from './plan.ts';
import { isSeated } from './protect.ts';
import { createReaches, type Reaches } from './reach.ts';

export type Model = {
  readonly ledger: Ledger;
  readonly reaches: Reaches;
  readonly neighbours: Neighbours;
  /** By `uidOf` their pods. */
  readonly groups: ReadonlyMap<string, Group>;
  /** Of the pods on each Node, by slot; in no order. */
  readonly seats: readonly (readonly Seat[])[];
  readonly budgets: ReadonlyMap<string, readonly BudgetFacts[]>;
  readonly claims: ReadonlyMap<string, ClaimFacts>;
  /** Groups with strays, and groups that are not even, in no order. */
  readonly astray: ReadonlySet<Group>;
  readonly uneven: ReadonlySet<Group>;
  readonly misplaced: number;
  readonly squares: number;
};

export type KeptModel = {
  readonly take: (world: World) => void;
  readonly changed: (world: World, change: WorldChange) => void;
  /** With everything counted that was told. */
  readonly current: () => Model;
};

export function createModel(): KeptModel {
  let ledger = createLedger();
  let reaches = createReaches(ledger);
  const groups = new Map<string, Group>();
  const seatOf = new Map<string, Seat>();
  // Arrays, not maps: there are few on a Node or of an owner, and tens of thousands in all.
  const seats: Seat[][] = [];
  const everyone = (): Iterable<Seat> => seats.flat();
  let neighbours = createNeighbours(everyone);
  const dirty = new Set<Group>();
  const astray = new Set<Group>();
  const uneven = new Set<Group>();
  const counts: number[] = [];
  let world: World = { nodes: [], pods: new Map(), owners: new Map(), budgets: [], claims: new Map() };
  let budgets = new Map<string, BudgetFacts[]>();
  let [misplaced, squares, ranked] = [0, 0, 0];

  function take(next: World): void {
    world = next;
    ledger = createLedger();
    reaches = createReaches(ledger);
    neighbours = createNeighbours(everyone);
    for (const kept of [groups, seatOf, dirty, astray, uneven]) kept.clear();
    seats.length = 0;
    [misplaced, squares, ranked] = [0, 0, 0];
    for (const node of world.nodes) setNode(ledger, slotFor(ledger, node.name), node);
    for (const pod of world.pods.values()) add(pod);
    budgets = Map.groupBy(world.budgets, ({ name }) => namespaceOf(name));
  }

  function add(pod: PodFacts): void {
    const uid = uidOf(pod);
    let group = groups.get(uid);
    if (group === undefined) {
      group = { uid, owner: world.owners.get(uid), seats: [], verdict: nothingToDo };
      groups.set(uid, group);
    }
    const slot = pod.node === undefined ? -1 : slotFor(ledger, pod.node);
    const seat: Seat = { pod, group, slot, profile: reaches.profileOf(pod.shape) };
    group.seats.push(seat);
    seatOf.set(pod.name, seat);
    dirty.add(group);
    if (slot < 0 || !isSeated(pod)) return;
    place(ledger, slot, seat.profile, 1);
    while (seats.length <= slot) seats.push([]);
    seats[slot]?.push(seat);
    neighbours.add(seat);
  }

  function drop(name: string): void {
    const seat = seatOf.get(name);
    if (seat === undefined) return;
    seatOf.delete(name);
    takeOut(seat.group.seats, seat);
    dirty.add(seat.group);
    if (!takeOut(seats[seat.slot] ?? [], seat)) return;
    place(ledger, seat.slot, seat.profile, -1);
    neighbours.drop(seat);
  }

  function podChanged(name: string): void {
    drop(name);
    const pod = world.pods.get(name);
    if (pod !== undefined) add(pod);
  }

  function nodeChanged(name: string): void {
    const node = world.nodes.find((one) => one.name === name);
    if (node === undefined && !ledger.slotOf.has(name)) return;
    const slot = slotFor(ledger, name);
    setNode(ledger, slot, node);
    reaches.nodeChanged(slot);
    // For any other one Node without a pod more or less changes nothing: there still is one.
    for (const group of groups.values()) if (group.verdict.covers) dirty.add(group);
    for (const { group } of seats[slot] ?? []) dirty.add(group);
  }

  function ownerChanged(uid: string): void {
    const group = groups.get(uid);
    if (group === undefined) return;
    group.owner = world.owners.get(uid);
    dirty.add(group);
  }

  function settle(group: Group): void {
    const before = group.verdict;
    const after = judge(group, world.claims, counts);
    group.verdict = after;
    misplaced += after.misplaced - before.misplaced;
    squares += after.squares - before.squares;
    if (after.strays > 0) astray.add(group);
    else astray.delete(group);
    if (after.uneven) uneven.add(group);
    else uneven.delete(group);
    if (group.seats.length === 0) groups.delete(group.uid);
  }

  return {
    take,
    changed: (next, { kind, name }) => {
      world = next;
      if (kind === 'pod') podChanged(name);
      else if (kind === 'node') nodeChanged(name);
      else if (kind === 'owner') ownerChanged(name);
      else if (kind === 'budget') budgets = Map.groupBy(world.budgets, (one) => namespaceOf(one.name));
      else for (const group of groups.values()) dirty.add(group);
    },
    current: () => {
      // Names that were and shapes that were: kept as long as they are few.
      if (ledger.nodes.length > 2 * world.nodes.length + 64 || reaches.size() > 2 * groups.size + 256) take(world);
      if (ranked < ledger.nodes.length) rankSlots(ledger);
      ranked = ledger.nodes.length;
      for (const group of dirty) settle(group);
      dirty.clear();
      return {
        ledger,
        reaches,
        neighbours,
        groups,
        seats,
        budgets,
        claims: world.claims,
        astray,
        uneven,
        misplaced,
        squares,
      };
    },
  };
}

/** Whether it was there. */
function takeOut(seats: Seat[], seat: Seat): boolean {
  const index = seats.indexOf(seat);
  const last = index < 0 ? undefined : seats.pop();
  if (last === undefined) return false;
  if (last !== seat) seats[index] = last;
  return true;
}
