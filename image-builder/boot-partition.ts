/** The boot partition of a disk: the first partition that holds a FAT we can read. */
import { problem, type Result } from '../config/result.ts';
import type { BlockDevice } from './device.ts';
import { attempt, ImageError, type ImageProblem } from './errors.ts';
import { openVolume, readFile, type Volume } from './fat/volume.ts';
import { mayHoldFat, type Partition, readPartitions } from './partitions.ts';

/** The partition and its volume. When its FAT is damaged or of another kind, that is the problem that is returned. */
export async function openBootPartition(
  device: BlockDevice,
): Promise<Result<{ readonly partition: Partition; readonly volume: Volume }, ImageProblem>> {
  const partitions = await readPartitions(device);
  if (!partitions.ok) return partitions;
  const partition = partitions.value.find(mayHoldFat);
  if (partition === undefined) {
    const types = partitions.value.map(({ type }) => type).join(', ');
    return problem('PARTITION_NO_BOOT', `no partition for a FAT among those of type ${types}`);
  }
  const volume = await openVolume(device, partition);
  return volume.ok ? { ok: true, value: { partition, volume: volume.value } } : volume;
}

/** Our mark on a disk that we wrote: whose it is. Claims nothing about who wrote it last. */
export type DiskMark = {
  readonly deviceId: string;
  readonly clusterId: string;
  /** Which installation it was. */
  readonly arming: string;
};

export const MARK_PATH = 'bramble/board.json';
const MARK_BYTES = 4096;

export const renderMark = (mark: DiskMark): string =>
  `${JSON.stringify({ deviceId: mark.deviceId, clusterId: mark.clusterId, arming: mark.arming })}\n`;

/** `undefined`: a disk with a readable boot partition that is not ours. DISK_MARK_DAMAGED if the file is there and broken. */
export async function readDiskMark(device: BlockDevice): Promise<Result<DiskMark | undefined, ImageProblem>> {
  const boot = await openBootPartition(device);
  if (!boot.ok) return boot;
  const bytes = await readFile(boot.value.volume, MARK_PATH, MARK_BYTES);
  if (!bytes.ok) return bytes;
  return await attempt(async () => (bytes.value === undefined ? undefined : parseMark(bytes.value)));
}

function parseMark(bytes: Uint8Array): DiskMark {
  const mark = parseJson(Buffer.from(bytes).toString('utf8'));
  if (typeof mark === 'object' && mark !== null && 'deviceId' in mark && 'clusterId' in mark && 'arming' in mark) {
    const { deviceId, clusterId, arming } = mark;
    if (typeof deviceId === 'string' && typeof clusterId === 'string' && typeof arming === 'string') {
      return { deviceId, clusterId, arming };
    }
  }
  throw new ImageError('DISK_MARK_DAMAGED', `${MARK_PATH} is not what we write`);
}

/** `undefined` for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
