/** Partition tables: the MBR, and the GPT behind a protective MBR (UEFI 2.10 chapter 5). */
import { crc32 } from 'node:zlib';
import type { Result } from '../config/result.ts';
import { type BlockDevice, SECTOR } from './device.ts';
import { attempt, ImageError, type ImageProblem } from './errors.ts';

export type Partition = {
  /** As Linux counts them: `mmcblk0p1` is 1. */
  readonly number: number;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  readonly bytes: number;
  /** MBR: two hex digits; GPT: the type GUID in lower case. */
  readonly type: string;
};

/** Types under which a FAT can lie: FAT16/FAT32 in an MBR, EFI system and Microsoft basic data in a GPT. */
const fatTypes: ReadonlySet<string> = new Set([
  ...['04', '06', '0b', '0c', '0e', 'ef'],
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7',
]);

export const mayHoldFat = (partition: Partition): boolean => fatTypes.has(partition.type);

const PROTECTIVE = 'ee';

/** In table order. Codes: PARTITION_NO_TABLE, _NONE, _OUTSIDE, _OVERLAP, _DAMAGED_GPT, IMAGE_IO. */
export async function readPartitions(device: BlockDevice): Promise<Result<readonly Partition[], ImageProblem>> {
  return await attempt(async () => {
    const sector = new Uint8Array(SECTOR);
    await device.read(sector, 0);
    const partitions = isProtective(sector) ? await readGpt(device) : parseMbr(sector);
    checkPlaces(partitions, device.size);
    return partitions;
  });
}

/** Whether sector 0 says that a GPT follows. */
const isProtective = (sector: Uint8Array): boolean => parseMbr(sector).some(({ type }) => type === PROTECTIVE);

/**
 * How many sectors the partition table has at the start of a disk: what is written last, so that a half-written disk is
 * never booted. The MBR is sector 0; a GPT with 128 entries ends with sector 33 (UEFI 2.10, 5.3). `sector` is sector 0.
 */
export const tableSectors = (sector: Uint8Array): number => (isProtective(sector) ? 34 : 1);

function parseMbr(bytes: Uint8Array): Partition[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, SECTOR);
  const legalFlags = [446, 462, 478, 494].every((at) => (view.getUint8(at) & 0x7f) === 0);
  if (view.getUint16(510, true) !== 0xaa55 || !legalFlags) {
    throw new ImageError('PARTITION_NO_TABLE', 'no partition table in sector 0: is this a disk image?', { offset: 0 });
  }
  const partitions: Partition[] = [];
  for (const [index, at] of [446, 462, 478, 494].entries()) {
    const type = view.getUint8(at + 4);
    const sectors = view.getUint32(at + 12, true);
    if (type === 0 || sectors === 0) continue;
    const offset = view.getUint32(at + 8, true) * SECTOR;
    partitions.push({ number: index + 1, offset, bytes: sectors * SECTOR, type: type.toString(16).padStart(2, '0') });
  }
  return partitions;
}

const damagedGpt = (detail: string, offset: number): ImageError =>
  new ImageError('PARTITION_DAMAGED_GPT', detail, { offset });

async function readGpt(device: BlockDevice): Promise<Partition[]> {
  const header = new Uint8Array(SECTOR);
  await device.read(header, SECTOR);
  const view = new DataView(header.buffer);
  const length = view.getUint32(12, true);
  if (view.getBigUint64(0, true) !== 0x5452_4150_2049_4645n || length < 92 || length > SECTOR) {
    throw damagedGpt('no GPT header behind the protective MBR', SECTOR);
  }
  const sum = view.getUint32(16, true);
  view.setUint32(16, 0, true);
  if (crc32(header.subarray(0, length)) !== sum) throw damagedGpt('the GPT header fails its checksum', SECTOR);
  const at = Number(view.getBigUint64(72, true)) * SECTOR;
  const count = view.getUint32(80, true);
  const size = view.getUint32(84, true);
  if (count === 0 || count > 1024 || size < 128 || size > 4096 || size % 128 !== 0 || at + count * size > device.size) {
    throw damagedGpt(`${count} entries of ${size} bytes at ${at}`, SECTOR + 72);
  }
  const table = new Uint8Array(count * size);
  await device.read(table, at);
  if (crc32(table) !== view.getUint32(88, true)) throw damagedGpt('the GPT entries fail their checksum', at);
  return Array.from({ length: count }, (_, index) => gptEntry(table, index, size)).filter(
    (entry) => entry !== undefined,
  );
}

function gptEntry(table: Uint8Array, index: number, size: number): Partition | undefined {
  const view = new DataView(table.buffer, index * size, size);
  const type = guid(view);
  if (type === '00000000-0000-0000-0000-000000000000') return undefined;
  const first = Number(view.getBigUint64(32, true));
  const last = Number(view.getBigUint64(40, true));
  return { number: index + 1, offset: first * SECTOR, bytes: (last - first + 1) * SECTOR, type };
}

/** The first three groups are little-endian (UEFI 2.10 appendix A). */
function guid(view: DataView): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  const tail = Array.from({ length: 8 }, (_, index) => hex(view.getUint8(8 + index), 2)).join('');
  const head = `${hex(view.getUint32(0, true), 8)}-${hex(view.getUint16(4, true), 4)}-${hex(view.getUint16(6, true), 4)}`;
  return `${head}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}

function checkPlaces(partitions: readonly Partition[], size: number): void {
  if (partitions.length === 0) throw new ImageError('PARTITION_NONE', 'the partition table is empty');
  let end = SECTOR;
  for (const { number, offset, bytes } of [...partitions].sort((a, b) => a.offset - b.offset)) {
    if (offset < SECTOR || bytes <= 0 || offset + bytes > size) {
      throw new ImageError(
        'PARTITION_OUTSIDE',
        `partition ${number} (${bytes} bytes at ${offset}) is outside of ${size}`,
        { offset },
      );
    }
    if (offset < end) throw new ImageError('PARTITION_OVERLAP', `partition ${number} overlaps another one`, { offset });
    end = offset + bytes;
  }
}

/** The three CHS bytes that mean "use the LBA fields". */
const BEYOND_CHS = [0xfe, 0xff, 0xff];

/** An MBR with one partition. `diskId` is what PARTUUIDs are made of. */
export function renderMbr(partition: Partition, diskId: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  const view = new DataView(bytes.buffer);
  view.setUint32(440, diskId >>> 0, true);
  const at = 446 + (partition.number - 1) * 16;
  bytes.set([0, ...BEYOND_CHS, Number.parseInt(partition.type, 16), ...BEYOND_CHS], at);
  view.setUint32(at + 8, partition.offset / SECTOR, true);
  view.setUint32(at + 12, partition.bytes / SECTOR, true);
  view.setUint16(510, 0xaa55, true);
  return bytes;
}
