/** Writes the unpacked image of an import: sums, room on the disk, what an earlier try has written already. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { memorySource, readOnlyDevice, SECTOR } from './device.ts';
import { readFrom, writeAll } from './disk.ts';
import { ImageError } from './errors.ts';
import { readPartitions, tableSectors } from './partitions.ts';
import { packingOf, strangerIn } from './strangers.ts';

const CHUNK = 1024 * 1024;
/** Left free for the database and the rest of the system. */
const RESERVE = 64 * 1024 * 1024;
/** How often free room is asked for. */
const ROOM_STEP = 64 * 1024 * 1024;

export type Written = {
  readonly bytes: number;
  readonly sha256: string;
  readonly heldSha256: string;
  readonly held: number;
};

export type ImageWriting = {
  /** The published file, for what is said of it. */
  readonly file: string;
  /** In pieces of any size. */
  readonly image: AsyncIterable<Buffer>;
  /** Known beforehand? */
  readonly imageBytes: number | undefined;
  readonly to: string;
  readonly signal: AbortSignal;
  readonly onWritten: (bytes: number) => void;
};

/**
 * One pass: stretches of zeros become holes, and what is there already is compared and left. The file is synced. Throws
 * BASE_NOT_PI and PARTITION_… after the first piece, BASE_TRUNCATED, BASE_NO_ROOM.
 */
export async function writeImage(options: ImageWriting): Promise<Written> {
  const { file, to, signal, onWritten } = options;
  const handle = await open(to, constants.O_RDWR | constants.O_CREAT);
  try {
    // Whatever the umask of the one who imports: the daemon is another user.
    await handle.chmod(0o644);
    const [whole, heldSum] = [createHash('sha256'), createHash('sha256')];
    const room = await roomFor(handle, to);
    let held = 0;
    let at = 0;
    for await (const block of blocksOf(options.image)) {
      signal.throwIfAborted();
      if (at === 0) {
        held = await look(file, block, options.imageBytes, room);
        heldSum.update(Buffer.alloc(held * SECTOR)).update(block.subarray(held * SECTOR));
      } else heldSum.update(block);
      whole.update(block);
      if (Math.floor(at / ROOM_STEP) !== Math.floor((at + block.length) / ROOM_STEP))
        await room.check(at + block.length);
      await keep(handle, block, at, room);
      at += block.length;
      onWritten(at);
    }
    if (at === 0 || at % SECTOR !== 0) throw cutShort(file, `its image has ${at} bytes, no whole number of sectors`);
    await handle.truncate(at);
    await handle.sync();
    return { bytes: at, sha256: whole.digest('hex'), heldSha256: heldSum.digest('hex'), held };
  } finally {
    await handle.close();
  }
}

export const cutShort = (file: string, why: string): ImageError =>
  new ImageError('BASE_TRUNCATED', `${file} is truncated: ${why}. Fetch it again`);

/** Pieces of exactly a mebibyte, the last one as long as it is. The buffer is used again for the next one. */
async function* blocksOf(pieces: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const block = Buffer.alloc(CHUNK);
  let filled = 0;
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length; ) {
      const length = piece.copy(block, filled, from);
      from += length;
      filled += length;
      if (filled < CHUNK) continue;
      yield block;
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

/** What the first mebibyte tells, before anything is written. Returns how many sectors are held back. */
async function look(file: string, start: Buffer, imageBytes: number | undefined, room: Room): Promise<number> {
  const stranger = strangerIn(start);
  if (stranger !== undefined) throw new ImageError('BASE_NOT_PI', `${file} holds ${stranger}`);
  const packing = packingOf(start);
  if (packing !== 'none') {
    const again = `${file} is packed once more: it holds what is packed as ${packing}`;
    throw new ImageError('BASE_ARCHIVE', `${again}. Unpack the outer one, then add what is in it`);
  }
  if (start.length < SECTOR && isText(start))
    throw new ImageError('BASE_NOT_PI', `${file} is a text of ${start.length} bytes, no disk image`);
  if (start.length < SECTOR) throw cutShort(file, `its image has ${start.length} bytes`);
  // Its size is not known yet: what lies beyond its end is found at the end.
  const device = { ...readOnlyDevice(memorySource(start)), size: Number.MAX_SAFE_INTEGER };
  const partitions = await readPartitions(device);
  // A GPT's entries may lie elsewhere.
  if (!partitions.ok && partitions.error.code !== 'IMAGE_IO') {
    const { code, detail } = partitions.error;
    throw new ImageError(code, `${file}: ${detail}`);
  }
  const ends = partitions.ok
    ? partitions.value.map(({ number, offset, bytes }) => ({ number, end: offset + bytes }))
    : [];
  const last = ends.sort((a, b) => b.end - a.end)[0];
  if (last !== undefined && imageBytes !== undefined && last.end > imageBytes) {
    throw cutShort(file, `partition ${last.number} ends at byte ${last.end}, the image at ${imageBytes}`);
  }
  await room.check(Math.max(imageBytes ?? 0, last?.end ?? 0));
  return tableSectors(start.subarray(0, SECTOR));
}

const isText = (bytes: Buffer): boolean => bytes.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13));

type Room = {
  /** BASE_NO_ROOM if an image of this size does not fit any more. */
  readonly check: (bytes: number) => Promise<void>;
  readonly full: () => Promise<ImageError>;
};

async function roomFor(handle: FileHandle, to: string): Promise<Room> {
  const folder = dirname(dirname(to));
  const there = async (): Promise<number> => {
    const [{ bavail, bsize }, { blocks }] = [await statfs(folder), await handle.stat()];
    return bavail * bsize + blocks * 512 - RESERVE;
  };
  const tooSmall = (bytes: number, most: number): ImageError =>
    new ImageError(
      'BASE_NO_ROOM',
      `the unpacked image needs ${mebibytes(bytes)} in ${folder}, where ${mebibytes(Math.max(0, most))} can be had ` +
        `(${mebibytes(RESERVE)} are left for the database): ` +
        'make room (bramble image list, bramble image remove NAME), or name another folder as data: in bramble.yaml',
    );
  return {
    // As if holes took room, too: nobody packs a card image of terabytes of zeros in good faith.
    check: async (bytes) => {
      const most = await there();
      if (bytes > most) throw tooSmall(bytes, most);
    },
    full: async () => tooSmall((await handle.stat()).size + RESERVE, await there()),
  };
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

const zeros = Buffer.alloc(CHUNK);

/** Writes `block` unless it stands there already; zeros are left out behind the end of the file. */
async function keep(handle: FileHandle, block: Buffer, at: number, room: Room): Promise<void> {
  const { size } = await handle.stat();
  if (size > at) {
    const there = Buffer.alloc(block.length);
    await readFrom(handle, there, at);
    if (block.equals(there)) return;
  } else if (block.equals(zeros.subarray(0, block.length))) return;
  try {
    await writeAll(handle, block, at);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) {
      throw await room.full();
    }
    throw error;
  }
}
