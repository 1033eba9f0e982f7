/** The Nodes that pods of one shape may be on, shared by all shapes that say the same about it. */
import type { PodShape } from '../workloads/facts.ts';
import { barrier, type Standing, softTaints } from './eligible.ts';
import { type Ledger, scoredRequests } from './ledger.ts';

export type Reach = {
  readonly sample: PodShape;
  /** By slot. */
  readonly standing: Standing[];
  /** PreferNoSchedule taints against it, by slot. */
  readonly soft: number[];
  /** Slots that are open, in no order that means anything. */
  open: readonly number[];
  softMost: number;
};

/** What decides how the scheduler scores a Node for a pod, besides where its fellows are. Scores are kept until the slot changes. */
export type Profile = {
  readonly reach: Reach;
  readonly shape: PodShape;
  readonly scored: { readonly cpu: number; readonly memory: number };
  readonly score: number[];
  readonly scoredAt: number[];
};

export type Reaches = {
  readonly profileOf: (shape: PodShape) => Profile;
  /** The Node of this slot is another one, or gone. */
  readonly nodeChanged: (slot: number) => void;
  /** How many are kept. */
  readonly size: () => number;
};

export function createReaches(ledger: Ledger): Reaches {
  const reaches = new Map<string, Reach>();
  const profiles = new Map<string, Profile>();
  const known = new WeakMap<PodShape, Profile>();

  function reachOf(shape: PodShape, key: string): Reach {
    const kept = reaches.get(key);
    if (kept !== undefined) return kept;
    const reach: Reach = { sample: shape, standing: [], soft: [], open: [], softMost: 0 };
    for (let slot = 0; slot < ledger.nodes.length; slot++) look(reach, slot);
    gather(reach);
    reaches.set(key, reach);
    return reach;
  }

  function look(reach: Reach, slot: number): void {
    const node = ledger.nodes[slot];
    reach.standing[slot] = node === undefined ? 'closed' : (barrier(reach.sample, node)?.standing ?? 'open');
    reach.soft[slot] = node === undefined ? 0 : softTaints(reach.sample, node);
  }

  function gather(reach: Reach): void {
    const open: number[] = [];
    let most = 0;
    for (const [slot, standing] of reach.standing.entries()) {
      if (standing !== 'open') continue;
      open.push(slot);
      most = Math.max(most, reach.soft[slot] ?? 0);
    }
    // Scores are relative to the one with the most of these taints.
    if (most !== reach.softMost) for (const one of profiles.values()) if (one.reach === reach) one.scoredAt.fill(0);
    reach.softMost = most;
    reach.open = open;
  }

  return {
    profileOf: (shape) => {
      const kept = known.get(shape);
      if (kept !== undefined) return kept;
      const reachKey = JSON.stringify([shape.nodeSelector, shape.nodeAffinity, shape.tolerations]);
      const key = `${shape.requests.cpu} ${shape.requests.memory} ${reachKey}`;
      let profile = profiles.get(key);
      if (profile === undefined) {
        profile = { reach: reachOf(shape, reachKey), shape, scored: scoredRequests(shape), score: [], scoredAt: [] };
        profiles.set(key, profile);
      }
      known.set(shape, profile);
      return profile;
    },
    nodeChanged: (slot) => {
      for (const reach of reaches.values()) {
        look(reach, slot);
        gather(reach);
      }
    },
    size: () => profiles.size,
  };
}
