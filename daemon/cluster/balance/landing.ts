/**
 * Where the default scheduler would put a pod: of the Nodes that have room one of those with the highest score (facts 4.4). Not
 * known here: which Nodes it looks at in clusters of more than a hundred, where it takes a part of them.
 */
import { at, type Ledger } from './ledger.ts';
import { follow, type Ranking, topOf } from './ranking.ts';
import type { Profile } from './reach.ts';
import { noRoom, scoreOf } from './score.ts';

export type Landing = {
  /** Those with the highest score: the scheduler takes any one of them. */
  readonly best: readonly number[];
  /** Whether any of these Nodes has room, and none of its fellows. */
  readonly anyEmpty: (isOne: (slot: number) => boolean) => boolean;
  /** With room, and with fellows. */
  readonly shared: readonly number[];
};

export type LandingQuestion = {
  readonly profile: Profile;
  /** Pods of its owner by slot, without itself. */
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
  // Looked at one by one; all others differ by zone and shelf only.
  const own: { readonly slot: number; readonly score: number }[] = [];
  const look = (slot: number): void => {
    if (profile.reach.standing[slot] !== 'open' || (allows !== undefined && !allows(slot))) return;
    const score = scoreOf(ledger, profile, slot, slot === leaves ? profile : undefined);
    if (score !== noRoom) own.push({ slot, score });
  };
  for (const slot of counts.keys()) look(slot);
  if (leaves !== undefined && !counts.has(leaves)) look(leaves);
  const isLeftOut = (slot: number): boolean =>
    counts.has(slot) || slot === leaves || (allows !== undefined && !allows(slot));
  const tops = ranking.zones.flatMap((zone, number) => {
    const top = zone === undefined ? undefined : topOf(zone, isLeftOut);
    return top === undefined ? [] : [{ ...top, zone: number }];
  });
  const raw = rawSpread(ledger, ranking, counts);
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  const values = [
    ...own.map(({ slot, score }) => ({ slots: [slot], score, raw: raw(counts.get(slot) ?? 0, at(ledger.zone, slot)) })),
    ...tops.map(({ slots, score, zone }) => ({ slots, score, raw: raw(0, zone) })),
  ];
  for (const one of values) {
    least = Math.min(least, one.raw);
    most = Math.max(most, one.raw);
  }
  let [best, highest]: [readonly number[], number] = [[], -1];
  for (const one of values) {
    const spread = most === 0 ? 100 : Math.floor((100 * (most + least - one.raw)) / most);
    const score = one.score + spreadWeight * spread;
    if (score > highest) [best, highest] = [one.slots, score];
    else if (score === highest) best = [...best, ...one.slots];
  }
  const emptied = own.find(({ slot }) => !counts.has(slot))?.slot;
  return {
    best,
    shared: own.filter(({ slot }) => counts.has(slot)).map(({ slot }) => slot),
    anyEmpty: (isOne) =>
      (emptied !== undefined && isOne(emptied)) ||
      ranking.zones.some((zone) =>
        zone?.shelves.some((shelf) => shelf.some((slot) => !isLeftOut(slot) && isOne(slot))),
      ),
  };
}

/** How many fellows are there and in its zone, weighed by how many hosts and zones there are: the fewer the better. */
function rawSpread(
  { zone }: Ledger,
  ranking: Ranking,
  counts: ReadonlyMap<number, number>,
): (there: number, zone: number) => number {
  const hostWeight = Math.log(ranking.size + 2);
  // Slots without a zone are in number 0.
  const zones = ranking.zones.filter((one, number) => number > 0 && one !== undefined && one.size > 0).length;
  if (zones === 0) return (there) => Math.round(there * hostWeight + hostSkew - 1);
  const inZone: number[] = [];
  for (const [slot, count] of counts) inZone[at(zone, slot)] = at(inZone, at(zone, slot)) + count;
  const zoneWeight = Math.log(zones + 2);
  return (there, number) =>
    Math.round(there * hostWeight + hostSkew - 1 + (number === 0 ? 0 : at(inZone, number) * zoneWeight + zoneSkew - 1));
}
