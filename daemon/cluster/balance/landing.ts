/**
 * Where the default scheduler would put a pod: of the Nodes that have room one of those with the highest score (facts 4.4). Not
 * known here: which Nodes it looks at in clusters of more than a hundred, where it takes a part of them.
 */
import type { Ledger } from './ledger.ts';
import { follow, type Ranking, topOf } from './ranking.ts';
import type { Profile } from './reach.ts';
import { noRoom, scoreOf } from './score.ts';

export type Landing = {
  /** Those with the highest score: the scheduler takes any one of them. */
  readonly best: readonly number[];
  /** Whether any of these Nodes has room, and none of its owner. */
  readonly anyEmpty: (isOne: (slot: number) => boolean) => boolean;
  /** With room, and one of its owner, be it itself. */
  readonly shared: readonly number[];
};

export type LandingQuestion = {
  readonly profile: Profile;
  /** Pods of its owner by slot, with itself. */
  readonly counts: ReadonlyMap<number, number>;
  /** Where it is now, and will not be any more. Undefined: it stays till then. */
  readonly leaves: number | undefined;
  /** What depends on pods of others. Undefined: nothing. */
  readonly allows: ((slot: number) => boolean) | undefined;
};

const spreadWeight = 2;
/** PodTopologySpread's defaults: by host, and by zone where Nodes have that label. */
const [hostSkew, zoneSkew] = [3, 5];

export function landing(ledger: Ledger, question: LandingQuestion): Landing {
  const { profile, counts, leaves, allows } = question;
  const ranking = follow(ledger, profile);
  const raw = rawSpread(ledger, ranking, question);
  const shared: number[] = [];
  const scores: number[] = [];
  const raws: number[] = [];
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  const weigh = (score: number, value: number): void => {
    scores.push(score);
    raws.push(value);
    if (value < least) least = value;
    if (value > most) most = value;
  };
  // Those with fellows one by one; all others differ by zone and shelf only.
  const look = (slot: number): void => {
    if (profile.reach.standing[slot] !== 'open' || (allows !== undefined && !allows(slot))) return;
    const score = scoreOf(ledger, profile, slot, slot === leaves ? profile : undefined);
    if (score === noRoom) return;
    shared.push(slot);
    weigh(score, raw(there(question, slot), ledger.zone[slot] ?? 0));
  };
  for (const slot of counts.keys()) look(slot);
  const isLeftOut = (slot: number): boolean => counts.has(slot) || (allows !== undefined && !allows(slot));
  const tops: (readonly number[])[] = [];
  for (const [number, zone] of ranking.zones.entries()) {
    const top = zone === undefined ? undefined : topOf(zone, isLeftOut);
    if (top === undefined) continue;
    tops.push(top.slots);
    weigh(top.score, raw(0, number));
  }
  let [best, highest]: [number[], number] = [[], -1];
  for (let index = 0; index < scores.length; index++) {
    const spread = most === 0 ? 100 : Math.floor((100 * (most + least - (raws[index] ?? 0))) / most);
    const score = (scores[index] ?? 0) + spreadWeight * spread;
    if (score < highest) continue;
    if (score > highest) [best, highest] = [[], score];
    const slot = shared[index];
    if (slot !== undefined) best.push(slot);
    else for (const one of tops[index - shared.length] ?? []) best.push(one);
  }
  const anyEmpty = (isOne: (slot: number) => boolean): boolean =>
    ranking.zones.some((zone) => zone?.shelves.some((shelf) => shelf.some((slot) => !isLeftOut(slot) && isOne(slot))));
  return { best, shared, anyEmpty };
}

/** Without the one that leaves. */
const there = ({ counts, leaves }: LandingQuestion, slot: number): number =>
  (counts.get(slot) ?? 0) - (slot === leaves ? 1 : 0);

/** How many fellows are there and in its zone, weighed by how many hosts and zones there are: the fewer the better. */
function rawSpread(
  { zone }: Ledger,
  ranking: Ranking,
  question: LandingQuestion,
): (there: number, zone: number) => number {
  const hostWeight = Math.log(ranking.size + 2);
  // Slots without a zone are in number 0.
  const zones = ranking.zones.filter((one, number) => number > 0 && one !== undefined && one.size > 0).length;
  if (zones === 0) return (there) => Math.round(there * hostWeight + hostSkew - 1);
  const inZone = new Map<number, number>();
  for (const slot of question.counts.keys())
    inZone.set(zone[slot] ?? 0, (inZone.get(zone[slot] ?? 0) ?? 0) + there(question, slot));
  const zoneWeight = Math.log(zones + 2);
  return (there, number) =>
    Math.round(
      there * hostWeight + hostSkew - 1 + (number === 0 ? 0 : (inZone.get(number) ?? 0) * zoneWeight + zoneSkew - 1),
    );
}
