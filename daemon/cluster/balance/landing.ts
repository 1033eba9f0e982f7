/**
 * Where the default scheduler would put a pod: its filters, then its scores (facts 4.1, 4.4). Not known here: which images a
 * Node has (ImageLocality), preferred affinities, and which Nodes it looks at in clusters of more than a hundred.
 */
import { at, type Ledger } from './ledger.ts';
import type { Profile } from './reach.ts';

export type Landing = {
  /** Those with the highest score: the scheduler takes any one of them. */
  readonly best: readonly number[];
  /** All that it may choose from. */
  readonly feasible: readonly number[];
};

/** `counts`: pods of its owner by slot, without itself. `allows`: what depends on other pods. */
export type LandingQuestion = {
  readonly profile: Profile;
  readonly counts: ReadonlyMap<number, number>;
  readonly allows: ((slot: number) => boolean) | undefined;
};

const [spreadWeight, taintWeight] = [2, 3];
/** PodTopologySpread's defaults: by host, and by zone where Nodes have that label. */
const [hostSkew, zoneSkew] = [3, 5];
const zoneLabel = 'topology.kubernetes.io/zone';

export function landing(ledger: Ledger, { profile, counts, allows }: LandingQuestion): Landing {
  const feasible: number[] = [];
  for (const slot of profile.reach.open) {
    if (scoreOf(ledger, profile, slot) < 0) continue;
    if (allows !== undefined && !allows(slot)) continue;
    feasible.push(slot);
  }
  const spread = spreadScore(ledger, feasible, counts);
  let [best, top]: [number[], number] = [[], -1];
  for (const slot of feasible) {
    const score = at(profile.score, slot) + spread(slot);
    if (score > top) [best, top] = [[slot], score];
    else if (score === top) best.push(slot);
  }
  return { best, feasible };
}

/** Without the spread; -1: it does not fit. */
function scoreOf(ledger: Ledger, profile: Profile, slot: number): number {
  const version = at(ledger.version, slot);
  if (profile.scoredAt[slot] === version) return at(profile.score, slot);
  const score = freshScore(ledger, profile, slot);
  profile.score[slot] = score;
  profile.scoredAt[slot] = version;
  return score;
}

function freshScore(ledger: Ledger, { reach, scored, shape: { requests } }: Profile, slot: number): number {
  const room = ledger.nodes[slot]?.allocatable;
  if (room === undefined || at(ledger.pods, slot) + 1 > room.pods) return -1;
  if (requests.cpu > 0 && at(ledger.cpu, slot) + requests.cpu > room.cpu) return -1;
  if (requests.memory > 0 && at(ledger.memory, slot) + requests.memory > room.memory) return -1;
  const cpu = at(ledger.scoredCpu, slot) + scored.cpu;
  const memory = at(ledger.scoredMemory, slot) + scored.memory;
  const least = Math.floor((leftOver(cpu, room.cpu) + leftOver(memory, room.memory)) / 2);
  // Of two fractions the standard deviation is half of their difference.
  const apart = Math.abs(Math.min(1, cpu / room.cpu) - Math.min(1, memory / room.memory)) / 2;
  const soft = reach.softMost === 0 ? 100 : 100 - Math.floor((100 * at(reach.soft, slot)) / reach.softMost);
  return least + Math.floor((1 - apart) * 100) + taintWeight * soft;
}

/** Percent, as NodeResources' LeastAllocated has it. */
const leftOver = (used: number, of: number): number => (used > of ? 0 : Math.floor(((of - used) * 100) / of));

/** PodTopologySpread: how many fellows are there and in its zone, weighed by how many hosts and zones there are, and turned round. */
function spreadScore(
  ledger: Ledger,
  feasible: readonly number[],
  counts: ReadonlyMap<number, number>,
): (slot: number) => number {
  if (counts.size === 0) return () => spreadWeight * 100;
  const hostWeight = Math.log(feasible.length + 2);
  const zones = zonesOf(ledger, feasible, counts);
  const raw = (slot: number): number =>
    Math.round(
      (counts.get(slot) ?? 0) * hostWeight + hostSkew - 1 + (zones === undefined ? 0 : zones(slot) + zoneSkew - 1),
    );
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const slot of feasible) {
    const value = raw(slot);
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return (slot) => spreadWeight * (most === 0 ? 100 : Math.floor((100 * (most + least - raw(slot))) / most));
}

function zonesOf(
  { nodes }: Ledger,
  feasible: readonly number[],
  counts: ReadonlyMap<number, number>,
): ((slot: number) => number) | undefined {
  const zones = new Map<string, number>();
  for (const slot of feasible) {
    const zone = nodes[slot]?.labels[zoneLabel];
    if (zone !== undefined) zones.set(zone, 0);
  }
  if (zones.size === 0) return undefined;
  for (const [slot, count] of counts) {
    const zone = nodes[slot]?.labels[zoneLabel];
    const before = zone === undefined ? undefined : zones.get(zone);
    if (zone !== undefined && before !== undefined) zones.set(zone, before + count);
  }
  const weight = Math.log(zones.size + 2);
  return (slot) => (zones.get(nodes[slot]?.labels[zoneLabel] ?? '') ?? 0) * weight;
}
