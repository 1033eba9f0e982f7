/** The world in the shape in which it is planned with, kept up to date change by change. */
import type { BudgetFacts, ClaimFacts, PodFacts, World } from '../workloads/facts.ts';
import { type Group, judge, nothingToDo, type Seat } from './groups.ts';
import { createLedger, type Ledger, place, rankSlots, setNode, slotFor } from './ledger.ts';
import { createNeighbours, type Neighbours, namespaceOf } from './neighbours.ts';
import type { WorldChange } from './plan.ts';
import { isSeated } from './protect.ts';
import { createReaches, type Profile, type Reaches } from './reach.ts';

export type Model = {
  readonly ledger: Ledger;
  readonly reaches: Reaches;
  readonly neighbours: Neighbours;
  /** By the uid of the owner; a pod without one is a group of its own. */
  readonly groups: ReadonlyMap<string, Group>;
  /** Of the pods on each Node, by slot. */
  readonly seats: readonly ReadonlyMap<string, Seat>[];
  /** What they ask for, and how many for each, by slot. */
  readonly profiles: readonly ReadonlyMap<Profile, number>[];
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
  const groupOf = new Map<string, Group>();
  const seats: Map<string, Seat>[] = [];
  const profiles: Map<Profile, number>[] = [];
  const everyone = (): Iterable<Seat> => seats.flatMap((there) => [...there.values()]);
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
    for (const kept of [groups, groupOf, dirty, astray, uneven]) kept.clear();
    seats.length = 0;
    profiles.length = 0;
    [misplaced, squares, ranked] = [0, 0, 0];
    for (const node of world.nodes) setNode(ledger, slotFor(ledger, node.name), node);
    for (const pod of world.pods.values()) add(pod);
    budgets = Map.groupBy(world.budgets, ({ name }) => namespaceOf(name));
  }

  function add(pod: PodFacts): void {
    const uid = pod.owner?.uid ?? `pod ${pod.uid}`;
    let group = groups.get(uid);
    if (group === undefined) {
      group = { uid, owner: world.owners.get(uid), seats: new Map(), verdict: nothingToDo };
      groups.set(uid, group);
    }
    const slot = pod.node === undefined ? -1 : slotFor(ledger, pod.node);
    const seat: Seat = { pod, slot, profile: reaches.profileOf(pod.shape) };
    group.seats.set(pod.name, seat);
    groupOf.set(pod.name, group);
    dirty.add(group);
    if (slot < 0 || !isSeated(pod)) return;
    place(ledger, slot, pod.shape, 1);
    let there = seats[slot];
    if (there === undefined) {
      there = new Map();
      seats[slot] = there;
    }
    there.set(pod.name, seat);
    ask(seat, 1);
    neighbours.add(seat);
  }

  function drop(name: string): void {
    const group = groupOf.get(name);
    const seat = group?.seats.get(name);
    if (group === undefined || seat === undefined) return;
    groupOf.delete(name);
    group.seats.delete(name);
    dirty.add(group);
    if (seats[seat.slot]?.delete(name) !== true) return;
    place(ledger, seat.slot, seat.pod.shape, -1);
    ask(seat, -1);
    neighbours.drop(seat);
  }

  function ask({ slot, profile }: Seat, times: 1 | -1): void {
    let there = profiles[slot];
    if (there === undefined) {
      there = new Map();
      profiles[slot] = there;
    }
    const count = (there.get(profile) ?? 0) + times;
    if (count > 0) there.set(profile, count);
    else there.delete(profile);
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
    for (const { pod } of seats[slot]?.values() ?? []) {
      const group = groupOf.get(pod.name);
      if (group !== undefined) dirty.add(group);
    }
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
    if (group.seats.size === 0) groups.delete(group.uid);
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
        profiles,
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
