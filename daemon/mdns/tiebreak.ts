/** Two hosts probe for one name at once: who goes on is in what they want to say (RFC 6762 8.2, 8.2.1). */
import { ipv4Bytes } from '../../config/values.ts';
import type { MdnsRecord } from './records.ts';

/** Positive: ours win. Zero: they say the same, and nobody has to give way. Negative: ours lose. */
export function compareClaims(ours: readonly MdnsRecord[], theirs: readonly MdnsRecord[]): number {
  const [mine, other] = [sorted(ours), sorted(theirs)];
  for (let at = 0; at < Math.min(mine.length, other.length); at += 1) {
    const order = Buffer.compare(mine[at] ?? Buffer.alloc(0), other[at] ?? Buffer.alloc(0));
    if (order !== 0) return order;
  }
  return mine.length - other.length;
}

const sorted = (records: readonly MdnsRecord[]): readonly Buffer[] =>
  records
    .filter(({ type }) => type !== 'NSEC')
    .map(wireOrder)
    .sort(Buffer.compare);

/** RFC 1035 3.2.2, RFC 2782. */
const typeNumber = { A: 1, PTR: 12, TXT: 16, SRV: 33, NSEC: 47 } as const;

/** The class is the same for all, then the type, then the uncompressed data: as bytes, they compare in that order. */
const wireOrder = (record: MdnsRecord): Buffer => Buffer.concat([uint16(typeNumber[record.type]), dataBytes(record)]);

function dataBytes(record: MdnsRecord): Buffer {
  switch (record.type) {
    case 'A':
      return Buffer.from(ipv4Bytes(record.address));
    case 'PTR':
      return nameBytes(record.target);
    case 'SRV':
      // Priority and weight are 0 in ours, and those of others are not read.
      return Buffer.concat([uint16(0), uint16(0), uint16(record.port), nameBytes(record.target)]);
    case 'TXT':
      return Buffer.concat(record.entries.map(labelBytes));
    case 'NSEC':
      return Buffer.alloc(0);
  }
}

/** RFC 1035 3.1, without compression. */
export const nameBytes = (name: string): Buffer =>
  Buffer.concat([...name.split('.').map(labelBytes), Buffer.from([0])]);

function labelBytes(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length & 255]), bytes]);
}

const uint16 = (number: number): Buffer => Buffer.from([number >> 8, number & 255]);
