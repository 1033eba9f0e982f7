/**
 * What is on each Node, in numbers: Nodes have a slot each, sums are kept in arrays by slot. Plans move pods in it to see what
 * comes of it, and take that back. All sums are of whole numbers, so that what is taken back leaves nothing behind.
 */
import type { NodeFacts } from '../nodes.ts';
import type { PodShape, Resources } from '../workloads/facts.ts';

export type Ledger = {
  /** By slot; undefined: no Node of that name is known, though pods say that they are on it. */
  readonly nodes: (NodeFacts | undefined)[];
  readonly slotOf: Map<string, number>;
  /** By slot, the place of its name in the order of names: it decides ties, so that nothing depends on who was heard of first. */
  rank: Int32Array;
  pods: Float64Array;
  cpu: Float64Array;
  memory: Float64Array;
  /** As the scheduler scores: who asks for nothing is taken to need a little. */
  scoredCpu: Float64Array;
  scoredMemory: Float64Array;
  /** By slot, its zone as a number from 1; 0: none. */
  readonly zone: number[];
  readonly zones: Map<string, number>;
  /** Slots in the order in which something of them changed, since the last time that it was begun anew. */
  readonly log: number[];
  logs: number;
};

export function createLedger(): Ledger {
  const empty = () => new Float64Array(64);
  return {
    ...{ nodes: [], slotOf: new Map(), rank: new Int32Array(64), zone: [], zones: new Map(), log: [], logs: 1 },
    ...{ pods: empty(), cpu: empty(), memory: empty(), scoredCpu: empty(), scoredMemory: empty() },
  };
}

/** `DefaultMilliCPURequest` and `DefaultMemoryRequest` of the scheduler. */
const assumed: Resources = { cpu: 100, memory: 200 * 2 ** 20 };
export const scoredRequests = ({ requests: { cpu, memory } }: PodShape): Resources => ({
  cpu: cpu || assumed.cpu,
  memory: memory || assumed.memory,
});

/** The slot of a Node of that name, made if need be. */
export function slotFor(ledger: Ledger, name: string): number {
  const known = ledger.slotOf.get(name);
  if (known !== undefined) return known;
  const slot = ledger.nodes.length;
  ledger.slotOf.set(name, slot);
  ledger.nodes.push(undefined);
  ledger.zone.push(0);
  if (slot >= ledger.pods.length) grow(ledger);
  return slot;
}

function grow(ledger: Ledger): void {
  const larger = (of: Float64Array): Float64Array => {
    const made = new Float64Array(of.length * 2);
    made.set(of);
    return made;
  };
  ledger.pods = larger(ledger.pods);
  ledger.cpu = larger(ledger.cpu);
  ledger.memory = larger(ledger.memory);
  ledger.scoredCpu = larger(ledger.scoredCpu);
  ledger.scoredMemory = larger(ledger.scoredMemory);
}

export function setNode(ledger: Ledger, slot: number, node: NodeFacts | undefined): void {
  ledger.nodes[slot] = node;
  const zone = node?.labels['topology.kubernetes.io/zone'];
  if (zone !== undefined && !ledger.zones.has(zone)) ledger.zones.set(zone, ledger.zones.size + 1);
  ledger.zone[slot] = ledger.zones.get(zone ?? '') ?? 0;
  ledger.log.push(slot);
}

/** What a pod asks for, and what the scheduler scores it as. */
type Asked = { readonly requests: Resources; readonly scored: Resources };

/** `times`: 1 puts a pod that asks for so much there, -1 takes one away. */
export function place(ledger: Ledger, slot: number, { requests, scored }: Asked, times: 1 | -1): void {
  ledger.pods[slot] = at(ledger.pods, slot) + times;
  ledger.cpu[slot] = at(ledger.cpu, slot) + times * requests.cpu;
  ledger.memory[slot] = at(ledger.memory, slot) + times * requests.memory;
  ledger.scoredCpu[slot] = at(ledger.scoredCpu, slot) + times * scored.cpu;
  ledger.scoredMemory[slot] = at(ledger.scoredMemory, slot) + times * scored.memory;
  ledger.log.push(slot);
}

/** So that the log does not grow for ever; whoever follows it begins anew, too. */
export function trimLog(ledger: Ledger): void {
  if (ledger.log.length < 100_000) return;
  ledger.log.length = 0;
  ledger.logs += 1;
}

export function rankSlots(ledger: Ledger): void {
  const order = [...ledger.slotOf].sort(([a], [b]) => (a < b ? -1 : 1));
  ledger.rank = new Int32Array(ledger.pods.length);
  for (const [rank, [, slot]] of order.entries()) ledger.rank[slot] = rank;
}

/** Slots are never out of bounds; the compiler cannot know. */
export const at = (values: { readonly [index: number]: number | undefined }, index: number): number =>
  values[index] ?? 0;

export const nameOf = ({ nodes }: Ledger, slot: number): string => nodes[slot]?.name ?? '?';
