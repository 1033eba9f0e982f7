import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../config/result.ts';
import { ipv4FromNumber } from '../../../config/values.ts';
import { type DhcpPacket, decodePacket, encodePacket } from '../../../daemon/dhcp/packet.ts';
import { readRequest } from '../../../daemon/dhcp/request.ts';
import { dhcpVectors, pi400Discover, pi400Request, proxyOffer } from '../../vectors/dhcp.ts';

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

test('header of a Pi 400 DISCOVER', (t) => {
  const { options, chaddr, ...header } = must(decodePacket(pi400Discover.datagram));
  t.deepEqual(header, {
    op: 1,
    htype: 1,
    hops: 0,
    xid: 0xd0e3497c,
    secs: 0,
    broadcast: false,
    ciaddr: ipv4FromNumber(0),
    yiaddr: ipv4FromNumber(0),
    siaddr: ipv4FromNumber(0),
    giaddr: ipv4FromNumber(0),
    sname: '',
    file: '',
  });
  t.is(hex(chaddr), 'dca632ecfc3c');
  t.deepEqual([...options.keys()], [53, 55, 60, 93, 94, 97]);
  t.is(hex(options.get(97)), '00525069343031c00032ecfc3cda06ffe0');
});

test('header of a proxy OFFER and of a REQUEST', (t) => {
  t.like(must(decodePacket(proxyOffer.datagram)), { op: 2, broadcast: true });
  t.like(must(decodePacket(pi400Request.datagram)), { op: 1, siaddr: ipv4FromNumber(0xc0a80201) });
});

for (const { name, datagram } of dhcpVectors) {
  test(`${name}: decode → encode → decode is the same`, (t) => {
    const packet = must(decodePacket(datagram));
    const again = must(decodePacket(encodePacket(packet)));
    t.deepEqual(sorted(again), sorted(packet));
  });
}

test('the lengths of the vectors are those of the captures', (t) => {
  const lengths = dhcpVectors.map(({ datagram }) => datagram.length);
  t.deepEqual(lengths, [320, 322, 322, 322, 314, 309, 322, 322]);
});

const template = (options: readonly number[]): number[] => [...pi400Discover.datagram.subarray(0, 240), ...options];
const patched = (offset: number, value: number): number[] => template([255]).with(offset, value);
const malformed = [
  { why: 'empty', bytes: [], code: 'TOO_SHORT', offset: 0 },
  { why: 'one byte', bytes: [1], code: 'TOO_SHORT', offset: 1 },
  { why: 'cookie cut', bytes: template([]).slice(0, 239), code: 'TOO_SHORT', offset: 239 },
  { why: 'op 0', bytes: patched(0, 0), code: 'BAD_OP', offset: 0 },
  { why: 'op 3', bytes: patched(0, 3), code: 'BAD_OP', offset: 0 },
  { why: 'hlen 17', bytes: patched(2, 17), code: 'BAD_HARDWARE_LENGTH', offset: 2 },
  { why: 'hlen 255', bytes: patched(2, 255), code: 'BAD_HARDWARE_LENGTH', offset: 2 },
  { why: 'plain BOOTP', bytes: patched(236, 0), code: 'NO_MAGIC_COOKIE', offset: 236 },
  { why: 'option without length', bytes: template([53]), code: 'TRUNCATED_OPTION', offset: 240 },
  { why: 'option too long', bytes: template([53, 1, 1, 12, 9]), code: 'TRUNCATED_OPTION', offset: 243 },
  { why: 'overloaded file cut', bytes: overloaded(), code: 'TRUNCATED_OPTION', offset: 234 },
];
for (const { why, bytes, code, offset } of malformed) {
  test(`malformed: ${why}`, (t) => {
    t.like(decodePacket(Uint8Array.from(bytes)), { ok: false, error: { code, offset } });
  });
}

test('no options at all is a message without a type', (t) => {
  const packet = must(decodePacket(Uint8Array.from(template([]))));
  t.is(packet.options.size, 0);
  t.like(readRequest(packet), { ok: false, error: { code: 'NO_MESSAGE_TYPE' } });
});

/** Option 52 says that `file` holds options, and its last one runs over the field's end. */
function overloaded(): number[] {
  const bytes = template([52, 1, 1, 255]);
  bytes.splice(234, 2, 43, 5);
  return bytes;
}

test('at least 300 bytes are written', (t) => {
  t.is(encodePacket(must(decodePacket(Uint8Array.from(template([255]))))).length, 300);
});

test('a field that is too long is our mistake', (t) => {
  const packet = must(decodePacket(pi400Discover.datagram));
  t.throws(() => encodePacket({ ...packet, sname: 'x'.repeat(65) }));
  t.throws(() => encodePacket({ ...packet, chaddr: new Uint8Array(17) }));
});

test('law: decode ∘ encode = identity', (t) => {
  const address = fc.nat(0xffffffff).map(ipv4FromNumber);
  const byte = fc.nat(255);
  const text = (maxLength: number) =>
    fc.array(fc.integer({ min: 1, max: 255 }), { maxLength }).map((codes) => String.fromCharCode(...codes));
  const code = fc.integer({ min: 1, max: 254 }).filter((number) => number !== 52);
  const packets: fc.Arbitrary<DhcpPacket> = fc.record({
    op: fc.constantFrom(1 as const, 2 as const),
    htype: byte,
    hops: byte,
    xid: fc.nat(0xffffffff),
    secs: fc.nat(0xffff),
    broadcast: fc.boolean(),
    ciaddr: address,
    yiaddr: address,
    siaddr: address,
    giaddr: address,
    chaddr: fc.uint8Array({ maxLength: 16 }),
    sname: text(64),
    file: text(128),
    options: fc
      .array(fc.tuple(code, fc.uint8Array({ maxLength: 300 })), { maxLength: 12 })
      .map((list) => new Map(list)),
  });
  fc.assert(
    fc.property(packets, (packet) => {
      const written = encodePacket(packet);
      const read = must(decodePacket(written));
      t.deepEqual(sorted(read), sorted(packet));
      t.deepEqual(encodePacket(read), written);
    }),
    { numRuns: 300 },
  );
});

test('100 000 random and damaged datagrams: no exception, every problem inside the datagram', (t) => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 0x7fffffff);
  t.log(`seed ${seed}; again with FUZZ_SEED=${seed}`);
  const random = generator(seed);
  const codes = new Map<string, number>();
  for (let round = 0; round < 100_000; round++) {
    const datagram = damaged(random);
    const copy = Uint8Array.from(datagram);
    const packet = decodePacket(datagram);
    const request = packet.ok ? readRequest(packet.value) : packet;
    const code = request.ok ? 'ok' : request.error.code;
    codes.set(code, (codes.get(code) ?? 0) + 1);
    if (!packet.ok && (packet.error.offset === undefined || packet.error.offset > datagram.length)) {
      t.fail(`seed ${seed} round ${round}: ${JSON.stringify(packet.error)} for ${hex(datagram)}`);
    }
    if (packet.ok && Buffer.compare(encodePacket(packet.value), encodePacket(must(decodePacket(copy)))) !== 0) {
      t.fail(`seed ${seed} round ${round}: read twice, understood differently: ${hex(datagram)}`);
    }
  }
  t.log(Object.fromEntries(codes));
  t.true((codes.get('ok') ?? 0) > 1000, 'the damage leaves some whole');
  t.true((codes.get('TRUNCATED_OPTION') ?? 0) > 1000, 'the damage reaches the options');
});

/** A real message with some bytes changed, cut or added; one in ten is noise from the first byte on. */
function damaged(random: (below: number) => number): Uint8Array {
  if (random(10) === 0) return Uint8Array.from({ length: random(700) }, () => random(256));
  const { datagram } = dhcpVectors[random(dhcpVectors.length)] ?? pi400Discover;
  const bytes = [...datagram];
  for (let count = random(6); count > 0; count--) {
    const where = random(4) === 0 ? random(bytes.length) : 240 + random(Math.max(1, bytes.length - 240));
    if (random(3) === 0) bytes.splice(where, random(4), ...Array.from({ length: random(4) }, () => random(256)));
    else bytes[where] = random(8) === 0 ? 52 : random(256);
  }
  if (random(4) === 0) bytes.length = random(bytes.length + 1);
  return Uint8Array.from(bytes, (byte) => byte ?? 0);
}

/** mulberry32: the same numbers for the same seed, everywhere. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Maps compare in order, and the order of options has no meaning. */
const sorted = (packet: DhcpPacket) => ({ ...packet, options: [...packet.options].sort(([a], [b]) => a - b) });
