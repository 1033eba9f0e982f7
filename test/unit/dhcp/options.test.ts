import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../config/result.ts';
import { parseIpv4 } from '../../../config/values.ts';
import {
  decodeOptions,
  encodeOptions,
  ipv4Option,
  type Options,
  textOption,
  uint8Option,
  uint32Option,
} from '../../../daemon/dhcp/options.ts';

const none = { from: 0, to: 0 };
const decode = (...bytes: number[]) =>
  decodeOptions(Uint8Array.from(bytes), { options: { from: 0, to: bytes.length }, file: none, sname: none });
const decoded = (...bytes: number[]): [number, number[]][] =>
  Array.from(must(decode(...bytes)).options, ([code, value]) => [code, [...value]]);

test('options that nobody knows survive', (t) => {
  t.deepEqual(decoded(199, 2, 7, 8, 53, 1, 1, 255), [
    [199, [7, 8]],
    [53, [1]],
  ]);
});

test('padding is skipped, also before the message type', (t) => {
  t.deepEqual(decoded(0, 0, 53, 1, 1, 0, 255), [[53, [1]]]);
});

test('nothing is read behind the end option', (t) => {
  t.deepEqual(decoded(53, 1, 1, 255, 12, 200), [[53, [1]]]);
});

test('a missing end option is forgiven', (t) => {
  t.deepEqual(decoded(53, 1, 1), [[53, [1]]]);
});

test('an empty option is there', (t) => {
  t.deepEqual(decoded(80, 0, 255), [[80, []]]);
});

test('parts of one option are joined (RFC 3396)', (t) => {
  t.deepEqual(decoded(43, 2, 1, 2, 53, 1, 1, 43, 1, 3, 255), [
    [43, [1, 2, 3]],
    [53, [1]],
  ]);
});

test('overload: options go on in file, then in sname', (t) => {
  // 0: options, 10: sname, 20: file
  const bytes = new Uint8Array(30);
  bytes.set([52, 1, 3, 43, 1, 1, 255], 0);
  bytes.set([43, 1, 3, 12, 1, 97, 255], 10);
  bytes.set([43, 1, 2, 255], 20);
  const areas = { options: { from: 0, to: 10 }, sname: { from: 10, to: 20 }, file: { from: 20, to: 30 } };
  const { options, overload } = must(decodeOptions(bytes, areas));
  t.deepEqual(overload, { file: true, sname: true });
  t.deepEqual([...(options.get(43) ?? [])], [1, 2, 3]);
  t.is(textOption(options, 12), 'a');
  t.false(options.has(52));
});

test('an overload inside an overloaded field is not followed', (t) => {
  const bytes = Uint8Array.of(52, 1, 1, 255, 52, 1, 2, 255, 12, 9, 9, 9);
  const areas = { options: { from: 0, to: 4 }, file: { from: 4, to: 8 }, sname: { from: 8, to: 12 } };
  const { options, overload } = must(decodeOptions(bytes, areas));
  t.deepEqual(overload, { file: true, sname: false });
  t.is(options.size, 0);
});

const malformed = [
  { why: 'no length', bytes: [53, 1, 1, 12], offset: 3 },
  { why: 'value runs out', bytes: [53, 1, 1, 12, 3, 97, 98], offset: 3 },
  { why: 'no value at all', bytes: [61, 1], offset: 0 },
  { why: 'the end option is taken for a value', bytes: [0, 43, 2, 255], offset: 1 },
];
for (const { why, bytes, offset } of malformed) {
  test(`truncated: ${why}`, (t) => {
    const result = decode(...bytes);
    t.like(result, { ok: false, error: { code: 'TRUNCATED_OPTION', offset } });
  });
}

test('one canonical order, option 82 the last one', (t) => {
  const values = [82, 43, 97, 200, 42, 66, 60, 12, 6, 3, 1, 51, 54, 53].map(
    (code) => [code, Uint8Array.of(1)] as const,
  );
  const written = encodeOptions(new Map(values));
  const codes = Array.from({ length: values.length }, (_, index) => written[index * 3]);
  t.deepEqual(codes, [53, 54, 51, 1, 3, 6, 12, 60, 66, 42, 200, 97, 43, 82]);
  t.is(written.at(-1), 255);
});

test('a long value is split into parts of 255', (t) => {
  const value = Uint8Array.from({ length: 600 }, (_, index) => index % 251);
  const written = encodeOptions(new Map([[43, value]]));
  t.is(written.length, 600 + 3 * 2 + 1);
  t.deepEqual(must(decode(...written)).options.get(43), value);
});

test('what cannot be written is our mistake', (t) => {
  t.throws(() => encodeOptions(new Map([[0, Uint8Array.of(1)]])));
  t.throws(() => encodeOptions(new Map([[255, Uint8Array.of(1)]])));
});

test('a value of the wrong length counts as absent', (t) => {
  const options: Options = new Map([
    [50, Uint8Array.of(10, 0, 0)],
    [53, Uint8Array.of()],
    [51, Uint8Array.of(1, 2, 3, 4, 5)],
  ]);
  t.is(ipv4Option(options, 50), undefined);
  t.is(uint8Option(options, 53), undefined);
  t.is(uint32Option(options, 51), undefined);
  t.is(textOption(options, 12), undefined);
});

test('text ends at the first NUL', (t) => {
  t.is(textOption(new Map([[12, Uint8Array.of(112, 105, 0, 120)]]), 12), 'pi');
});

test('numbers are read from their own place in a larger buffer', (t) => {
  const { options } = must(decode(51, 4, 0, 0, 1, 44, 54, 4, 10, 77, 0, 1, 255));
  t.is(uint32Option(options, 51), 300);
  t.is(ipv4Option(options, 54), must(parseIpv4('10.77.0.1')));
});

test('law: decode ∘ encode = identity', (t) => {
  const value = fc.uint8Array({ maxLength: 700 });
  const code = fc.integer({ min: 1, max: 254 }).filter((number) => number !== 52);
  const law = fc.property(fc.uniqueArray(fc.tuple(code, value), { selector: ([number]) => number }), (entries) => {
    const written = encodeOptions(new Map(entries));
    const { options } = must(decode(...written));
    t.deepEqual(new Map([...options].sort(([a], [b]) => a - b)), new Map(entries.sort(([a], [b]) => a - b)));
    t.deepEqual(encodeOptions(options), written);
  });
  fc.assert(law, { numRuns: 200 });
});

test('what the client wants comes in its own order, behind 53, 54 and 51; 43 and 82 stay last', (t) => {
  const options = new Map([6, 43, 3, 82, 51, 12, 1, 54, 15, 53].map((code) => [code, Uint8Array.of(0)]));
  const order = (wanted?: Uint8Array): number[] => {
    const bytes = encodeOptions(options, wanted);
    return Array.from({ length: options.size }, (_, index) => bytes[index * 3] ?? 0);
  };
  t.deepEqual(order(), [53, 54, 51, 1, 3, 6, 12, 15, 43, 82]);
  t.deepEqual(order(Uint8Array.of(43, 12, 15, 99, 3, 51)), [53, 54, 51, 12, 15, 3, 1, 6, 43, 82]);
});
