import test from 'ava';
import fc from 'fast-check';
import { decodePacket, encodePacket, type TftpPacket, writeDataHeader } from '../../../daemon/tftp/packet.ts';
import { tftpVectors } from '../../vectors/tftp.ts';

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

for (const vector of tftpVectors) {
  test(`${vector.name}: decodes, and encodes to the same bytes`, (t) => {
    t.deepEqual(decodePacket(fromHex(vector.hex)), { ok: true, value: vector.packet });
    t.is(toHex(encodePacket(vector.packet)), vector.hex);
  });
}

const malformed: readonly (readonly [name: string, hex: string, code: string, offset: number])[] = [
  ['nothing', '', 'TRUNCATED', 0],
  ['one byte', '00', 'TRUNCATED', 1],
  ['an ACK without its block', '0004', 'TRUNCATED', 2],
  ['half a block number', '000401', 'TRUNCATED', 3],
  ['opcode 0', '00000001', 'UNKNOWN_OPCODE', 0],
  ['opcode 7', '00070001', 'UNKNOWN_OPCODE', 0],
  ['opcode 0x0100', '01000001', 'UNKNOWN_OPCODE', 0],
  ['a name without end', '0001616263', 'UNTERMINATED', 2],
  ['a name and no mode', '000161626300', 'TRUNCATED', 6],
  ['a mode without end', '000161006f63746574', 'UNTERMINATED', 4],
  ['an option value without end', '000161006f6374657400' + '7473697a650030', 'UNTERMINATED', 16],
  ['17 options', `000161006f6374657400${'61003100'.repeat(17)}`, 'TOO_MANY_OPTIONS', 74],
];
for (const [name, hex, code, offset] of malformed) {
  test(`${name}: ${code} at ${offset}`, (t) => {
    const result = decodePacket(fromHex(hex));
    t.false(result.ok);
    if (!result.ok) t.like(result.error, { code, offset });
  });
}

const lenient: readonly (readonly [name: string, hex: string, packet: TftpPacket])[] = [
  [
    'a request padded with zeros',
    '000161006f637465740000000000',
    { opcode: 'RRQ', file: 'a', mode: 'octet', options: [] },
  ],
  ['a name without value', '000161006f637465740062626200', { opcode: 'RRQ', file: 'a', mode: 'octet', options: [] }],
  [
    'an empty value at the end',
    '000161006f63746574006262620000',
    { opcode: 'RRQ', file: 'a', mode: 'octet', options: [{ name: 'bbb', value: '' }] },
  ],
  ['an ERROR whose text has no end', '0005000161', { opcode: 'ERROR', code: 1, message: 'a' }],
  ['an ERROR without text', '00050002', { opcode: 'ERROR', code: 2, message: '' }],
  ['an empty OACK', '00060000', { opcode: 'OACK', options: [{ name: '', value: '' }] }],
  ['an ACK with a tail', '0004000700', { opcode: 'ACK', block: 7 }],
  ['an empty name', '0001006f6374657400', { opcode: 'RRQ', file: '', mode: 'octet', options: [] }],
];
for (const [name, hex, packet] of lenient) {
  test(`${name} is read`, (t) => t.deepEqual(decodePacket(fromHex(hex)), { ok: true, value: packet }));
}

test('the block number of DATA rolls over to 0', (t) => {
  t.is(toHex(encodePacket({ opcode: 'DATA', block: 65536, payload: new Uint8Array() })), '00030000');
  const buffer = new Uint8Array(4);
  writeDataHeader(buffer, 65535 + 258);
  t.is(toHex(buffer), '00030101');
});

test('a NUL in a text does not end it early', (t) => {
  t.is(toHex(encodePacket({ opcode: 'ERROR', code: 1, message: 'a\0b' })), '00050001616200');
});

const text = fc.string({
  unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  minLength: 1,
});
const options = fc.array(fc.record({ name: text, value: text }), { maxLength: 16 });
const block = fc.integer({ min: 0, max: 65535 });
const packets: fc.Arbitrary<TftpPacket> = fc.oneof(
  fc.record({ opcode: fc.constantFrom('RRQ' as const, 'WRQ' as const), file: text, mode: text, options }),
  fc.record({ opcode: fc.constant('DATA' as const), block, payload: fc.uint8Array() }),
  fc.record({ opcode: fc.constant('ACK' as const), block }),
  fc.record({ opcode: fc.constant('ERROR' as const), code: block, message: text }),
  fc.record({
    opcode: fc.constant('OACK' as const),
    options: fc.array(fc.record({ name: text, value: text }), { minLength: 1, maxLength: 16 }),
  }),
);

test('what is encoded decodes to itself', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(packets, (packet) => {
        t.deepEqual(decodePacket(encodePacket(packet)), { ok: true, value: packet });
      }),
      { numRuns: 500 },
    ),
  );
});

test('no bytes make the decoder throw', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        decodePacket(bytes);
      }),
      { numRuns: 5000 },
    ),
  );
});

test('100 000 mutated vectors: a value or a problem, and never a payload outside of the packet', (t) => {
  // xorshift32: the same bytes in every run.
  let seed = 0x2545f491;
  const random = (below: number): number => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) % below;
  };
  const vectors = tftpVectors.map(({ hex }) => fromHex(hex));
  let read = 0;
  for (let round = 0; round < 100_000; round += 1) {
    const bytes = Uint8Array.from(vectors[random(vectors.length)] ?? []).subarray(0, 1 + random(60));
    for (let change = random(4); change >= 0; change -= 1) bytes[random(bytes.length)] = random(256);
    const result = decodePacket(bytes);
    if (result.ok) read += 1;
    else if ((result.error.offset ?? 0) > bytes.length) t.fail(`offset outside of ${toHex(bytes)}`);
  }
  t.true(read > 0 && read < 100_000, `${read} were legal`);
});
