/**
 * Nodes by what the scheduler thinks of them for pods of one profile, as long as none of their fellows is there: on shelves by zone
 * and score, kept up to date from the ledger's log. Plans ask for the best thousands of times and change two Nodes in between.
 */
import { at, type Ledger } from './ledger.ts';
import type { Profile } from './reach.ts';
import { bestScore, noRoom, scoreOf } from './score.ts';

export type Ranking = {
  readonly zones: (ZoneShelves | undefined)[];
  /** By slot: on which shelf, and where on it. */
  readonly key: number[];
  readonly index: number[];
  /** How many have room. */
  size: number;
  /** How far the log was read, and which one; 0: nothing of any. */
  read: number;
  logs: number;
};

export type ZoneShelves = {
  /** Slots by score. */
  readonly shelves: number[][];
  /** No shelf above it has any. */
  top: number;
  size: number;
};

export const createRanking = (): Ranking => ({ zones: [], key: [], index: [], size: 0, read: 0, logs: 0 });

const span = bestScore + 1;
const nowhere = -1;

/** With everything that changed since it was last asked for. */
export function follow(ledger: Ledger, profile: Profile): Ranking {
  const { ranking, reach } = profile;
  const { log } = ledger;
  if (ranking.logs !== ledger.logs || log.length - ranking.read > 2 * reach.open.length) {
    ranking.zones.length = 0;
    ranking.size = 0;
    ranking.key.fill(nowhere);
    for (const slot of reach.open) put(ledger, profile, slot);
  } else {
    for (let entry = ranking.read; entry < log.length; entry++) put(ledger, profile, at(log, entry));
  }
  ranking.read = log.length;
  ranking.logs = ledger.logs;
  return ranking;
}

function put(ledger: Ledger, profile: Profile, slot: number): void {
  const { ranking, reach } = profile;
  const score = reach.standing[slot] === 'open' ? scoreOf(ledger, profile, slot, undefined) : noRoom;
  const before = ranking.key[slot] ?? nowhere;
  const after = score === noRoom ? nowhere : at(ledger.zone, slot) * span + score;
  if (before === after) return;
  if (before !== nowhere) take(ranking, before, slot);
  while (ranking.key.length <= slot) ranking.key.push(nowhere);
  ranking.key[slot] = after;
  if (after !== nowhere) add(ranking, after, slot);
}

function take(ranking: Ranking, key: number, slot: number): void {
  const zone = ranking.zones[Math.floor(key / span)];
  const shelf = zone?.shelves[key % span];
  const last = shelf?.pop();
  if (zone === undefined || shelf === undefined || last === undefined) return;
  const index = at(ranking.index, slot);
  if (last !== slot) {
    shelf[index] = last;
    ranking.index[last] = index;
  }
  zone.size -= 1;
  ranking.size -= 1;
}

function add(ranking: Ranking, key: number, slot: number): void {
  const [number, score] = [Math.floor(key / span), key % span];
  let zone = ranking.zones[number];
  if (zone === undefined) {
    zone = { shelves: [], top: 0, size: 0 };
    ranking.zones[number] = zone;
  }
  while (zone.shelves.length <= score) zone.shelves.push([]);
  const shelf = zone.shelves[score];
  ranking.index[slot] = shelf?.length ?? 0;
  shelf?.push(slot);
  zone.top = Math.max(zone.top, score);
  zone.size += 1;
  ranking.size += 1;
}

/** The highest shelf that has one which is not left out: its score. `noRoom`: none. */
export function topOf(zone: ZoneShelves, counts: Counted, allows: Allows | undefined): number {
  while (zone.top > 0 && zone.shelves[zone.top]?.length === 0) zone.top -= 1;
  for (let score = zone.top; score >= 0; score--)
    for (const slot of zone.shelves[score] ?? []) if (!isLeftOut(slot, counts, allows)) return score;
  return noRoom;
}

type Counted = ReadonlyMap<number, number>;
type Allows = (slot: number) => boolean;

/** One of its owner is there, or others do not let it. */
export const isLeftOut = (slot: number, counts: Counted, allows: Allows | undefined): boolean =>
  counts.has(slot) || allows?.(slot) === false;
