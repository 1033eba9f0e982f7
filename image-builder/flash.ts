/** Writes an image to a disk and reads it back, so that until its last sector nothing starts from it. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Result } from '../config/result.ts';
import { SECTOR } from './device.ts';
import { writeAll } from './disk.ts';
import { attempt, ImageError, type ImageProblem } from './errors.ts';
import { type ImageStream, inPieces } from './image-stream.ts';

export type FlashStep = 'write' | 'verify';

export type FlashOptions = {
  /** A block device that nothing uses: the kernel refuses any other (O_EXCL). */
  readonly path: string;
  /** Of the device. */
  readonly bytes: number;
  readonly image: ImageStream;
  readonly onProgress?: (step: FlashStep, done: number, of: number) => void;
  readonly signal: AbortSignal;
};

const PIECE = 4 * 1024 * 1024;
/** Where a GPT has its header and entries: behind the MBR, and once more at the end. */
const GPT_SECTORS = 34;

/**
 * Settles once the disk holds the image and was read back past the kernel's cache. Whatever ends it before leaves a disk
 * without a partition table. Codes: TARGET_TOO_SMALL, TARGET_BUSY, IMAGE_IO, VERIFY_FAILED.
 */
export async function flashDisk(options: FlashOptions): Promise<Result<void, ImageProblem>> {
  const { path, bytes, image } = options;
  return await attempt(async () => {
    if (image.bytes > bytes) {
      throw new ImageError('TARGET_TOO_SMALL', `the image needs ${image.bytes} bytes and ${path} has ${bytes}`);
    }
    const handle = await openExclusively(path);
    try {
      await clearTables(handle, bytes);
      const written = await writeHeld(handle, options);
      await verify(options, written.digests);
      await writeAll(handle, written.first, 0);
      await handle.sync();
      await verifyFirst(options, written.first);
    } finally {
      await handle.close();
    }
  });
}

async function openExclusively(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_EXCL);
  } catch (error) {
    const busy = error instanceof Error && 'code' in error && error.code === 'EBUSY';
    if (!busy) throw error;
    throw new ImageError('TARGET_BUSY', `${path} is used by something on this machine: unmount it first`, {
      cause: error,
    });
  }
}

async function clearTables(handle: FileHandle, bytes: number): Promise<void> {
  const zeros = new Uint8Array(Math.min(GPT_SECTORS * SECTOR, bytes));
  await writeAll(handle, zeros, 0);
  await writeAll(handle, zeros, bytes - zeros.length);
  await handle.sync();
}

type Written = {
  /** Sector 0, which is not on the disk yet. */
  readonly first: Uint8Array;
  /** Of each piece as it is on the disk. */
  readonly digests: readonly Buffer[];
};

async function writeHeld(handle: FileHandle, { image, onProgress, signal }: FlashOptions): Promise<Written> {
  const digests: Buffer[] = [];
  let first = new Uint8Array(0);
  let at = 0;
  for await (const piece of inPieces(image, PIECE)) {
    signal.throwIfAborted();
    if (at === 0) {
      first = Uint8Array.from(piece.subarray(0, SECTOR));
      piece.fill(0, 0, SECTOR);
    }
    digests.push(sha256(piece));
    await writeAll(handle, piece, at);
    // Piece by piece: else all of it lies in the cache first, and the bar is at its end while the card has hardly begun.
    await handle.datasync();
    at += piece.length;
    onProgress?.('write', at, image.bytes);
  }
  return { first, digests };
}

async function verify(options: FlashOptions, digests: readonly Buffer[]): Promise<void> {
  const { path, image, onProgress, signal } = options;
  let at = 0;
  const read = inPieces({ bytes: image.bytes, chunks: readPastCache(path, signal) }, PIECE);
  for await (const piece of read) {
    signal.throwIfAborted();
    if (digests[at / PIECE]?.equals(sha256(piece)) !== true) throw differs(path, at);
    at += piece.length;
    onProgress?.('verify', at, image.bytes);
  }
}

async function verifyFirst({ path, signal }: FlashOptions, first: Uint8Array): Promise<void> {
  for await (const piece of inPieces({ bytes: SECTOR, chunks: readPastCache(path, signal) }, SECTOR)) {
    if (!sha256(piece).equals(sha256(first))) throw differs(path, 0);
  }
}

const differs = (path: string, at: number): ImageError =>
  new ImageError(
    'VERIFY_FAILED',
    `what ${path} gives back from MiB ${Math.floor(at / 2 ** 20)} on is not what was written: it is worn out, or has less room than it says. Take another one`,
    { offset: at },
  );

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/**
 * From the start of the disk, as far as anybody asks. By dd: O_DIRECT wants buffers at addresses that Node does not give, and
 * what comes out of the kernel's cache says nothing about the card.
 */
async function* readPastCache(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const dd = spawn('dd', [`if=${path}`, 'iflag=direct', 'bs=1M', 'status=none'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  });
  const failure = new Promise<Error>((resolve) => dd.once('error', resolve));
  const closed = once(dd, 'close').catch(() => undefined);
  let said = '';
  dd.stderr.on('data', (text: Buffer) => {
    said = `${said}${text.toString()}`.slice(0, 500);
  });
  try {
    for await (const chunk of dd.stdout as AsyncIterable<Buffer>) yield chunk;
    await closed;
    signal.throwIfAborted();
    if (dd.pid === undefined) throw await failure;
    if (dd.exitCode !== 0) throw new ImageError('IMAGE_IO', `${path} cannot be read back: ${said.trim()}`);
  } finally {
    dd.kill('SIGKILL');
    await closed;
  }
}
