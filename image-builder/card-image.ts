/** A small card image with one FAT partition, made of files. The same files give the same bytes. */
import type { Result } from '../config/result.ts';
import { type ByteSource, changedSectors, layeredSource, SECTOR, zeroSource } from './device.ts';
import { attempt, type ImageProblem, orThrow } from './errors.ts';
import { formatFat } from './fat/format.ts';
import { openVolume } from './fat/volume.ts';
import { writeFile } from './fat/write.ts';
import { renderMbr } from './partitions.ts';

export type CardFile = {
  readonly path: string;
  readonly size: number;
  /** Asked for once, in the order of the files: one is in memory at a time beside the card. */
  readonly read: () => Promise<Uint8Array>;
};

export const cardFile = (path: string, bytes: Uint8Array): CardFile => ({
  path,
  size: bytes.length,
  read: async () => bytes,
});

export type CardImageOptions = {
  readonly files: readonly CardFile[];
  /** At most 11 of A-Z, 0-9. */
  readonly label: string;
  /** 32 bits: of the disk and of the volume. */
  readonly id: number;
  /** Of the image; as small as it can be unless given. FAT_FULL if that is too small. */
  readonly bytes?: number;
  readonly signal: AbortSignal;
};

/** Where partitioning tools begin. */
const PARTITION_START = 1024 * 1024;
const MEBIBYTE = 1024 * 1024;

/** The whole image, in memory (kernels included: some tens of megabytes). Codes: FAT_…, IMAGE_IO. */
export async function cardImage(options: CardImageOptions): Promise<Result<ByteSource, ImageProblem>> {
  return await attempt(async () => {
    const { files, label, id, signal } = options;
    const size = options.bytes ?? PARTITION_START + roomFor(files.map((file) => file.size));
    const card = changedSectors(zeroSource(size));
    const place = { offset: PARTITION_START, bytes: wholeSectors(size - PARTITION_START) };
    await formatFat(card.device, { ...place, label, volumeId: id });
    const volume = orThrow(await openVolume(card.device, place));
    for (const { path, read } of files) {
      signal.throwIfAborted();
      orThrow(await writeFile(volume, path, await read()));
    }
    const type = volume.geometry.type === 16 ? '0e' : '0c';
    await card.device.write(renderMbr({ number: 1, ...place, type }, id), 0);
    return layeredSource(zeroSource(size), card.sectors);
  });
}

const wholeSectors = (bytes: number): number => bytes - (bytes % SECTOR);

/** Contents in clusters of up to 1 KiB, tables and directories with room to spare. */
function roomFor(sizes: readonly number[]): number {
  const contents = sizes.reduce((sum, size) => sum + Math.ceil(size / 1024) * 1024, 0);
  return Math.ceil((contents * 1.03) / MEBIBYTE + 4) * MEBIBYTE;
}
