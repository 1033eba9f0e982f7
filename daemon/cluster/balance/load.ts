/** How much each Node carries: pods, and what they ask for as a part of what it has. */
import type { PodShape } from '../workloads/facts.ts';
import type { Model } from './model.ts';
import type { Profile } from './reach.ts';

/** In this order wherever all three are meant; the first in pods, the others as parts of what a Node has. */
const kinds = ['pods', 'cpu', 'memory'] as const;

/** What a pod asks for, as the scheduler scores it. */
type Asking = Pick<Profile, 'scored'>;

export type Loads = {
  /** Nodes that a pod without any wishes could be on, in the order of their names. */
  readonly slots: readonly number[];
  /** In all three together, in means. */
  readonly total: (slot: number) => number;
  /** It has so much more than the emptiest that a move may be worth it (`isWorth`). */
  readonly hasMore: (slot: number) => boolean;
  /**
   * By how much the sum of squares falls if such a pod leaves for there; 0 where it is not worth a move: in pods or in what
   * they ask for, it has to make the two Nodes more alike by more than one pod, and more than a tenth has to be between them (facts 4.3).
   */
  readonly gain: (pod: Asking, from: number, to: number) => number;
  /** How much of such a Node such a pod takes, in pods. */
  readonly size: (pod: Asking, slot: number) => number;
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
  /** The least that one of them has, until something changes. */
  const least: number[] = [];
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

  function leastOf(kind: number): number {
    least[kind] ??= slots.reduce((some, slot) => Math.min(some, load[kind]?.[slot] ?? 0), Number.POSITIVE_INFINITY);
    return least[kind];
  }

  function measure(slot: number): void {
    least.length = 0;
    if (pods === undefined || cpu === undefined || memory === undefined) return;
    pods[slot] = ledger.pods[slot] ?? 0;
    cpu[slot] = (ledger.scoredCpu[slot] ?? 0) / (room[1]?.[slot] ?? 1);
    memory[slot] = (ledger.scoredMemory[slot] ?? 0) / (room[2]?.[slot] ?? 1);
  }

  return {
    slots,
    total: (slot) => load.reduce((sum, of, kind) => sum + (of[slot] ?? 0) / (mean[kind] ?? 1), 0),
    hasMore: (slot) =>
      load.some((of, kind) => {
        const [here, gap] = [of[slot] ?? 0, (of[slot] ?? 0) - leastOf(kind)];
        return gap > (perPod[kind] ?? 1) && gap > here / 10;
      }),
    gain: ({ scored }, from, to) => {
      if (inPool[from] === 0 || inPool[to] === 0) return 0;
      let [falls, isNoticed] = [0, false];
      for (let kind = 0; kind < kinds.length; kind++) {
        const [a, b] = [load[kind]?.[from] ?? 0, load[kind]?.[to] ?? 0];
        const asked = kind === 0 ? 1 : kind === 1 ? scored.cpu : scored.memory;
        const [goes, comes] = [asked / (room[kind]?.[from] ?? 1), asked / (room[kind]?.[to] ?? 1)];
        falls += (goes * (2 * a - goes) - comes * (2 * b + comes)) / (mean[kind] ?? 1) ** 2;
        const narrows = a - b - Math.abs(a - goes - b - comes);
        if (a - b > a / 10 && narrows > (perPod[kind] ?? 1)) isNoticed = true;
      }
      return isNoticed && falls > 1e-9 ? falls : 0;
    },
    size: ({ scored: { cpu, memory } }, slot) =>
      1 + cpu / (room[1]?.[slot] ?? 1) / (perPod[1] ?? 1) + memory / (room[2]?.[slot] ?? 1) / (perPod[2] ?? 1),
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
