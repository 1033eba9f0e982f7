/** The blocks of one file, read in large pieces and one piece ahead, so that a block costs no read of its own. */
import type { ByteSource } from '../ports.ts';
import { dataHeaderLength, writeDataHeader } from './packet.ts';

export type BlockReader = {
  /** Reads on for a client that has the blocks up to `acked`. Cheap when nothing is to do: call it at every step. */
  readonly want: (acked: number) => void;
  /** The DATA packet of a block that was reported by `onRead`; valid until as many blocks as fit the window follow it. */
  readonly packet: (block: number) => Uint8Array;
  /** Settles after the read that is under way, if any; `source` stays open. */
  readonly idle: () => Promise<void>;
};

/** Two such pieces are held by a transfer in full swing, one by a client that was never heard of again. */
const pieceBytes = 32768;

/**
 * `onRead` gets the last block in memory, never twice the same; `onFailed` is called at most once, after which no
 * more is read. Neither is called from inside `want`.
 */
export function blockReader(
  source: ByteSource,
  { blksize, windowsize }: { readonly blksize: number; readonly windowsize: number },
  onRead: (upTo: number) => void,
  onFailed: (detail: string) => void,
): BlockReader {
  // Two windows at least: with the ACK that wants the next piece, the window that it opens still lies in this one.
  const blocksPerPiece = Math.max(2 * windowsize, Math.floor(pieceBytes / blksize));
  const pieceSize = blocksPerPiece * blksize;
  const pieceCount = Math.floor(Math.floor(source.size / blksize) / blocksPerPiece) + 1;
  const pieces: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];
  const packets: Uint8Array[] = [];
  let loaded = 0;
  let wanted = 0;
  let reading: Promise<void> | undefined;
  let failed = false;

  async function readPiece(piece: number): Promise<void> {
    const offset = piece * pieceSize;
    const length = Math.min(pieceSize, source.size - offset);
    const slot = piece % 2 === 0 ? 0 : 1;
    if (pieces[slot].length < length) pieces[slot] = new Uint8Array(length);
    const got = length === 0 ? 0 : await source.read(pieces[slot].subarray(0, length), offset);
    if (got < length) throw new Error(`the file ends at ${offset + got} of ${source.size} bytes`);
  }

  async function readOn(): Promise<void> {
    try {
      while (loaded < Math.min(wanted, pieceCount)) {
        await readPiece(loaded);
        loaded += 1;
        onRead(loaded * blocksPerPiece);
      }
    } catch (error) {
      failed = true;
      onFailed(error instanceof Error ? error.message : String(error));
    }
    reading = undefined;
  }

  function want(acked: number): void {
    // Nothing ahead for somebody who only ever asked.
    const ahead = acked === 0 ? 0 : 1;
    wanted = Math.max(wanted, Math.floor(acked / blocksPerPiece) + 1 + ahead);
    if (failed || reading !== undefined || loaded >= Math.min(wanted, pieceCount)) return;
    // From a microtask, so that the caller's step is over before ours begins.
    reading = Promise.resolve().then(readOn);
  }

  function packet(block: number): Uint8Array {
    const piece = Math.floor((block - 1) / blocksPerPiece);
    const start = (block - 1) * blksize;
    const length = Math.min(blksize, source.size - start);
    // Filled at one go and reused only when its block was acknowledged: a packet that still waits to be sent is whole.
    const slot = block % (windowsize + 1);
    const bytes = packets[slot] ?? new Uint8Array(dataHeaderLength + blksize);
    packets[slot] = bytes;
    writeDataHeader(bytes, block);
    const from = start - piece * pieceSize;
    bytes.set(pieces[piece % 2 === 0 ? 0 : 1].subarray(from, from + length), dataHeaderLength);
    return length === blksize ? bytes : bytes.subarray(0, dataHeaderLength + length);
  }

  return { want, packet, idle: async () => await reading };
}
