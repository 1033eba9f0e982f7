/** An image on its way: from the daemon or a file, to a file or a disk. */
import { createReadStream } from 'node:fs';
import type { Result } from '../config/result.ts';
import { openDisk, openFileSource } from './disk.ts';
import { attempt, ImageError, type ImageProblem, orThrow } from './errors.ts';
import { readPartitions } from './partitions.ts';
import { packingOf, START_BYTES } from './strangers.ts';

export type ImageStream = {
  readonly bytes: number;
  /** In pieces of any size. Once. */
  readonly chunks: AsyncIterable<Uint8Array>;
};

/**
 * Pieces of `size`, the last one may be smaller; each one is the caller's until the next is asked for. IMAGE_IO if the stream
 * ends before `bytes`; what comes after them is not read.
 */
export async function* inPieces({ bytes, chunks }: ImageStream, size: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(size);
  let [filled, left] = [0, bytes];
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length && left > 0; ) {
      const part = chunk.subarray(at, at + Math.min(size - filled, left));
      buffer.set(part, filled);
      filled += part.length;
      left -= part.length;
      at += part.length;
      if (filled < size && left > 0) continue;
      yield buffer.subarray(0, filled);
      filled = 0;
    }
    if (left === 0) return;
  }
  if (left > 0) throw new ImageError('IMAGE_IO', `the image ended at byte ${bytes - left} of ${bytes}`);
}

/** A raw disk image on this machine. Codes: BASE_SIZE, BASE_ARCHIVE, PARTITION_…, IMAGE_IO. */
export async function imageFile(file: string): Promise<Result<ImageStream, ImageProblem>> {
  return await attempt(async () => {
    // Before its size is looked at: a packed one has any.
    await refusePacked(file);
    const disk = orThrow(await openDisk(file));
    try {
      const partitions = await readPartitions(disk);
      if (!partitions.ok) {
        throw new ImageError(partitions.error.code, `${file}: ${partitions.error.detail}`);
      }
    } finally {
      await disk.close();
    }
    return { bytes: disk.size, chunks: createReadStream(file, { highWaterMark: 1024 * 1024, end: disk.size - 1 }) };
  });
}

async function refusePacked(file: string): Promise<void> {
  const source = await openFileSource(file);
  const start = Buffer.alloc(START_BYTES);
  await source.read(start, 0).finally(source.close);
  const packing = packingOf(start);
  if (packing === 'none') return;
  const advice = 'unpack it first, or take it in with "bramble image add" and write it for a board (--for)';
  throw new ImageError('BASE_ARCHIVE', `${file} is packed as ${packing}: ${advice}`);
}
