/** What was read a moment ago: boards that are switched on together fetch the same kernel at about the same pace. */
import type { ByteSource } from '../ports.ts';

export type RecentReads = {
  /** The same bytes, shared by all sources of one `key`: that has to name the content, not the place where it lies. */
  readonly of: (key: string, source: ByteSource) => ByteSource;
};

/** What goes to the disk at one time: a few milliseconds of an SD card. */
const pieceBytes = 256 * 1024;

/** Never holds more than `bytesMax`, apart from what is being read; the piece that was not used longest goes first. */
export function recentReads({ bytesMax }: { readonly bytesMax: number }): RecentReads {
  const piecesMax = Math.floor(bytesMax / pieceBytes);
  /** In order of their last use. */
  const pieces = new Map<string, Promise<Uint8Array>>();

  function pieceOf(key: string, source: ByteSource, piece: number): Promise<Uint8Array> {
    const name = `${piece} ${key}`;
    const known = pieces.get(name);
    pieces.delete(name);
    const bytes = known ?? load(source, piece);
    pieces.set(name, bytes);
    if (known !== undefined) return known;
    // The next one may be luckier with the disk.
    bytes.catch(() => pieces.get(name) === bytes && pieces.delete(name));
    for (const oldest of pieces.keys()) {
      if (pieces.size <= piecesMax) break;
      pieces.delete(oldest);
    }
    return bytes;
  }

  const of = (key: string, source: ByteSource): ByteSource => ({
    size: source.size,
    read: async (into, offset) => {
      const end = Math.min(source.size, offset + into.length);
      let at = offset;
      while (at < end) {
        const piece = Math.floor(at / pieceBytes);
        const bytes = await pieceOf(key, source, piece);
        const part = bytes.subarray(at - piece * pieceBytes, end - piece * pieceBytes);
        into.set(part, at - offset);
        at += part.length;
        // The file is shorter than it was.
        if (part.length === 0) break;
      }
      return Math.max(0, at - offset);
    },
    close: source.close,
  });
  return { of };
}

async function load(source: ByteSource, piece: number): Promise<Uint8Array> {
  const offset = piece * pieceBytes;
  const bytes = new Uint8Array(Math.min(pieceBytes, source.size - offset));
  return bytes.subarray(0, await source.read(bytes, offset));
}
