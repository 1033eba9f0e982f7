/** Our records and the packets of multicast-dns: into each other. Its decoder has checked lengths and name pointers. */
import type { Answer, Packet, Question } from 'multicast-dns';
import { millis, parseIpv4 } from '../../config/values.ts';
import type { MdnsRecord } from './records.ts';

export type MdnsQuestion = {
  readonly name: string;
  /** `A`, `PTR` …, `ANY`. */
  readonly type: string;
  /** The QU bit: an answer by unicast is welcome (RFC 6762 5.4). */
  readonly unicast: boolean;
};

export type MdnsMessage = {
  readonly id: number;
  readonly kind: 'query' | 'response';
  /** The TC bit. Of a query: more known answers follow (RFC 6762 7.2). */
  readonly truncated: boolean;
  readonly questions: readonly MdnsQuestion[];
  /** Of a query: what the asker knows already (RFC 6762 7.1). */
  readonly answers: readonly MdnsRecord[];
  /** Of a query: what a prober wants to become its own (RFC 6762 8.1). */
  readonly authorities: readonly MdnsRecord[];
  readonly additionals: readonly MdnsRecord[];
};

/** RFC 1035 4.1.1. */
const flags = { truncated: 0x0200, authoritative: 0x0400, opcode: 0x7800, rcode: 0x000f };

/** Quirk: dns-packet 5.6 leaves the QU bit in the class and then has no name for it. */
const internet = { multicast: ['IN', 'ANY'], unicast: ['UNKNOWN_32769', 'UNKNOWN_33023'] };

/** RFC 6762 section 17: with its IP and UDP headers, a message is never longer than 9000 bytes. */
const messageMax = 9000 - 28;
/**
 * Questions and records together. One Ethernet frame, which is what responders fill, has room for 104 of the smallest
 * records (a pointer with both names compressed: 14 bytes of 1460): twice as many is nobody's honest message.
 */
export const entriesMax = 208;

/**
 * Is this worth decoding? Messages of another opcode or with an error in them are to be ignored (RFC 6762 18.3, 18.11), and
 * so is a header that claims more than can be there: a question takes 5 bytes at least, a record 11.
 */
export function isPlausible(payload: Buffer): boolean {
  if (payload.length < 12 || payload.length > messageMax) return false;
  if ((payload.readUInt16BE(2) & (flags.opcode | flags.rcode)) !== 0) return false;
  const [questions = 0, ...counts] = [4, 6, 8, 10].map((at) => payload.readUInt16BE(at));
  const records = counts.reduce((sum, count) => sum + count, 0);
  return questions + records <= entriesMax && 12 + 5 * questions + 11 * records <= payload.length;
}

/** Leaves out what is not of the Internet class and records of types that we never publish. */
export function readPacket(packet: Packet): MdnsMessage {
  return {
    id: packet.id ?? 0,
    kind: packet.type === 'response' ? 'response' : 'query',
    truncated: ((packet.flags ?? 0) & flags.truncated) !== 0,
    questions: (packet.questions ?? []).flatMap(readQuestion),
    answers: (packet.answers ?? []).flatMap(readRecord),
    authorities: (packet.authorities ?? []).flatMap(readRecord),
    additionals: (packet.additionals ?? []).flatMap(readRecord),
  };
}

function readQuestion(question: Question): readonly MdnsQuestion[] {
  const unicast = internet.unicast.includes(question.class ?? '');
  const known = unicast || internet.multicast.includes(question.class ?? 'IN');
  return known ? [{ name: question.name, type: question.type, unicast }] : [];
}

function readRecord(answer: Answer): readonly MdnsRecord[] {
  if (answer.class !== 'IN') return [];
  const common = { name: answer.name, ttl: millis((answer.ttl ?? 0) * 1000), unique: answer.flush === true };
  const { data } = answer;
  if (answer.type === 'A' && typeof data === 'string') {
    const address = parseIpv4(data);
    return address.ok ? [{ ...common, type: 'A', address: address.value }] : [];
  }
  if (answer.type === 'PTR' && typeof data === 'string') return [{ ...common, type: 'PTR', target: data }];
  if (answer.type === 'SRV' && isSrv(data)) return [{ ...common, type: 'SRV', target: data.target, port: data.port }];
  if (answer.type === 'TXT' && Array.isArray(data)) {
    return [{ ...common, type: 'TXT', entries: data.map((entry) => String(entry)) }];
  }
  return [];
}

const isSrv = (data: unknown): data is { readonly target: string; readonly port: number } =>
  typeof data === 'object' &&
  data !== null &&
  'target' in data &&
  typeof data.target === 'string' &&
  'port' in data &&
  typeof data.port === 'number';

export const writeQuestion = ({ name, type }: MdnsQuestion): Question => ({ name, type, class: 'IN' });

type ResponseOptions = Partial<Pick<MdnsMessage, 'id' | 'questions' | 'additionals'>> & WriteOptions;

export function writeResponse(
  answers: readonly MdnsRecord[],
  { additionals = [], ...more }: ResponseOptions = {},
): Packet {
  const write = (record: MdnsRecord): Answer => writeRecord(record, more);
  return {
    type: 'response',
    flags: flags.authoritative,
    ...(more.id !== undefined && { id: more.id }),
    ...(more.questions !== undefined && { questions: more.questions.map(writeQuestion) }),
    answers: answers.map(write),
    additionals: additionals.map(write),
  };
}

/** In as many packets as it takes; the additionals go along where there is room. */
export function writeResponses(
  answers: readonly MdnsRecord[],
  { additionals = [], ...more }: ResponseOptions = {},
): readonly Packet[] {
  const room = packLots([...answers, ...additionals]).length <= 1;
  return packLots(answers).map((lot) => writeResponse(lot, { ...more, additionals: room ? additionals : [] }));
}

/** Plain DNS reads one packet: the TC bit says that there is more (RFC 6762 18.5). Its question and id go back to it (6.7). */
export function writeLegacyResponse(
  answers: readonly MdnsRecord[],
  echo: Pick<MdnsMessage, 'id' | 'questions' | 'additionals'>,
): Packet {
  const [first, ...more] = writeResponses(answers, { ...echo, flush: false });
  return { ...first, flags: flags.authoritative | (more.length > 0 ? flags.truncated : 0) };
}

/**
 * No QU bit: port 5353 may be shared with another program on this machine, and an answer by unicast would reach either of
 * us (RFC 6762 15.1). In the authority section there is no cache-flush bit (10.2).
 */
export const writeQuery = (
  questions: readonly MdnsQuestion[],
  { answers = [], authorities = [], truncated = false }: Partial<MdnsMessage> = {},
): Packet => ({
  type: 'query',
  flags: truncated ? flags.truncated : 0,
  questions: questions.map(writeQuestion),
  answers: answers.map((record) => writeRecord(record, { flush: false })),
  authorities: authorities.map((record) => writeRecord(record, { flush: false })),
});

type WriteOptions = { readonly flush?: boolean };

/** dns-packet would write labels of any length, and a packet that nobody can read. */
export const isWritable = (name: string): boolean =>
  name.length > 0 &&
  Buffer.byteLength(name) < 254 &&
  name.split('.').every((label) => label !== '' && Buffer.byteLength(label) < 64);

/** The cache-flush bit goes on unique records only, and never to those who speak plain DNS (RFC 6762 6.7, 10.2). */
export function writeRecord(record: MdnsRecord, { flush = true }: WriteOptions = {}): Answer {
  const { name, type } = record;
  const common = { name, type, class: 'IN', ttl: Math.ceil(record.ttl / 1000), flush: flush && record.unique };
  switch (record.type) {
    case 'A':
      return { ...common, data: record.address };
    case 'PTR':
      return { ...common, data: record.target };
    case 'SRV':
      return { ...common, data: { target: record.target, port: record.port, priority: 0, weight: 0 } };
    case 'TXT':
      return { ...common, data: record.entries };
    case 'NSEC':
      return { ...common, data: { nextDomain: name, rrtypes: record.types } };
  }
}

/** Under an Ethernet frame, so that nothing is fragmented (RFC 6762 section 17). */
const payloadMax = 1400;

/** Records in as many lots as packets are needed: with fifty boards they do not fit one. */
export function packLots(records: readonly MdnsRecord[]): readonly (readonly MdnsRecord[])[] {
  const lots: MdnsRecord[][] = [];
  let room = 0;
  for (const record of records) {
    const length = lengthOf(record);
    if (length > room) {
      lots.push([]);
      room = payloadMax;
    }
    lots.at(-1)?.push(record);
    room -= length;
  }
  return lots;
}

/** One question for each name, with all that is claimed for it in the same packet. */
export function packProbes(
  claims: readonly MdnsRecord[],
): readonly { readonly questions: readonly MdnsQuestion[]; readonly authorities: readonly MdnsRecord[] }[] {
  const byName = Map.groupBy(claims, ({ name }) => name.toLowerCase());
  const probes: { questions: MdnsQuestion[]; authorities: MdnsRecord[] }[] = [];
  let room = 0;
  for (const [name, records] of byName) {
    const length = name.length + 8 + records.reduce((sum, record) => sum + lengthOf(record), 0);
    if (length > room) {
      probes.push({ questions: [], authorities: [] });
      room = payloadMax;
    }
    probes.at(-1)?.questions.push({ name, type: 'ANY', unicast: false });
    probes.at(-1)?.authorities.push(...records);
    room -= length;
  }
  return probes;
}

/** At most this many bytes: names are not compressed, `+ 32` is every fixed field together. */
function lengthOf(record: MdnsRecord): number {
  const texts = record.type === 'TXT' ? record.entries : 'target' in record ? [record.target] : [record.name];
  return record.name.length + 32 + texts.reduce((length, text) => length + text.length + 2, 0);
}
