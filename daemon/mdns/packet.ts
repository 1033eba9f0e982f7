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
  readonly questions: readonly MdnsQuestion[];
  /** Of a query: what the asker knows already (RFC 6762 7.1). */
  readonly answers: readonly MdnsRecord[];
  /** Of a query: what a prober wants to become its own (RFC 6762 8.1). */
  readonly authorities: readonly MdnsRecord[];
};

/** Quirk: dns-packet 5.6 leaves the QU bit in the class and then has no name for it. */
const internet = { multicast: ['IN', 'ANY'], unicast: ['UNKNOWN_32769', 'UNKNOWN_33023'] };

/** Leaves out what is not of the Internet class and records of types that we never publish. */
export function readPacket(packet: Packet): MdnsMessage {
  return {
    id: packet.id ?? 0,
    kind: packet.type === 'response' ? 'response' : 'query',
    questions: (packet.questions ?? []).flatMap(readQuestion),
    answers: (packet.answers ?? []).flatMap(readRecord),
    authorities: (packet.authorities ?? []).flatMap(readRecord),
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

/** The cache-flush bit goes on unique records only, and never to those who speak plain DNS (RFC 6762 6.7, 10.2). */
export function writeRecord(record: MdnsRecord, { flush = true } = {}): Answer {
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

/** At most this many bytes: names are not compressed, `+ 32` is every fixed field together. */
function lengthOf(record: MdnsRecord): number {
  const texts = record.type === 'TXT' ? record.entries : 'target' in record ? [record.target] : [record.name];
  return record.name.length + 32 + texts.reduce((length, text) => length + text.length + 2, 0);
}
