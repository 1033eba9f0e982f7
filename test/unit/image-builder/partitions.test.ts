import { crc32 } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../config/result.ts';
import { changedSectors, memorySource } from '../../../image-builder/device.ts';
import { mayHoldFat, readPartitions, renderMbr } from '../../../image-builder/partitions.ts';

const DISK = 1024 * 1024;
const deviceOf = (bytes: Uint8Array): Parameters<typeof readPartitions>[0] =>
  changedSectors(memorySource(bytes)).device;
const codeOf = async (bytes: Uint8Array): Promise<string> => {
  const result = await readPartitions(deviceOf(bytes));
  return result.ok ? `${result.value.length} partitions` : result.error.code;
};

type Slot = { readonly number: number; readonly type: number; readonly first: number; readonly sectors: number };
function diskWith(...slots: readonly Slot[]): Uint8Array {
  const bytes = new Uint8Array(DISK);
  const view = new DataView(bytes.buffer);
  view.setUint16(510, 0xaa55, true);
  for (const { number, type, first, sectors } of slots) {
    const at = 446 + (number - 1) * 16;
    view.setUint8(at + 4, type);
    view.setUint32(at + 8, first, true);
    view.setUint32(at + 12, sectors, true);
  }
  return bytes;
}

test('the layout of every Pi image: a FAT and a root', async (t) => {
  const boot = { number: 1, type: 0x0c, first: 64, sectors: 512 };
  const disk = diskWith(boot, { number: 2, type: 0x83, first: 576, sectors: 1024 });
  const partitions = must(await readPartitions(deviceOf(disk)));
  t.deepEqual(partitions, [
    { number: 1, offset: 64 * 512, bytes: 512 * 512, type: '0c' },
    { number: 2, offset: 576 * 512, bytes: 1024 * 512, type: '83' },
  ]);
  t.deepEqual(partitions.map(mayHoldFat), [true, false]);
});

test('what renderMbr writes is read back', async (t) => {
  const disk = new Uint8Array(DISK);
  disk.set(renderMbr({ number: 1, offset: 2048 * 256, bytes: 512 * 100, type: '0e' }, 0x12345678));
  t.deepEqual(must(await readPartitions(deviceOf(disk))), [{ number: 1, offset: 524_288, bytes: 51_200, type: '0e' }]);
});

const flagged = diskWith({ number: 1, type: 0x0c, first: 64, sectors: 64 });
flagged[446] = 0x55;
const refused: readonly (readonly [name: string, disk: Uint8Array, code: string])[] = [
  ['zeros', new Uint8Array(DISK), 'PARTITION_NO_TABLE'],
  ['boot flags that are none', flagged, 'PARTITION_NO_TABLE'],
  ['an empty table', diskWith(), 'PARTITION_NONE'],
  ['a partition beyond the end', diskWith({ number: 1, type: 0x0c, first: 64, sectors: 4096 }), 'PARTITION_OUTSIDE'],
  ['a partition on the table', diskWith({ number: 1, type: 0x0c, first: 0, sectors: 64 }), 'PARTITION_OUTSIDE'],
  [
    'two partitions in one place',
    diskWith({ number: 1, type: 0x0c, first: 64, sectors: 64 }, { number: 2, type: 0x83, first: 100, sectors: 64 }),
    'PARTITION_OVERLAP',
  ],
  [
    'a protective MBR without GPT',
    diskWith({ number: 1, type: 0xee, first: 1, sectors: 2047 }),
    'PARTITION_DAMAGED_GPT',
  ],
];
for (const [name, disk, code] of refused) test(`${name} → ${code}`, async (t) => t.is(await codeOf(disk), code));

test('a disk of half a sector is a problem', async (t) => {
  t.is(await codeOf(new Uint8Array(200)), 'IMAGE_IO');
});

/** A GPT with one EFI system partition from sector 64 to 127. */
function gptDisk(): Uint8Array {
  const bytes = diskWith({ number: 1, type: 0xee, first: 1, sectors: 2047 });
  const entries = bytes.subarray(1024, 1024 + 4 * 128);
  entries.set(Buffer.from('28732ac11ff8d211ba4b00a0c93ec93b', 'hex'));
  const entry = new DataView(entries.buffer, entries.byteOffset);
  entry.setBigUint64(32, 64n, true);
  entry.setBigUint64(40, 127n, true);
  const header = new DataView(bytes.buffer, 512, 512);
  bytes.set(Buffer.from('EFI PART'), 512);
  header.setUint32(12, 92, true);
  header.setBigUint64(72, 2n, true);
  header.setUint32(80, 4, true);
  header.setUint32(84, 128, true);
  header.setUint32(88, crc32(entries), true);
  header.setUint32(16, crc32(bytes.subarray(512, 512 + 92)), true);
  return bytes;
}

test('a GPT behind a protective MBR', async (t) => {
  const partitions = must(await readPartitions(deviceOf(gptDisk())));
  const type = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';
  t.deepEqual(partitions, [{ number: 1, offset: 32_768, bytes: 32_768, type }]);
  t.true(partitions.every(mayHoldFat));
});

test('a GPT with any byte of header or entries changed is refused', async (t) => {
  const place = fc.oneof(fc.integer({ min: 512, max: 603 }), fc.integer({ min: 1024, max: 1535 }));
  const property = fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async (at, flip) => {
    const bytes = gptDisk();
    bytes[at] = (bytes[at] ?? 0) ^ flip;
    t.is(await codeOf(bytes), 'PARTITION_DAMAGED_GPT');
  });
  await fc.assert(property);
});

test('any first sector gives a Result', async (t) => {
  const property = fc.asyncProperty(fc.uint8Array({ minLength: 64, maxLength: 64 }), async (table) => {
    const bytes = diskWith();
    bytes.set(table, 446);
    t.regex(await codeOf(bytes), /^(\d partitions|PARTITION_[A-Z_]+)$/);
  });
  await fc.assert(property, { numRuns: 300 });
});
