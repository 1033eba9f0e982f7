import test from 'ava';
import { changedSectors, zeroSource } from '../../../../image-builder/device.ts';
import { ImageError } from '../../../../image-builder/errors.ts';
import { type Geometry, parseBootSector } from '../../../../image-builder/fat/bpb.ts';
import { formatFat } from '../../../../image-builder/fat/format.ts';

const MEBIBYTE = 1024 * 1024;

/** A good boot sector of a volume of that size, for the tests to spoil. */
async function bootSector(bytes: number): Promise<Uint8Array> {
  const volume = changedSectors(zeroSource(bytes));
  await formatFat(volume.device, { offset: 0, bytes, label: 'TEST', volumeId: 1 });
  const sector = new Uint8Array(512);
  await volume.device.read(sector, 0);
  return sector;
}

const codeOf = (work: () => Geometry): string => {
  try {
    return `parsed as FAT${work().type}`;
  } catch (error) {
    return error instanceof ImageError ? error.code : `threw ${String(error)}`;
  }
};

type Spoil = (view: DataView, bytes: Uint8Array) => void;
const label =
  (text: string): Spoil =>
  (_, bytes) =>
    bytes.set(Buffer.from(text.padEnd(8)), 3);

const malformed: readonly (readonly [name: string, megabytes: number, code: string, spoil: Spoil])[] = [
  ['untouched FAT16', 16, 'parsed as FAT16', () => {}],
  ['untouched FAT32', 40, 'parsed as FAT32', () => {}],
  ['all zeros', 16, 'FAT_NOT_FAT', (_, bytes) => bytes.fill(0)],
  ['no signature', 16, 'FAT_NOT_FAT', (view) => view.setUint16(510, 0)],
  ['no jump', 16, 'FAT_NOT_FAT', (view) => view.setUint8(0, 0)],
  ['exFAT', 16, 'FAT_IS_EXFAT', label('EXFAT')],
  ['NTFS', 16, 'FAT_IS_NTFS', label('NTFS')],
  ['sectors of 4096', 16, 'FAT_SECTOR_SIZE', (view) => view.setUint16(11, 4096, true)],
  ['sectors of 500', 16, 'FAT_NOT_FAT', (view) => view.setUint16(11, 500, true)],
  ['FAT12 by its count', 16, 'FAT_IS_FAT12', (view) => view.setUint8(13, 128)],
  ['3 sectors per cluster', 16, 'FAT_DAMAGED_BPB', (view) => view.setUint8(13, 3)],
  ['0 sectors per cluster', 16, 'FAT_DAMAGED_BPB', (view) => view.setUint8(13, 0)],
  ['no reserved sector', 16, 'FAT_DAMAGED_BPB', (view) => view.setUint16(14, 0, true)],
  ['no table', 16, 'FAT_DAMAGED_BPB', (view) => view.setUint8(16, 0)],
  ['200 tables', 16, 'FAT_DAMAGED_BPB', (view) => view.setUint8(16, 200)],
  ['no sectors', 16, 'FAT_DAMAGED_BPB', (_, bytes) => bytes.fill(0, 19, 21)],
  ['more sectors than the partition', 40, 'FAT_DAMAGED_BPB', (view) => view.setUint32(32, 0xffff_ffff, true)],
  ['a table as large as the volume', 16, 'FAT_DAMAGED_BPB', (view) => view.setUint16(22, 0xffff, true)],
  ['a table of one sector', 16, 'FAT_DAMAGED_BPB', (view) => view.setUint16(22, 1, true)],
  ['no root directory', 16, 'FAT_DAMAGED_BPB', (view) => view.setUint16(17, 0, true)],
  ['FAT32 fields, FAT16 count', 40, 'FAT_TYPE_UNCLEAR', (view) => view.setUint8(13, 8)],
  ['FAT32 version 1', 40, 'FAT_DAMAGED_BPB', (view) => view.setUint16(42, 1, true)],
  ['FAT32 root in cluster 0', 40, 'FAT_DAMAGED_BPB', (view) => view.setUint32(44, 0, true)],
  ['FAT32 root beyond the end', 40, 'FAT_DAMAGED_BPB', (view) => view.setUint32(44, 0x0fff_fff0, true)],
  ['FAT32 with an active table that is none', 40, 'FAT_DAMAGED_BPB', (view) => view.setUint16(40, 0x8f, true)],
];

for (const [name, megabytes, code, spoil] of malformed) {
  test(`boot sector: ${name} → ${code}`, async (t) => {
    const bytes = await bootSector(megabytes * MEBIBYTE);
    spoil(new DataView(bytes.buffer), bytes);
    t.is(
      codeOf(() => parseBootSector(bytes, 0, megabytes * MEBIBYTE)),
      code,
    );
  });
}

test('the type follows from the count of clusters alone, at both borders', async (t) => {
  // FAT16 with 1 sector per cluster: data sectors are clusters.
  const bytes = await bootSector(16 * MEBIBYTE);
  const view = new DataView(bytes.buffer);
  const withClusters = (count: number): string => {
    const overhead = 1 + 2 * view.getUint16(22, true) + 32;
    view.setUint16(19, 0, true);
    view.setUint32(32, overhead + count, true);
    return codeOf(() => parseBootSector(bytes, 0, 64 * MEBIBYTE));
  };
  t.is(withClusters(4084), 'FAT_IS_FAT12');
  t.is(withClusters(4085), 'parsed as FAT16');
  view.setUint16(22, 256, true);
  t.is(withClusters(65_524), 'parsed as FAT16');
  t.is(withClusters(65_525), 'FAT_TYPE_UNCLEAR');
});

test('one active table without mirroring: only that one is read and written', async (t) => {
  const bytes = await bootSector(40 * MEBIBYTE);
  const both = parseBootSector(bytes, 0, 40 * MEBIBYTE);
  new DataView(bytes.buffer).setUint16(40, 0x81, true);
  const [, copy = 0] = both.fatCopies;
  const second = parseBootSector(bytes, 0, 40 * MEBIBYTE);
  t.is(both.fatCopies.length, 2);
  t.deepEqual(second.fatCopies, [copy]);
  t.is(second.fatOffset, copy);
});
