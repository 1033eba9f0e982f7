/** How much each Node carries: pods, and what they ask for as a part of what it has. */

import type { PodShape } from '../workloads/facts.ts';
import { at, type Ledger, scoredRequests } from './ledger.ts';
import type { Model } from './model.ts';

/** Pods, cores, memory: the first in pods, the others as parts of one. */
export type Load = readonly [pods: number, cpu: number, memory: number];

export type Loads = {
  readonly of: (slot: number) => Load;
  /** What a pod of this shape adds there. */
  readonly adds: (shape: PodShape, slot: number) => Load;
  /** What one Node has in the mean, and what one pod. */
  readonly mean: Load;
  readonly perPod: Load;
  /** Nodes that a pod without any wishes could be on. */
  readonly slots: readonly number[];
  /** Sum over the Nodes of squares of their loads, in means. */
  readonly objective: () => number;
};

const noWishes: PodShape = {
  requests: { cpu: 0, memory: 0 },
  ...{ hostPorts: [], nodeSelector: {}, nodeAffinity: [], podAffinity: [], podAntiAffinity: [], spread: [] },
  ...{
    tolerations: [],
    claims: [],
    localStorage: false,
    systemCritical: false,
    priority: 0,
    hostNetwork: false,
    images: [],
  },
};

export function loadOf({ ledger, reaches }: Model): Loads {
  // In the order of names: sums of fractions depend on their order.
  const slots = [...reaches.profileOf(noWishes).reach.open].sort((a, b) => at(ledger.rank, a) - at(ledger.rank, b));
  const of = (slot: number): Load => {
    const room = roomOf(ledger, slot);
    return [at(ledger.pods, slot), at(ledger.scoredCpu, slot) / room.cpu, at(ledger.scoredMemory, slot) / room.memory];
  };
  const sums = [0, 0, 0];
  for (const slot of slots) for (const [kind, value] of of(slot).entries()) sums[kind] = at(sums, kind) + value;
  const mean: Load = [
    at(sums, 0) / slots.length || 1,
    at(sums, 1) / slots.length || 1,
    at(sums, 2) / slots.length || 1,
  ];
  const pods = at(sums, 0) || 1;
  return {
    ...{ of, mean, slots, perPod: [1, at(sums, 1) / pods || 1, at(sums, 2) / pods || 1] },
    adds: (shape, slot) => {
      const [room, { cpu, memory }] = [roomOf(ledger, slot), scoredRequests(shape)];
      return [1, cpu / room.cpu, memory / room.memory];
    },
    objective: () => {
      let sum = 0;
      for (const slot of slots) for (const [kind, value] of of(slot).entries()) sum += (value / at(mean, kind)) ** 2;
      return sum;
    },
  };
}

const roomOf = ({ nodes }: Ledger, slot: number): { readonly cpu: number; readonly memory: number } => {
  const { cpu = 0, memory = 0 } = nodes[slot]?.allocatable ?? {};
  return { cpu: cpu || 1, memory: memory || 1 };
};
