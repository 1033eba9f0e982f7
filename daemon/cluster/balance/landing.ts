/**
 * Where the default scheduler would put a pod: of the Nodes that have room one of those with the highest score (facts 4.4). Not
 * known here: which Nodes it looks at in clusters of more than a hundred, where it takes a part of them.
 */
import { at, type Ledger } from './ledger.ts';
import { follow, isLeftOut, type Ranking, topOf } from './ranking.ts';
import type { Profile } from './reach.ts';
import { noRoom, scoreOf } from './score.ts';

export type Landing = {
  /** With the highest score: Nodes with fellows, and shelves, of which those are meant that are not left out. */
  readonly best: { readonly shared: readonly number[]; readonly shelves: readonly (readonly number[])[] };
  /** With room, and one of its owner, be it itself. */
  readonly shared: readonly number[];
  readonly question: LandingQuestion;
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
  // The options: those with fellows one by one, then of each zone the highest shelf, whose Nodes differ in nothing.
  const shared: number[] = [];
  const shelves: (readonly number[])[] = [];
  const [scores, raws]: [number[], number[]] = [[], []];
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const [slot, count] of counts) {
    if (profile.reach.standing[slot] !== 'open' || allows?.(slot) === false) continue;
    const score = scoreOf(ledger, profile, slot, slot === leaves ? profile : undefined);
    if (score === noRoom) continue;
    const value = raw(slot === leaves ? count - 1 : count, ledger.zone[slot] ?? 0);
    if (value < least) least = value;
    if (value > most) most = value;
    shared.push(slot);
    scores.push(score);
    raws.push(value);
  }
  for (let number = 0; number < ranking.zones.length; number++) {
    const zone = ranking.zones[number];
    const score = zone === undefined ? noRoom : topOf(zone, counts, allows);
    if (score === noRoom) continue;
    const value = raw(0, number);
    if (value < least) least = value;
    if (value > most) most = value;
    shelves.push(zone?.shelves[score] ?? []);
    scores.push(score);
    raws.push(value);
  }
  let highest = -1;
  for (let option = 0; option < scores.length; option++) {
    const score = at(scores, option) + spreadWeight * normalized(at(raws, option), least, most);
    scores[option] = score;
    if (score > highest) highest = score;
  }
  const isBest = (option: number): boolean => at(scores, option) === highest;
  const best = {
    shared: shared.filter((_, option) => isBest(option)),
    shelves: shelves.filter((_, option) => isBest(shared.length + option)),
  };
  return { best, shared, question };
}

/** Of the Nodes of which the scheduler takes any one, the first that is not right; undefined: none. Copies none: they are many. */
export function firstWrong(
  { best: { shared, shelves }, question: { counts, allows } }: Landing,
  isRight: (slot: number, fellows: number) => boolean,
): number | undefined {
  for (const slot of shared) if (!isRight(slot, counts.get(slot) ?? 0)) return slot;
  for (const shelf of shelves)
    for (const slot of shelf) if (!isLeftOut(slot, counts, allows) && !isRight(slot, 0)) return slot;
  return undefined;
}

/** 0 to 100, the fewer fellows the more. */
const normalized = (raw: number, least: number, most: number): number =>
  most === 0 ? 100 : Math.floor((100 * (most + least - raw)) / most);

/** No Node has room for it. */
export const isFullEverywhere = ({ best }: Landing): boolean => best.shared.length + best.shelves.length === 0;

/** Whether any of these Nodes has room for it, and none of its owner. */
export const anyEmpty = (
  { question: { profile, counts, allows } }: Landing,
  isOne: (slot: number) => boolean,
): boolean =>
  profile.ranking.zones.some(
    (zone) => zone !== undefined && topOf(zone, counts, (slot) => isOne(slot) && allows?.(slot) !== false) !== noRoom,
  );

/** How many fellows are there and in its zone, weighed by how many hosts and zones there are: the fewer the better. */
function rawSpread(
  { zone }: Ledger,
  ranking: Ranking,
  { counts, leaves }: LandingQuestion,
): (there: number, zone: number) => number {
  const hostWeight = Math.log(ranking.size + 2);
  // Slots without a zone are in number 0.
  const zones = ranking.zones.filter((one, number) => number > 0 && one !== undefined && one.size > 0).length;
  if (zones === 0) return (there) => Math.round(there * hostWeight + hostSkew - 1);
  const inZone = new Map<number, number>();
  for (const [slot, count] of counts)
    inZone.set(zone[slot] ?? 0, (inZone.get(zone[slot] ?? 0) ?? 0) + count - (slot === leaves ? 1 : 0));
  const zoneWeight = Math.log(zones + 2);
  return (there, number) =>
    Math.round(
      there * hostWeight + hostSkew - 1 + (number === 0 ? 0 : (inZone.get(number) ?? 0) * zoneWeight + zoneSkew - 1),
    );
}
