/**
 * The overlay: what one board's image has different from its base, as runs of sectors. Encoded it is one small file.
 *
 * The base is streamed to every board with its partition table held back (zeros). The board's own sectors follow, highest
 * first: a GPT comes second to last and sector 0 last, and until then the disk has no table that could be booted.
 */
import { createHash } from 'node:crypto';
import type { Result } from '../config/result.ts';
import { type ByteSource, layeredSource, SECTOR, type SectorMap } from './device.ts';
import { attemptSync, ImageError, type ImageProblem } from './errors.ts';

export type Overlay = {
  /** SHA-256 of the whole base image, lower-case hex. */
  readonly baseDigest: string;
  readonly baseBytes: number;
  /** In the order in which they are written: by sector, descending. Sector 0 is a run of its own. */
  readonly runs: readonly OverlayRun[];
};

/** `bytes` are `count` sectors, to be written from `sector` on. */
export type OverlayRun = { readonly sector: number; readonly count: number; readonly bytes: Uint8Array };

/** `held`: how many sectors at the start of the base come last; all of them have to be among `sectors`. */
export function makeOverlay(
  base: { readonly sha256: string; readonly bytes: number; readonly held: number },
  sectors: SectorMap,
): Overlay {
  for (let sector = 0; sector < base.held; sector += 1) {
    if (!sectors.has(sector)) throw new Error(`an overlay needs sector ${sector}`);
  }
  const numbers = [...sectors.keys()].sort((a, b) => a - b);
  const begins = new Set([0, 1, base.held]);
  const runs: OverlayRun[] = [];
  for (let from = 0; from < numbers.length; ) {
    let to = from + 1;
    while (numbers[to] === (numbers[from] ?? 0) + to - from && !begins.has(numbers[to] ?? 0)) to += 1;
    runs.push(runOf(numbers.slice(from, to), sectors));
    from = to;
  }
  return { baseDigest: base.sha256, baseBytes: base.bytes, runs: runs.reverse() };
}

function runOf(numbers: readonly number[], sectors: SectorMap): OverlayRun {
  const bytes = new Uint8Array(numbers.length * SECTOR);
  for (const [index, number] of numbers.entries()) bytes.set(sectors.get(number) ?? [], index * SECTOR);
  return { sector: numbers[0] ?? 0, count: numbers.length, bytes };
}

/** Base and overlay as one whole image, for a file or a card. The base stays open. OVERLAY_OTHER_BASE by size. */
export function overlaySource(base: ByteSource, overlay: Overlay): Result<ByteSource, ImageProblem> {
  return attemptSync(() => {
    if (base.size !== overlay.baseBytes) {
      throw new ImageError('OVERLAY_OTHER_BASE', `made for a base of ${overlay.baseBytes} bytes, not ${base.size}`);
    }
    const sectors = new Map<number, Uint8Array>();
    for (const { sector, count, bytes } of overlay.runs) {
      for (let index = 0; index < count; index += 1) {
        sectors.set(sector + index, bytes.subarray(index * SECTOR, (index + 1) * SECTOR));
      }
    }
    return layeredSource(base, sectors);
  });
}

/*
 * The file, little-endian:
 *   0  8   "brambleO"
 *   8  2   version, 2 (1 was in ascending order)
 *  10  2   zero
 *  12  4   number of runs
 *  16  8   bytes of the base
 *  24  32  SHA-256 of the base
 *  56  8n  per run: first sector, count (4 bytes each; sectors below 2^32 are 2 TiB)
 *      …   the runs' sectors, in the same order
 *  -32 32  SHA-256 of everything before
 */
const MAGIC = 'brambleO';
const VERSION = 2;
const HEADER = 56;
const DIGEST = 32;
/** No board needs a tenth of it; a decoder that is handed more is handed nonsense. */
const LARGEST = 64 * 1024 * 1024;

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

export function encodeOverlay(overlay: Overlay): Uint8Array {
  const payload = overlay.runs.reduce((sum, run) => sum + run.bytes.length, 0);
  const table = HEADER + overlay.runs.length * 8;
  const file = new Uint8Array(table + payload + DIGEST);
  const view = new DataView(file.buffer);
  file.set(Buffer.from(MAGIC, 'latin1'));
  view.setUint16(8, VERSION, true);
  view.setUint32(12, overlay.runs.length, true);
  view.setBigUint64(16, BigInt(overlay.baseBytes), true);
  file.set(Buffer.from(overlay.baseDigest, 'hex'), 24);
  let at = table;
  for (const [index, run] of overlay.runs.entries()) {
    view.setUint32(HEADER + index * 8, run.sector, true);
    view.setUint32(HEADER + index * 8 + 4, run.count, true);
    file.set(run.bytes, at);
    at += run.bytes.length;
  }
  file.set(sha256(file.subarray(0, at)), at);
  return file;
}

/** Codes: OVERLAY_NOT_ONE, _VERSION, _TRUNCATED, _CHECKSUM, _RUNS (outside, overlapping, out of order, no sector 0). */
export function decodeOverlay(file: Uint8Array): Result<Overlay, ImageProblem> {
  return attemptSync(() => {
    if (file.length > LARGEST || Buffer.from(file.subarray(0, 8)).toString('latin1') !== MAGIC) {
      throw new ImageError('OVERLAY_NOT_ONE', 'this is no overlay', { offset: 0 });
    }
    if (file.length < HEADER + DIGEST) {
      throw new ImageError('OVERLAY_TRUNCATED', `an overlay of ${file.length} bytes`, { offset: file.length });
    }
    const view = new DataView(file.buffer, file.byteOffset, file.length);
    const version = view.getUint16(8, true);
    if (version !== VERSION) throw new ImageError('OVERLAY_VERSION', `overlay version ${version}`, { offset: 8 });
    const end = file.length - DIGEST;
    const runs = decodeRuns(file, view, end);
    if (!sha256(file.subarray(0, end)).equals(file.subarray(end))) {
      throw new ImageError('OVERLAY_CHECKSUM', 'the overlay fails its checksum', { offset: end });
    }
    const baseBytes = Number(view.getBigUint64(16, true));
    checkOrder(runs, baseBytes);
    return { baseDigest: Buffer.from(file.subarray(24, HEADER)).toString('hex'), baseBytes, runs };
  });
}

function decodeRuns(file: Uint8Array, view: DataView, end: number): OverlayRun[] {
  const count = view.getUint32(12, true);
  let at = HEADER + count * 8;
  if (at > end) throw new ImageError('OVERLAY_TRUNCATED', `${count} runs are announced`, { offset: 12 });
  const runs: OverlayRun[] = [];
  for (let index = 0; index < count; index += 1) {
    const sector = view.getUint32(HEADER + index * 8, true);
    const sectors = view.getUint32(HEADER + index * 8 + 4, true);
    const to = at + sectors * SECTOR;
    if (to > end) throw new ImageError('OVERLAY_TRUNCATED', `run ${index} goes beyond the end`, { offset: at });
    runs.push({ sector, count: sectors, bytes: file.slice(at, to) });
    at = to;
  }
  if (at !== end) throw new ImageError('OVERLAY_TRUNCATED', `${end - at} bytes belong to no run`, { offset: at });
  return runs;
}

function checkOrder(runs: readonly OverlayRun[], baseBytes: number): void {
  let end = baseBytes / SECTOR;
  for (const { sector, count } of runs) {
    if (count === 0 || sector + count > end) {
      throw new ImageError('OVERLAY_RUNS', `${count} sectors from ${sector}: outside, overlapping or out of order`);
    }
    end = sector;
  }
  const last = runs.at(-1);
  if (last === undefined || last.sector !== 0 || last.count !== 1) {
    throw new ImageError('OVERLAY_RUNS', 'sector 0 is not the last run');
  }
}
