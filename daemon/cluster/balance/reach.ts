/** The Nodes that pods of one shape may be on, shared by all shapes that say the same about it. */
import type { PodShape, Resources } from '../workloads/facts.ts';
import { barrier, type Standing, softTaints } from './eligible.ts';
import { type Ledger, scoredRequests } from './ledger.ts';
import { createRanking, type Ranking } from './ranking.ts';

export type Reach = {
  readonly sample: PodShape;
  /** By slot. */
  readonly standing: Standing[];
  /** PreferNoSchedule taints against it, by slot, and the most that one of the open ones has. */
  readonly soft: number[];
  softMost: number;
  /** Slots that are open, in no order that means anything. */
  open: readonly number[];
};

/** What decides how the scheduler scores a Node for a pod, besides where its fellows are. */
export type Profile = {
  readonly reach: Reach;
  readonly requests: Resources;
  readonly scored: Resources;
  readonly ranking: Ranking;
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
    if (most !== reach.softMost) for (const one of profiles.values()) if (one.reach === reach) one.ranking.logs = 0;
    reach.softMost = most;
    reach.open = open;
  }

  function profileFor(shape: PodShape): Profile {
    const reachKey = JSON.stringify([shape.nodeSelector, shape.nodeAffinity, shape.tolerations]);
    const key = `${shape.requests.cpu} ${shape.requests.memory} ${reachKey}`;
    const kept = profiles.get(key);
    if (kept !== undefined) return kept;
    const scored = scoredRequests(shape);
    const profile = { reach: reachOf(shape, reachKey), requests: shape.requests, scored, ranking: createRanking() };
    profiles.set(key, profile);
    return profile;
  }

  return {
    profileOf: (shape) => {
      const kept = known.get(shape);
      if (kept !== undefined) return kept;
      const profile = profileFor(shape);
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
