/** Makes an empty FAT16 or FAT32 volume, laid out as mkfs.fat does it. */
import { type BlockDevice, SECTOR } from '../device.ts';
import { labelSlot } from './directory.ts';

/** From here on FAT32 with one sector per cluster has the 65525 clusters that make it one (fatgen103 page 14). */
const FAT32_FROM = 36 * 1024 * 1024;
/** Less than 4085 clusters would be FAT12. */
export const SMALLEST_FAT = 3 * 1024 * 1024;
const ROOT_ENTRIES = 512;

export type FormatOptions = {
  /** Of the volume on the device, in bytes, whole sectors. The device must read as zeros there. */
  readonly offset: number;
  readonly bytes: number;
  /** At most 11 of A-Z, 0-9. */
  readonly label: string;
  /** 32 bits; what `blkid` shows as UUID. */
  readonly volumeId: number;
};

type Plan = {
  readonly type: 16 | 32;
  readonly total: number;
  readonly perCluster: number;
  readonly reserved: number;
  readonly rootSectors: number;
  readonly fatSectors: number;
};

function planFormat(bytes: number): Plan {
  const type = bytes < FAT32_FROM ? 16 : 32;
  const total = Math.floor(bytes / SECTOR);
  const reserved = type === 16 ? 1 : 32;
  const rootSectors = type === 16 ? (ROOT_ENTRIES * 32) / SECTOR : 0;
  // mkfs.fat's steps for FAT32; for FAT16 the smallest cluster that keeps the count below 65525.
  const perCluster = type === 16 ? (total > 65_000 ? 2 : 1) : total > 532_480 ? 8 : 1;
  const perSector = SECTOR / (type / 8);
  // s sectors of table serve s * perSector entries, the first two of which stand for no cluster.
  const fatSectors = Math.ceil(((total - reserved - rootSectors) / perCluster + 2) / (perSector + 2 / perCluster));
  return { type, total, perCluster, reserved, rootSectors, fatSectors };
}

/** Writes boot sector, tables and label; everything else must already read as zeros. */
export async function formatFat(device: BlockDevice, options: FormatOptions): Promise<void> {
  if (options.bytes < SMALLEST_FAT) throw new Error(`${options.bytes} bytes are too few for a FAT16`);
  const plan = planFormat(options.bytes);
  const boot = bootSector(plan, options);
  const write = async (sector: number, bytes: Uint8Array): Promise<void> =>
    await device.write(bytes, options.offset + sector * SECTOR);
  const root = new Uint8Array(SECTOR);
  root.set(labelSlot(options.label));
  const fat = new Uint8Array(SECTOR);
  const view = new DataView(fat.buffer);
  if (plan.type === 16) {
    view.setUint32(0, 0xffff_fff8, true);
  } else {
    // Entry 0 the media byte, entry 1 clean, entry 2 the root directory's only cluster.
    for (const [index, value] of [0x0fff_fff8, 0x0fff_ffff, 0x0fff_fff8].entries())
      view.setUint32(index * 4, value, true);
    const info = fsInfo(plan);
    await write(1, info);
    await write(6, boot);
    await write(7, info);
  }
  await write(plan.reserved, fat);
  await write(plan.reserved + plan.fatSectors, fat);
  await write(plan.reserved + 2 * plan.fatSectors, root);
  await write(0, boot);
}

function bootSector(plan: Plan, options: FormatOptions): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string): void =>
    bytes.set(
      Uint8Array.from(value, (char) => char.charCodeAt(0)),
      at,
    );
  bytes.set(plan.type === 16 ? [0xeb, 0x3c, 0x90] : [0xeb, 0x58, 0x90]);
  text(3, 'BRAMBLE ');
  view.setUint16(11, SECTOR, true);
  view.setUint8(13, plan.perCluster);
  view.setUint16(14, plan.reserved, true);
  view.setUint8(16, 2);
  view.setUint16(17, plan.type === 16 ? ROOT_ENTRIES : 0, true);
  view.setUint16(19, plan.type === 16 && plan.total < 65_536 ? plan.total : 0, true);
  view.setUint8(21, 0xf8);
  view.setUint16(22, plan.type === 16 ? plan.fatSectors : 0, true);
  view.setUint16(24, 63, true);
  view.setUint16(26, 255, true);
  view.setUint32(28, options.offset / SECTOR, true);
  view.setUint32(32, plan.type === 16 && plan.total < 65_536 ? 0 : plan.total, true);
  if (plan.type === 32) {
    view.setUint32(36, plan.fatSectors, true);
    view.setUint32(44, 2, true);
    view.setUint16(48, 1, true);
    view.setUint16(50, 6, true);
  }
  const tail = plan.type === 16 ? 36 : 64;
  view.setUint8(tail, 0x80);
  view.setUint8(tail + 2, 0x29);
  view.setUint32(tail + 3, options.volumeId >>> 0, true);
  text(tail + 7, options.label.padEnd(11).slice(0, 11));
  text(tail + 18, `FAT${plan.type}   `);
  view.setUint16(510, 0xaa55, true);
  return bytes;
}

function fsInfo(plan: Plan): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  const view = new DataView(bytes.buffer);
  const clusters = Math.floor((plan.total - plan.reserved - 2 * plan.fatSectors) / plan.perCluster);
  view.setUint32(0, 0x41615252, true);
  view.setUint32(484, 0x61417272, true);
  view.setUint32(488, clusters - 1, true);
  view.setUint32(492, 3, true);
  view.setUint32(508, 0xaa550000, true);
  return bytes;
}
