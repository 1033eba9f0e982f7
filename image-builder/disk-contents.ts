/** What is on a disk that is about to be overwritten, in a few words for its owner. */
import { open } from 'node:fs/promises';
import { openBootPartition, readDiskMark } from './boot-partition.ts';
import { type ByteSource, readOnlyDevice, SECTOR } from './device.ts';
import { attempt } from './errors.ts';
import { readFile, volumeLabel } from './fat/volume.ts';
import { JOIN_CONF_PATH } from './join-card.ts';
import { readPartitions } from './partitions.ts';

const MOST_CONF = 4096;

/** `bytes`: of the device; its file says 0. Throws what the system says if the disk cannot be opened. */
export async function diskContents(path: string, bytes: number): Promise<string> {
  const handle = await open(path, 'r');
  const source: ByteSource = {
    size: bytes,
    read: async (into, offset) => (await handle.read(into, 0, into.length, offset)).bytesRead,
    close: async () => {},
  };
  try {
    const told = await attempt(async () => await contentsOf(source));
    return told.ok ? told.value : `something that cannot be read (${told.error.detail})`;
  } finally {
    await handle.close();
  }
}

async function contentsOf(source: ByteSource): Promise<string> {
  const device = readOnlyDevice(source);
  const sector = new Uint8Array(SECTOR);
  await device.read(sector, 0);
  if (sector.every((byte) => byte === 0)) return 'no partition table';
  const partitions = await readPartitions(device);
  if (!partitions.ok) return 'no partition table that can be read: something else may be on it';
  const count = partitions.value.length === 1 ? 'one partition' : `${partitions.value.length} partitions`;
  const boot = await openBootPartition(device);
  if (!boot.ok) return count;
  const mark = await readDiskMark(device);
  if (mark.ok && mark.value !== undefined) return `${count}, the system of a board of bramble`;
  const conf = await readFile(boot.value.volume, JOIN_CONF_PATH, MOST_CONF);
  if (conf.ok && conf.value !== undefined) return `${count}, a join card of bramble`;
  const label = await volumeLabel(boot.value.volume);
  return label.ok && label.value !== undefined ? `${count}, the first one called ${label.value}` : count;
}
