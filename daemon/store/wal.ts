/**
 * Whether a write-ahead log is damaged. SQLite takes everything behind the first frame that does not fit for a write that was
 * cut off, and drops it without a word: commits that somebody was promised would be gone.
 * Format: https://www.sqlite.org/fileformat2.html#walformat
 */
const headerSize = 32;
const frameHeaderSize = 24;

/**
 * What is wrong with it, or undefined. `synchronous=FULL` puts each commit on the disk before the next one begins, and each
 * start begins a new log: a power cut can leave one commit half written, and never two.
 */
export function walDamage(log: Uint8Array): string | undefined {
  // Cut off while it was begun: nothing was committed into it.
  if (log.length <= headerSize + frameHeaderSize) return undefined;
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  const magic = view.getUint32(0);
  const pageSize = view.getUint32(8);
  const isKnown = magic >>> 1 === 0x377f0682 >>> 1 && pageSize >= 512 && pageSize <= 65_536;
  const isLittle = (magic & 1) === 0;
  let sum: Sum = isKnown ? checksum(view, 0, 24, [0, 0], isLittle) : [0, 0];
  if (!isKnown || !fits(view, 24, sum)) return isEmpty(log) ? undefined : 'the header of its write-ahead log';
  const salt = [view.getUint32(16), view.getUint32(20)];
  let firstBad: number | undefined;
  let lostCommits = 0;
  const frames = Math.floor((log.length - headerSize) / (frameHeaderSize + pageSize));
  for (let frame = 0; frame < frames; frame++) {
    const at = headerSize + frame * (frameHeaderSize + pageSize);
    const isOfThisLog = view.getUint32(at + 8) === salt[0] && view.getUint32(at + 12) === salt[1];
    if (firstBad === undefined && isOfThisLog) {
      sum = checksum(view, at, 8, sum, isLittle);
      sum = checksum(view, at + frameHeaderSize, pageSize, sum, isLittle);
    }
    if (!isOfThisLog || !fits(view, at + 16, sum)) firstBad ??= frame + 1;
    // The size of the database after the commit: of the last frame of each only.
    if (firstBad !== undefined && isOfThisLog && view.getUint32(at + 4) > 0) lostCommits += 1;
  }
  if (firstBad === undefined || lostCommits < 2) return undefined;
  return `frame ${firstBad} of its write-ahead log, before ${lostCommits} commits`;
}

type Sum = readonly [number, number];

function checksum(view: DataView, from: number, length: number, [first, second]: Sum, isLittle: boolean): Sum {
  let [one, two] = [first, second];
  for (let at = from; at < from + length; at += 8) {
    one = (one + view.getUint32(at, isLittle) + two) >>> 0;
    two = (two + view.getUint32(at + 4, isLittle) + one) >>> 0;
  }
  return [one, two];
}

const fits = (view: DataView, at: number, [one, two]: Sum): boolean =>
  view.getUint32(at) === one && view.getUint32(at + 4) === two;

const isEmpty = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
