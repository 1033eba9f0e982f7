/** Which of our records answer a message, and how they must travel (RFC 6762 sections 5 to 7, 9). */
import { type Instant, type Millis, millis, seconds, since } from '../../config/values.ts';
import type { MdnsMessage, MdnsQuestion } from './packet.ts';
import { identity, type MdnsRecord, sameName, setOf } from './records.ts';

export type MdnsReply = {
  /** `legacy`: plain DNS clients, that asked from another port than 5353. */
  readonly to: 'multicast' | 'unicast' | 'legacy';
  /** Several may answer: wait 20 to 120 ms at random, so that not all speak at once (RFC 6762 section 6). */
  readonly shared: boolean;
  readonly answers: readonly MdnsRecord[];
  /** What the asker will want next. */
  readonly additionals: readonly MdnsRecord[];
};

const mdnsPort = 5353;
/** RFC 6762 6.7: a plain DNS client hears no goodbyes. */
const legacyTtlMax = seconds(10);

/** At most one reply for each way of travelling; none when nothing of ours was asked, or all is known. */
export function respond(query: MdnsMessage, fromPort: number, records: readonly MdnsRecord[]): readonly MdnsReply[] {
  if (query.kind !== 'query') return [];
  const legacy = fromPort !== mdnsPort;
  const claimed = rightlyClaimed(query.authorities, records);
  const open = records.filter((record) => !claimed.has(record.name) && !knows(query.answers, record));
  const answersTo = (wanted: (question: MdnsQuestion) => boolean): readonly MdnsRecord[] =>
    open.filter((record) => query.questions.some((question) => wanted(question) && asks(question, record)));
  if (legacy) return reply('legacy', answersTo(() => true).map(shortLived), open.map(shortLived));
  const multicast = answersTo((question) => !question.unicast);
  const unicast = answersTo((question) => question.unicast).filter((record) => !multicast.includes(record));
  return [...reply('multicast', multicast, open), ...reply('unicast', unicast, open)];
}

function reply(to: MdnsReply['to'], answers: readonly MdnsRecord[], open: readonly MdnsRecord[]): readonly MdnsReply[] {
  if (answers.length === 0) return [];
  const given = new Set(answers.map(identity));
  const additionals = open.filter((record) => {
    if (given.has(identity(record)) || !answers.some((answer) => leadsTo(answer, record, open))) return false;
    given.add(identity(record));
    return true;
  });
  return [{ to, shared: answers.some((record) => !record.unique), answers, additionals }];
}

const shortLived = (record: MdnsRecord): MdnsRecord => ({
  ...record,
  ttl: millis(Math.min(record.ttl, legacyTtlMax)),
});

/** An NSEC record answers for every type that is not there, and for itself. */
function asks({ name, type }: MdnsQuestion, record: MdnsRecord): boolean {
  if (!sameName(name, record.name)) return false;
  if (type === 'ANY' || type === record.type) return true;
  return record.type === 'NSEC' && !record.types.includes(type);
}

/** Service → its place and text → its host's address; a host's address → that it has no other (RFC 6763 12.1, 12.2). */
function leadsTo(answer: MdnsRecord, record: MdnsRecord, open: readonly MdnsRecord[]): boolean {
  if (answer.type === 'A') return record.type === 'NSEC' && sameName(record.name, answer.name);
  if (answer.type === 'SRV') return isAddress(record) && sameName(record.name, answer.target);
  if (answer.type !== 'PTR' || answer.unique) return false;
  const ofInstance = record.type === 'SRV' || record.type === 'TXT';
  if (ofInstance) return sameName(record.name, answer.target);
  return open.some((srv) => srv.type === 'SRV' && sameName(srv.name, answer.target) && leadsTo(srv, record, open));
}

const isAddress = (record: MdnsRecord): boolean => record.type === 'A' || record.type === 'NSEC';

/** RFC 6762 7.1: at half its life or more, it need not be told again. */
const knows = (answers: readonly MdnsRecord[], record: MdnsRecord): boolean =>
  answers.some((known) => known.ttl >= record.ttl / 2 && identity(known) === identity(record));

/**
 * A board that probes for its own name with the address that we gave it is right. Silence about the whole name: any
 * answer at all would make it rename itself (RFC 6762 8.1).
 */
function rightlyClaimed(authorities: readonly MdnsRecord[], records: readonly MdnsRecord[]): ReadonlySet<string> {
  const claims = new Set(authorities.map(identity));
  return new Set(records.filter((record) => claims.has(identity(record))).map(({ name }) => name));
}

/**
 * Our records that a response just made others forget: a board that shuts down says goodbye to its name, which we go on
 * answering for (RFC 6762 6.6).
 */
export const forgotten = (response: MdnsMessage, records: readonly MdnsRecord[]): readonly MdnsRecord[] =>
  response.kind === 'response'
    ? records.filter((record) =>
        response.answers.some((heard) => heard.ttl < record.ttl / 2 && identity(heard) === identity(record)),
      )
    : [];

/** What others say of names that are only ours, different from what we say (RFC 6762 section 9). */
export const conflicting = (response: MdnsMessage, records: readonly MdnsRecord[]): readonly MdnsRecord[] =>
  response.kind === 'response'
    ? response.answers.filter((heard) => {
        const ours = records.filter((record) => record.unique && setOf(record) === setOf(heard));
        return heard.ttl > 0 && ours.length > 0 && !ours.some((record) => identity(record) === identity(heard));
      })
    : [];

/** RFC 6762 section 6: not the same record twice within a second. `sentAt` is by `identity`. */
export function notJustSent(
  records: readonly MdnsRecord[],
  sentAt: ReadonlyMap<string, Instant>,
  now: Instant,
): readonly MdnsRecord[] {
  return records.filter((record) => {
    const sent = sentAt.get(identity(record));
    const age: Millis = sent === undefined ? seconds(1) : since(sent, now);
    return age < 0 || age >= seconds(1);
  });
}
