import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../config/result.ts';
import { memorySource } from '../../../image-builder/device.ts';
import {
  decodeOverlay,
  encodeOverlay,
  makeOverlay,
  type Overlay,
  overlaySource,
} from '../../../image-builder/overlay.ts';

const SECTORS = 64;
const base = { sha256: 'ab'.repeat(32), bytes: SECTORS * 512, held: 1 };
const filled = (byte: number): Uint8Array => new Uint8Array(512).fill(byte);

const sectorMaps = fc
  .uniqueArray(fc.integer({ min: 1, max: SECTORS - 1 }))
  .map((numbers) => new Map([0, ...numbers].map((number) => [number, filled(number + 1)])));

test('runs are joined and descending, sector 0 comes alone and last', (t) => {
  const overlay = makeOverlay(base, new Map([9, 0, 4, 3, 1, 5].map((number) => [number, filled(number)])));
  const shape = overlay.runs.map(({ sector, count, bytes }) => [sector, count, bytes.length]);
  t.deepEqual(shape, [
    [9, 1, 512],
    [3, 3, 1536],
    [1, 1, 512],
    [0, 1, 512],
  ]);
  t.deepEqual(overlay.runs[1]?.bytes, new Uint8Array([...filled(3), ...filled(4), ...filled(5)]));
});

test('a GPT is a run of its own, second to last', (t) => {
  const sectors = new Map([40, 36, 35, ...Array(35).keys()].map((number) => [number, filled(number)]));
  const overlay = makeOverlay({ ...base, held: 34 }, sectors);
  const shape = overlay.runs.map(({ sector, count }) => [sector, count]);
  t.deepEqual(shape, [
    [40, 1],
    [34, 3],
    [1, 33],
    [0, 1],
  ]);
  t.deepEqual(must(decodeOverlay(encodeOverlay(overlay))), overlay);
  sectors.delete(20);
  t.throws(() => makeOverlay({ ...base, held: 34 }, sectors), { message: /sector 20/ });
});

test('decode is the inverse of encode', (t) => {
  const property = fc.property(sectorMaps, (sectors) => {
    const overlay = makeOverlay(base, sectors);
    const file = encodeOverlay(overlay);
    t.deepEqual(must(decodeOverlay(file)), overlay);
    t.deepEqual(encodeOverlay(must(decodeOverlay(file))), file);
  });
  fc.assert(property, { numRuns: 50 });
});

test('the whole image is the base with those sectors, read in any pieces', async (t) => {
  const whole = new Uint8Array(base.bytes).fill(0xee);
  const property = fc.asyncProperty(
    sectorMaps,
    fc.nat(base.bytes + 600),
    fc.integer({ min: 1, max: 5000 }),
    async (sectors, offset, length) => {
      const expected = whole.slice();
      for (const [sector, bytes] of sectors) expected.set(bytes, sector * 512);
      const source = must(overlaySource(memorySource(whole), makeOverlay(base, sectors)));
      const piece = new Uint8Array(length);
      const got = await source.read(piece, offset);
      t.true(Buffer.from(piece.subarray(0, got)).equals(expected.subarray(offset, offset + length)));
      t.is(got, Math.max(0, Math.min(length, base.bytes - offset)));
    },
  );
  await fc.assert(property);
});

test('an overlay is refused over a base of another size', (t) => {
  const overlay = makeOverlay(base, new Map([[0, filled(1)]]));
  const result = overlaySource(memorySource(new Uint8Array(1024)), overlay);
  t.is(result.ok ? '' : result.error.code, 'OVERLAY_OTHER_BASE');
});

const good = (): Uint8Array =>
  encodeOverlay(
    makeOverlay(
      base,
      new Map([
        [0, filled(1)],
        [7, filled(2)],
      ]),
    ),
  );
/** With a checksum that fits, so that what lies behind it is tested. */
function sealed(change: (view: DataView) => void, bytes = good()): Uint8Array {
  change(new DataView(bytes.buffer, bytes.byteOffset));
  bytes.set(createHash('sha256').update(bytes.subarray(0, -32)).digest(), bytes.length - 32);
  return bytes;
}
const encoded = (runs: Overlay['runs']): Uint8Array =>
  encodeOverlay({ baseDigest: base.sha256, baseBytes: base.bytes, runs });
const run = (sector: number): Overlay['runs'][number] => ({ sector, count: 1, bytes: filled(0) });

const malformed: readonly (readonly [name: string, file: Uint8Array, code: string, offset?: number])[] = [
  ['nothing', new Uint8Array(0), 'OVERLAY_NOT_ONE', 0],
  ['another magic', sealed((view) => view.setUint8(0, 0x42)), 'OVERLAY_NOT_ONE', 0],
  ['magic only', good().slice(0, 8), 'OVERLAY_TRUNCATED', 8],
  ['a later version', sealed((view) => view.setUint16(8, 3, true)), 'OVERLAY_VERSION', 8],
  ['the version in ascending order', sealed((view) => view.setUint16(8, 1, true)), 'OVERLAY_VERSION', 8],
  ['cut short', good().slice(0, -1), 'OVERLAY_TRUNCATED', 584],
  ['one byte more', new Uint8Array([...good(), 0]), 'OVERLAY_TRUNCATED', 1096],
  ['four milliard runs', sealed((view) => view.setUint32(12, 0xffff_ffff, true)), 'OVERLAY_TRUNCATED', 12],
  ['a run of four milliard sectors', sealed((view) => view.setUint32(60, 0xffff_ffff, true)), 'OVERLAY_TRUNCATED', 72],
  ['a flipped sector byte', good().fill(9, 100, 101), 'OVERLAY_CHECKSUM', 1096],
  ['a run beyond the base', sealed((view) => view.setUint32(56, SECTORS, true)), 'OVERLAY_RUNS'],
  ['no run', encoded([]), 'OVERLAY_RUNS'],
  ['no sector 0', encoded([run(3)]), 'OVERLAY_RUNS'],
  ['sector 0 first', encoded([run(0), run(3)]), 'OVERLAY_RUNS'],
  ['sector 0 twice', encoded([run(0), run(0)]), 'OVERLAY_RUNS'],
  ['ascending', encoded([run(4), run(5), run(0)]), 'OVERLAY_RUNS'],
  ['overlapping', encoded([run(5), run(5), run(0)]), 'OVERLAY_RUNS'],
];
for (const [name, file, code, offset] of malformed) {
  test(`decoding: ${name} → ${code}`, (t) => {
    const result = decodeOverlay(file);
    t.is(result.ok ? '' : result.error.code, code);
    if (offset !== undefined && !result.ok) t.is(result.error.offset, offset);
  });
}

test('any change of one byte is noticed', (t) => {
  const file = good();
  const property = fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const changed = file.slice();
    changed[at] = (changed[at] ?? 0) ^ flip;
    t.false(decodeOverlay(changed).ok);
  });
  fc.assert(property, { numRuns: 300 });
});
