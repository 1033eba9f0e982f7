/** Which of our records answer a message, and how they must travel (RFC 6762 sections 5 to 7, 9). */

import type { Instant } from '../../config/values.ts';
import { type Ipv4, millis, seconds, since } from '../../config/values.ts';
import type { SentAt } from './outbox.ts';
import type { MdnsMessage, MdnsQuestion } from './packet.ts';
import { identity, isReverse, type MdnsRecord, ownerAddress, setOf } from './records.ts';
import type { Heard } from './truncated.ts';

export type MdnsReply = {
  /** `legacy`: plain DNS clients, that asked from another port than 5353. */
  readonly to: 'multicast' | 'unicast' | 'legacy';
  /** Several may answer: wait 20 to 120 ms at random, so that not all speak at once (RFC 6762 section 6). */
  readonly shared: boolean;
  /** Against another host that probes for a name of ours: at once, and more often than usual. */
  readonly defence: boolean;
  readonly answers: readonly MdnsRecord[];
  /** What the asker will want next. */
  readonly additionals: readonly MdnsRecord[];
};

export type Sent = { readonly sentAt: SentAt; readonly now: Instant };

const mdnsPort = 5353;
/** RFC 6762 6.7: a plain DNS client hears no goodbyes. */
const legacyTtlMax = seconds(10);

/** At most one reply for each way of travelling; none when nothing of ours was asked, or all is known. */
export function respond(heard: Heard, records: readonly MdnsRecord[], sent: Sent): readonly MdnsReply[] {
  const { message: query, from } = heard;
  if (query.kind !== 'query') return [];
  const claimed = rightlyClaimed(heard, records);
  const isKnown = knownTo(query.answers);
  const open = records.filter((record) => !claimed.has(record.name.toLowerCase()) && !isKnown(record));
  const asked = Map.groupBy(query.questions, ({ name }) => name.toLowerCase());
  const answersTo = (wanted: (question: MdnsQuestion) => boolean): readonly MdnsRecord[] =>
    open.filter((record) =>
      asked.get(record.name.toLowerCase())?.some((question) => wanted(question) && asks(question, record)),
    );
  if (from.port !== mdnsPort) return reply('legacy', answersTo(() => true).map(shortLived), open.map(shortLived));
  const probe = query.authorities.length > 0;
  const toAll = new Set(answersTo((question) => !question.unicast));
  const toOne: MdnsRecord[] = [];
  for (const record of answersTo((question) => question.unicast)) {
    // RFC 6762 5.4: what the others have not heard for long is told to all, but a prober gets what he asked for.
    if (probe || toldLately(record, sent)) toOne.push(record);
    else toAll.add(record);
  }
  const multicast = open.filter((record) => toAll.has(record));
  const unicast = toOne.filter((record) => !toAll.has(record));
  return [...reply('multicast', multicast, open, probe), ...reply('unicast', unicast, open, probe)];
}

function toldLately(record: MdnsRecord, { sentAt, now }: Sent): boolean {
  const last = sentAt.get(identity(record));
  return last !== undefined && since(last, now) < record.ttl / 4;
}

function reply(
  to: MdnsReply['to'],
  answers: readonly MdnsRecord[],
  open: readonly MdnsRecord[],
  defence = false,
): readonly MdnsReply[] {
  if (answers.length === 0) return [];
  const given = new Set(answers.map(identity));
  const additionals = followUps(answers, open).filter((record) => !given.has(identity(record)));
  return [{ to, shared: answers.some((record) => !record.unique), defence, answers, additionals }];
}

const shortLived = (record: MdnsRecord): MdnsRecord => ({
  ...record,
  ttl: millis(Math.min(record.ttl, legacyTtlMax)),
});

/** Of a record of the name. An NSEC record answers for every type that is not there, and for itself. */
function asks({ type }: MdnsQuestion, record: MdnsRecord): boolean {
  if (type === 'ANY' || type === record.type) return true;
  return record.type === 'NSEC' && !record.types.includes(type);
}

/** Service → its place and text → its host's address; a host's address → that it has no other (RFC 6763 12.1, 12.2). */
function followUps(answers: readonly MdnsRecord[], open: readonly MdnsRecord[]): readonly MdnsRecord[] {
  const instances = new Set<string>();
  const hosts = new Set<string>();
  const addresses = new Set<string>();
  for (const answer of answers) {
    if (answer.type === 'PTR' && !answer.unique) instances.add(answer.target.toLowerCase());
    if (answer.type === 'SRV') hosts.add(answer.target.toLowerCase());
    if (answer.type === 'A') addresses.add(answer.name.toLowerCase());
  }
  for (const record of open) {
    if (record.type === 'SRV' && instances.has(record.name.toLowerCase())) hosts.add(record.target.toLowerCase());
  }
  return open.filter((record) => {
    const name = record.name.toLowerCase();
    if (record.type === 'A') return hosts.has(name);
    if (record.type === 'NSEC') return hosts.has(name) || instances.has(name) || addresses.has(name);
    return record.type !== 'PTR' && instances.has(name);
  });
}

/** RFC 6762 7.1: at half its life or more, it need not be told again. */
function knownTo(answers: readonly MdnsRecord[]): (record: MdnsRecord) => boolean {
  if (answers.length === 0) return () => false;
  const left = extremeTtls(answers, Math.max);
  return (record) => (left.get(identity(record)) ?? -1) >= record.ttl / 2;
}

/**
 * By `identity`. What a stranger says is gone through once and then looked up: it may be as long as a packet can be, and
 * say the same all over.
 */
function extremeTtls(said: readonly MdnsRecord[], choose: (a: number, b: number) => number) {
  const ttls = new Map<string, number>();
  for (const record of said) {
    const key = identity(record);
    ttls.set(key, choose(ttls.get(key) ?? record.ttl, record.ttl));
  }
  return ttls;
}

/**
 * A board that probes for its own name with the address that we gave it is right. Silence about the whole name: any
 * answer at all would make it rename itself (RFC 6762 8.1). In lower case.
 */
export function rightlyClaimed({ message, from }: Heard, records: readonly MdnsRecord[]): ReadonlySet<string> {
  const right = new Set<string>();
  const claimed = Map.groupBy(message.authorities, ({ name }) => name.toLowerCase());
  if (claimed.size === 0) return right;
  const ours = new Set(records.map(identity));
  for (const [name, claims] of claimed) {
    const same = claims.some((claim) => ours.has(identity(claim)));
    if (same || ownerAddress(name, records) === from.address) right.add(name);
  }
  return right;
}

/**
 * Our records that a response just made others forget: a board that shuts down says goodbye to its name, which we go on
 * answering for (RFC 6762 6.6).
 */
export function forgotten(response: MdnsMessage, records: readonly MdnsRecord[]): readonly MdnsRecord[] {
  if (response.kind !== 'response' || response.answers.length === 0) return [];
  const left = extremeTtls(response.answers, Math.min);
  return records.filter((record) => (left.get(identity(record)) ?? record.ttl) < record.ttl / 2);
}

export type Contradiction = {
  readonly theirs: MdnsRecord;
  /** The host itself speaks of its own name or services: whatever it says is right. */
  readonly byOwner: boolean;
};

/**
 * What others say of names that are only ours, and we do not say (RFC 6762 section 9), or, in a query, want to say. One
 * for each name. A host with several addresses may name ours among them: then all is well.
 */
export function contradictions({ message, from }: Heard, records: readonly MdnsRecord[]): readonly Contradiction[] {
  const said = message.kind === 'response' ? [...message.answers, ...message.additionals] : message.authorities;
  const sets = Map.groupBy(
    said.filter(({ ttl }) => ttl > 0),
    setOf,
  );
  if (sets.size === 0) return [];
  const ours = Map.groupBy(
    records.filter((record) => record.unique && sets.has(setOf(record))),
    setOf,
  );
  const found = new Map<string, Contradiction>();
  for (const [set, [theirs, ...more]] of sets) {
    const mine = ours.get(set);
    if (mine === undefined || theirs === undefined || found.has(theirs.name.toLowerCase())) continue;
    const identities = new Set([theirs, ...more].map(identity));
    if (mine.some((record) => identities.has(identity(record)))) continue;
    found.set(theirs.name.toLowerCase(), { theirs, byOwner: isOwner(from.address, theirs, records) });
  }
  return [...found.values()];
}

/** Which name an address has backwards is for its host to say, and nothing to fight for. */
const isOwner = (from: Ipv4, theirs: MdnsRecord, records: readonly MdnsRecord[]): boolean =>
  isReverse(theirs.name) || ownerAddress(theirs.name, records) === from;
