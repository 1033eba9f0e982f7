/** Writes an image to a file: whole and durable under its name, or not there. */
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Result } from '../config/result.ts';
import { writeAll } from './disk.ts';
import { attempt, ImageError, type ImageProblem } from './errors.ts';
import { type ImageStream, inPieces } from './image-stream.ts';

const PIECE = 1024 * 1024;

/**
 * Zeros become holes. Mode 0600: there are keys in it. A file of that name is replaced, once the new one is whole. Codes:
 * IMAGE_IO.
 */
export async function saveImage(options: {
  readonly file: string;
  readonly image: ImageStream;
  readonly onProgress?: (done: number, of: number) => void;
  readonly signal: AbortSignal;
}): Promise<Result<void, ImageProblem>> {
  const { file, image, signal } = options;
  const unfinished = join(dirname(file), `.${basename(file)}.${process.pid}.partial`);
  return await attempt(async () => {
    try {
      await writeSparse(unfinished, options);
      signal.throwIfAborted();
      await rename(unfinished, file);
    } catch (error) {
      await rm(unfinished, { force: true });
      const full = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
      if (!full) throw error;
      throw new ImageError('IMAGE_IO', `no room in ${dirname(file)} for an image of ${image.bytes} bytes`, {
        cause: error,
      });
    }
    const folder = await open(dirname(file), 'r');
    await folder.sync().finally(() => folder.close());
  });
}

async function writeSparse(file: string, options: Parameters<typeof saveImage>[0]): Promise<void> {
  const { image, onProgress, signal } = options;
  const zeros = Buffer.alloc(PIECE);
  const handle = await open(file, 'wx', 0o600);
  try {
    let at = 0;
    for await (const piece of inPieces(image, PIECE)) {
      signal.throwIfAborted();
      if (zeros.compare(piece, 0, piece.length, 0, piece.length) !== 0) await writeAll(handle, piece, at);
      at += piece.length;
      onProgress?.(at, image.bytes);
    }
    await handle.truncate(image.bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
