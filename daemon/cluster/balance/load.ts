/** How much each Node carries: pods, and what they ask for as a part of what it has. */
import type { PodShape } from '../workloads/facts.ts';
import { scoredRequests } from './ledger.ts';
import type { Model } from './model.ts';

/** In this order wherever all three are meant; the first in pods, the others as parts of what a Node has. */
const kinds = ['pods', 'cpu', 'memory'] as const;

export type Loads = {
  /** Nodes that a pod without any wishes could be on, in the order of their names. */
  readonly slots: readonly number[];
  /** In all three together, in means. */
  readonly total: (slot: number) => number;
  /** It has so much more than the emptiest that a move may be worth it (`isWorth`). */
  readonly hasMore: (slot: number) => boolean;
  /**
   * By how much the sum of squares falls if a pod of this shape leaves for there; 0 where it is not worth a move: in pods or in what
   * they ask for, it has to make the two Nodes more alike by more than one pod, and more than a tenth has to be between them (facts 4.3).
   */
  readonly gain: (shape: PodShape, from: number, to: number) => number;
  /** How much of such a Node a pod of this shape takes, in pods. */
  readonly size: (shape: PodShape, slot: number) => number;
  /** After a pod came or went. */
  readonly changed: (slot: number) => void;
  /** Sum over the Nodes of squares of their loads, in means. */
  readonly objective: () => number;
  /** `12 pods (40 %)`. */
  readonly inWords: (slot: number) => string;
};

const noWishes: PodShape = {
  requests: { cpu: 0, memory: 0 },
  ...{ hostPorts: [], nodeSelector: {}, nodeAffinity: [], podAffinity: [], podAntiAffinity: [], spread: [] },
  ...{ tolerations: [], claims: [], localStorage: false, systemCritical: false, priority: 0 },
  ...{ hostNetwork: false, images: [] },
};

export function loadsOf({ ledger, reaches }: Model): Loads {
  // In the order of names: sums of fractions depend on their order.
  const slots = [...reaches.profileOf(noWishes).reach.open].sort(
    (a, b) => (ledger.rank[a] ?? 0) - (ledger.rank[b] ?? 0),
  );
  const inPool = new Uint8Array(ledger.nodes.length);
  const load = kinds.map(() => new Float64Array(ledger.nodes.length));
  const room = kinds.map(() => new Float64Array(ledger.nodes.length).fill(1));
  const [pods, cpu, memory] = load;
  for (const [slot, node] of ledger.nodes.entries()) {
    if (room[1] !== undefined) room[1][slot] = node?.allocatable.cpu || 1;
    if (room[2] !== undefined) room[2][slot] = node?.allocatable.memory || 1;
    measure(slot);
  }
  for (const slot of slots) inPool[slot] = 1;
  // Of all pods there are, by all that there is room for: moves change neither, wherever they go.
  const sumOf = (of: Float64Array): number => ledger.nodes.reduce((sum, _, slot) => sum + (of[slot] ?? 0), 0);
  const roomFor = (kind: number): number => slots.reduce((sum, slot) => sum + (room[kind]?.[slot] ?? 1), 0) || 1;
  const all = sumOf(ledger.pods) || 1;
  const share = [
    all / (slots.length || 1),
    sumOf(ledger.scoredCpu) / roomFor(1),
    sumOf(ledger.scoredMemory) / roomFor(2),
  ];
  const mean = share.map((value) => value || 1);
  const perPod = mean.map((value) => (value * slots.length) / all);

  function measure(slot: number): void {
    if (pods === undefined || cpu === undefined || memory === undefined) return;
    pods[slot] = ledger.pods[slot] ?? 0;
    cpu[slot] = (ledger.scoredCpu[slot] ?? 0) / (room[1]?.[slot] ?? 1);
    memory[slot] = (ledger.scoredMemory[slot] ?? 0) / (room[2]?.[slot] ?? 1);
  }

  /** What a pod that asks for so much adds there. */
  const part = (kind: number, asked: readonly number[], slot: number): number =>
    (asked[kind] ?? 0) / (room[kind]?.[slot] ?? 1);
  const askedBy = (shape: PodShape): readonly number[] => {
    const { cpu, memory } = scoredRequests(shape);
    return [1, cpu, memory];
  };

  return {
    slots,
    total: (slot) => load.reduce((sum, of, kind) => sum + (of[slot] ?? 0) / (mean[kind] ?? 1), 0),
    hasMore: (slot) =>
      load.some((of, kind) => {
        const here = of[slot] ?? 0;
        let least = here;
        for (const other of slots) if ((of[other] ?? 0) < least) least = of[other] ?? 0;
        return here - least > (perPod[kind] ?? 1) && here - least > here / 10;
      }),
    gain: (shape, from, to) => {
      if (inPool[from] === 0 || inPool[to] === 0) return 0;
      const asked = askedBy(shape);
      let [falls, isNoticed] = [0, false];
      for (let kind = 0; kind < kinds.length; kind++) {
        const [a, b] = [load[kind]?.[from] ?? 0, load[kind]?.[to] ?? 0];
        const [goes, comes] = [part(kind, asked, from), part(kind, asked, to)];
        falls += (goes * (2 * a - goes) - comes * (2 * b + comes)) / (mean[kind] ?? 1) ** 2;
        const narrows = a - b - Math.abs(a - goes - b - comes);
        if (a - b > a / 10 && narrows > (perPod[kind] ?? 1)) isNoticed = true;
      }
      return isNoticed && falls > 1e-9 ? falls : 0;
    },
    size: (shape, slot) => {
      const asked = askedBy(shape);
      return asked.reduce((sum, _, kind) => sum + part(kind, asked, slot) / (perPod[kind] ?? 1), 0);
    },
    changed: measure,
    objective: () =>
      load.reduce(
        (sum, of, kind) => sum + slots.reduce((one, slot) => one + ((of[slot] ?? 0) / (mean[kind] ?? 1)) ** 2, 0),
        0,
      ),
    inWords: (slot) => {
      const percent = Math.round(Math.max(cpu?.[slot] ?? 0, memory?.[slot] ?? 0) * 100);
      return `${pods?.[slot] ?? 0} ${pods?.[slot] === 1 ? 'pod' : 'pods'} (${percent} %)`;
    },
  };
}
