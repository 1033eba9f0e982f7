/** What others have said, for as long as it holds (RFC 6762 sections 10, 10.1, 10.2). Pure. */
import { after, type Instant, type Ipv4, type Millis, millis, seconds, since } from '../../config/values.ts';
import { identity, type MdnsRecord, setOf } from './records.ts';
import type { Heard } from './truncated.ts';

export type Cached = {
  readonly record: MdnsRecord;
  readonly from: Ipv4;
  readonly received: Instant;
  readonly expires: Instant;
};

/** By `identity`. */
export type Cache = ReadonlyMap<string, Cached>;

export const emptyCache: Cache = new Map();

/** Others fill it, so it is bounded: in all, and for one sender. */
export const cacheMax = 1000;
export const senderMax = 200;
/** RFC 6762 section 10 has no longer ones. */
const ttlMax = seconds(4500);
const lastSecond = seconds(1);

/** Only the records that `wanted` says yes to. The same cache if nothing in it changes. */
export function absorb(cache: Cache, heard: Heard, now: Instant, wanted: (record: MdnsRecord) => boolean): Cache {
  const { message, from } = heard;
  if (message.kind !== 'response') return cache;
  const records = [...message.answers, ...message.additionals].filter(wanted);
  if (records.length === 0) return cache;
  const next = new Map(cache);
  const soon = after(now, lastSecond);
  flushSets(next, records, now, soon);
  for (const record of records) {
    const key = identity(record);
    const known = next.get(key);
    if (record.ttl > 0) {
      const expires = after(now, lifeOf(record));
      // A record that is renewed becomes the newest, which is what the bounds go by.
      next.delete(key);
      next.set(key, { record, from: from.address, received: now, expires });
    } else if (known !== undefined && known.expires > soon) {
      // 10.1: a goodbye; another host may still object within a second.
      next.set(key, { ...known, expires: soon });
    }
  }
  return bounded(next, from.address);
}

const lifeOf = (record: MdnsRecord): Millis => millis(Math.min(record.ttl, ttlMax));

/**
 * 10.2: the rest of the set goes in a second, unless it came just now: an announcement may have several packets. What is
 * among `records` themselves is renewed afterwards.
 */
function flushSets(cache: Map<string, Cached>, records: readonly MdnsRecord[], now: Instant, soon: Instant): void {
  const flushed = new Set(records.filter(({ unique, ttl }) => unique && ttl > 0).map(setOf));
  if (flushed.size === 0) return;
  for (const [key, old] of cache) {
    if (since(old.received, now) <= lastSecond || old.expires <= soon) continue;
    if (flushed.has(setOf(old.record))) cache.set(key, { ...old, expires: soon });
  }
}

/** The oldest go first, and those of a sender with very many before those of all others. */
function bounded(cache: Map<string, Cached>, sender: Ipv4): Cache {
  const ofSender = [...cache].filter(([, { from }]) => from === sender);
  for (const [key] of ofSender.slice(0, Math.max(0, ofSender.length - senderMax))) cache.delete(key);
  for (const key of [...cache.keys()].slice(0, Math.max(0, cache.size - cacheMax))) cache.delete(key);
  return cache;
}

export function withoutExpired(cache: Cache, now: Instant): Cache {
  const left = [...cache].filter(([, { expires }]) => expires > now);
  return left.length === cache.size ? cache : new Map(left);
}

/**
 * 5.2: asked for again at 80, 85, 90 and 95 per cent of its life, and by chance up to two per cent later, so that not all
 * hosts ask at once. `attempt` from 0, `chance` between 0 and 1.
 */
export function refreshAt({ received, expires }: Cached, attempt: number, chance: number): Instant | undefined {
  if (attempt > 3) return undefined;
  return after(received, millis((since(received, expires) * (80 + attempt * 5 + chance * 2)) / 100));
}

/** 7.1: what to tell with a question, with what is left of its life: all that has more than half of it. */
export function knownAnswers(cache: Cache, name: string, type: string, now: Instant): readonly MdnsRecord[] {
  return [...cache.values()]
    .filter(({ record }) => record.type === type && record.name.toLowerCase() === name.toLowerCase())
    .filter(({ received, expires }) => since(now, expires) > since(received, expires) / 2)
    .map(({ record, expires }) => ({ ...record, ttl: since(now, expires) }));
}
