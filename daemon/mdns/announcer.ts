/** When we speak unasked (RFC 6762 8.3, 8.4, 10.1): news twice, a second apart; what is no more, once with TTL 0. */
import { after, type Instant, millis, seconds } from '../../config/values.ts';
import { identity, type MdnsRecord, setOf } from './records.ts';

export type Announcer = {
  readonly records: readonly MdnsRecord[];
  /** To be said a second time. */
  readonly again: { readonly records: readonly MdnsRecord[]; readonly at: Instant } | undefined;
};

export type Announcement = { readonly announcer: Announcer; readonly say: readonly MdnsRecord[] };

const pause = seconds(1);
const goodbye = millis(0);

export const silentAnnouncer: Announcer = { records: [], again: undefined };

/**
 * From now on these and no others. The same records again are no news. No goodbye to what is `theirs`: another host has
 * that name now, and would have to take it for a word against its own.
 */
export function publish(
  announcer: Announcer,
  records: readonly MdnsRecord[],
  now: Instant,
  theirs: (record: MdnsRecord) => boolean = () => false,
): Announcement {
  const before = new Set(announcer.records.map(identity));
  const news = records.filter((record) => !before.has(identity(record)) && isAnnounced(record));
  const gone = goodbyes(announcer.records, records).filter((record) => !theirs(record));
  if (news.length === 0)
    return { announcer: { ...announcer, records, again: stillTrue(announcer, records) }, say: gone };
  const earlier = stillTrue(announcer, records)?.records ?? [];
  const again = { records: [...earlier, ...news], at: after(now, pause) };
  return { announcer: { records, again }, say: [...gone, ...news] };
}

/** At `again.at` or later. */
export function announceAgain(announcer: Announcer): Announcement {
  return { announcer: { ...announcer, again: undefined }, say: announcer.again?.records ?? [] };
}

/** Others were made to forget these; a second after we last spoke of them they hear them again (RFC 6762 6.6, 10.1). */
export function remind(announcer: Announcer, records: readonly MdnsRecord[], now: Instant): Announcer {
  const earlier = announcer.again?.records ?? [];
  const known = new Set(earlier.map(identity));
  const more = records.filter((record) => !known.has(identity(record)));
  if (more.length === 0) return announcer;
  return { ...announcer, again: { records: [...earlier, ...more], at: announcer.again?.at ?? after(now, pause) } };
}

/** The end: says goodbye to everything. */
export function withdraw(announcer: Announcer): Announcement {
  return { announcer: silentAnnouncer, say: goodbyes(announcer.records, []) };
}

/** Where a unique set goes on with other data, the cache-flush bit of the news does it, and a goodbye would be late. */
function goodbyes(before: readonly MdnsRecord[], now: readonly MdnsRecord[]): readonly MdnsRecord[] {
  const kept = new Set(now.map(identity));
  const replaced = new Set(now.filter((record) => record.unique).map(setOf));
  return before
    .filter((record) => isAnnounced(record) && !kept.has(identity(record)) && !replaced.has(setOf(record)))
    .map((record) => ({ ...record, ttl: goodbye }));
}

function stillTrue({ again }: Announcer, records: readonly MdnsRecord[]): Announcer['again'] {
  const now = new Set(records.map(identity));
  const left = again?.records.filter((record) => now.has(identity(record))) ?? [];
  if (again === undefined || left.length === 0) return undefined;
  return left.length === again.records.length ? again : { ...again, records: left };
}

const isAnnounced = (record: MdnsRecord): boolean => record.type !== 'NSEC';
