/**
 * A FAT volume, write side. What fails for lack of room fails before anything is changed; of the directories above a file
 * that finds no room, those may stay that were made for it.
 */
import type { Result } from '../../config/result.ts';
import { SECTOR } from '../device.ts';
import { attempt, ImageError, type ImageProblem } from '../errors.ts';
import {
  type Content,
  DIRECTORY_BYTES,
  dotSlots,
  type Entry,
  findIn,
  markDeleted,
  newSlots,
  pathParts,
  roomFor,
  SLOT,
  setContent,
  updateSlot,
} from './directory.ts';
import { checkName } from './names.ts';
import { allocate, chainOf, endChain, flushTable, freeClusters, mustBeFree, release, writeFsInfo } from './table.ts';
import { type Directory, loadDirectory, parse, rootCluster, runsOf, type Volume, walk } from './volume.ts';

const LARGEST_FILE = 0xffff_ffff;

/** Creates or replaces a file, and the directories above it. Codes: FAT_FULL, FAT_BAD_NAME, FAT_NOT_A_FILE, damage. */
export async function writeFile(volume: Volume, path: string, bytes: Uint8Array): Promise<Result<void, ImageProblem>> {
  return await changing(volume, async () => {
    const parts = pathParts(path);
    const name = parts.pop() ?? '';
    checkName(name);
    if (bytes.length > LARGEST_FILE) throw new ImageError('FAT_FILE_TOO_LARGE', `${path} has ${bytes.length} bytes`);
    const parent = await makeParents(volume, parts);
    const listing = parse(volume, parent);
    const entry = findIn(listing, name);
    if (entry?.isDirectory === true) throw new ImageError('FAT_NOT_A_FILE', `${path} is a directory`);
    if (entry === undefined) {
      const slots = newSlots(name, false, { firstCluster: 0, size: 0 }, listing);
      await mustHaveRoom(volume, parent, { slots, end: listing.end, bytes: bytes.length });
      setContent(slots, slots.length - SLOT, await writeContent(volume, undefined, bytes));
      await addSlots(volume, parent, slots, listing.end);
    } else {
      updateSlot(parent.bytes, entry.slot, await writeContent(volume, entry, bytes));
      await saveDirectory(volume, parent, entry.slot, entry.slot + SLOT);
    }
  });
}

async function writeContent(volume: Volume, entry: Entry | undefined, bytes: Uint8Array): Promise<Content> {
  const clusters = await resize(volume, entry, bytes.length);
  await writeClusters(volume, clusters, bytes);
  return { firstCluster: clusters[0] ?? 0, size: bytes.length };
}

/** `false` when there was nothing to remove. FAT_NOT_EMPTY for directories that hold something. */
export async function remove(volume: Volume, path: string): Promise<Result<boolean, ImageProblem>> {
  return await changing(volume, async () => {
    const parts = pathParts(path);
    const name = parts.pop() ?? '';
    const parent = await walk(volume, parts);
    const entry = parent === undefined ? undefined : findIn(parse(volume, parent), name);
    if (parent === undefined || entry === undefined) return false;
    if (entry.isDirectory) {
      const { entries } = parse(volume, await loadDirectory(volume, entry.firstCluster));
      if (entries.length > 0) throw new ImageError('FAT_NOT_EMPTY', `${path} holds ${entries.length} entries`);
    }
    await release(volume.table, await clustersOf(volume, entry));
    markDeleted(parent.bytes, entry);
    await saveDirectory(volume, parent, entry.start, entry.slot + SLOT);
    return true;
  });
}

/** As `mkdir -p`. */
export async function makeDirectory(volume: Volume, path: string): Promise<Result<void, ImageProblem>> {
  return await changing(volume, async () => {
    await makeParents(volume, pathParts(path));
  });
}

/** Counts the table once per volume. */
export async function freeBytes(volume: Volume): Promise<Result<number, ImageProblem>> {
  return await attempt(async () => (await freeClusters(volume.table)) * volume.geometry.clusterBytes);
}

async function changing<T>(volume: Volume, work: () => Promise<T>): Promise<Result<T, ImageProblem>> {
  return await attempt(async () => {
    try {
      return await work();
    } finally {
      // Also what failed in the end may have made directories.
      await flushTable(volume.table);
      await writeFsInfo(volume.table);
    }
  });
}

async function makeParents(volume: Volume, parts: readonly string[]): Promise<Directory> {
  let directory = await loadDirectory(volume, rootCluster(volume));
  for (const part of parts) {
    const listing = parse(volume, directory);
    const entry = findIn(listing, part);
    if (entry !== undefined && !entry.isDirectory) throw new ImageError('FAT_NOT_A_DIRECTORY', `${part} is a file`);
    directory = await loadDirectory(volume, entry?.firstCluster ?? (await addDirectory(volume, directory, part)));
  }
  return directory;
}

async function addDirectory(volume: Volume, parent: Directory, name: string): Promise<number> {
  checkName(name);
  const listing = parse(volume, parent);
  const slots = newSlots(name, true, { firstCluster: 0, size: 0 }, listing);
  const bytes = new Uint8Array(volume.geometry.clusterBytes);
  await mustHaveRoom(volume, parent, { slots, end: listing.end, bytes: bytes.length });
  const [cluster] = await allocate(volume.table, 1);
  if (cluster === undefined) throw new Error('one cluster was asked for');
  // fatgen103 page 25: `..` says 0 for the root, on FAT32 too.
  bytes.set(dotSlots(cluster, parent.cluster === rootCluster(volume) ? 0 : parent.cluster));
  await writeClusters(volume, [cluster], bytes);
  setContent(slots, slots.length - SLOT, { firstCluster: cluster, size: 0 });
  await addSlots(volume, parent, slots, listing.end);
  return cluster;
}

/** For slots and the bytes they stand for together: the directory may have to grow, and FAT16's root cannot. */
async function mustHaveRoom(
  { table, geometry }: Volume,
  directory: Directory,
  { slots, end, bytes }: { readonly slots: Uint8Array; readonly end: number; readonly bytes: number },
): Promise<void> {
  const more = roomFor(directory.bytes, end, slots.length) + slots.length - directory.bytes.length;
  const length = directory.bytes.length + Math.ceil(Math.max(0, more) / geometry.clusterBytes) * geometry.clusterBytes;
  if (more > 0 && (directory.clusters.length === 0 || length > DIRECTORY_BYTES)) {
    throw new ImageError('FAT_DIRECTORY_FULL', `a directory of ${directory.bytes.length / SLOT} slots cannot grow`);
  }
  const clusters = (length - directory.bytes.length + bytes) / geometry.clusterBytes;
  await mustBeFree(table, Math.ceil(clusters));
}

const clustersOf = async (volume: Volume, entry: Entry): Promise<number[]> =>
  entry.firstCluster === 0 ? [] : await chainOf(volume.table, entry.firstCluster, volume.geometry.clusterCount);

/** Gives the file as many clusters as `size` needs, keeping those it has: what stays in place costs no changed sector. */
async function resize(volume: Volume, entry: Entry | undefined, size: number): Promise<number[]> {
  const { table, geometry } = volume;
  const has = entry === undefined ? [] : await clustersOf(volume, entry);
  const needed = Math.ceil(size / geometry.clusterBytes);
  if (needed > has.length) return [...has, ...(await allocate(table, needed - has.length, has.at(-1)))];
  const kept = has.slice(0, needed);
  const last = kept.at(-1);
  await release(table, has.slice(needed));
  if (last !== undefined && has.length > needed) await endChain(table, last);
  return kept;
}

/** Whole sectors; the rest of the last sector is zeros, the rest of the last cluster stays as it was. */
async function writeClusters(volume: Volume, clusters: readonly number[], bytes: Uint8Array): Promise<void> {
  for (const { at, offset, length } of runsOf(volume.geometry, clusters)) {
    const part = bytes.subarray(at, at + length);
    const whole = part.length - (part.length % SECTOR);
    if (whole > 0) await volume.device.write(part.subarray(0, whole), offset);
    if (part.length === whole) continue;
    const tail = new Uint8Array(SECTOR);
    tail.set(part.subarray(whole));
    await volume.device.write(tail, offset + whole);
  }
}

/** Puts slots into the directory, which grows if it has no room. */
async function addSlots(volume: Volume, directory: Directory, slots: Uint8Array, end: number): Promise<void> {
  const at = roomFor(directory.bytes, end, slots.length);
  while (at + slots.length > directory.bytes.length) await growDirectory(volume, directory);
  directory.bytes.set(slots, at);
  let to = at + slots.length;
  if (to > end && to < directory.bytes.length && directory.bytes[to] !== 0) {
    // What lies behind the end mark is nobody's: the mark moves, so it must stand in the next slot.
    directory.bytes.fill(0, to, to + SLOT);
    to += SLOT;
  }
  await saveDirectory(volume, directory, at, to);
}

async function growDirectory(volume: Volume, directory: Directory): Promise<void> {
  const { clusterBytes } = volume.geometry;
  const last = directory.clusters.at(-1);
  if (last === undefined) throw new Error('the fixed root directory does not grow');
  const added = await allocate(volume.table, 1, last);
  await writeClusters(volume, added, new Uint8Array(clusterBytes));
  directory.clusters.push(...added);
  const bytes = new Uint8Array(directory.bytes.length + clusterBytes);
  bytes.set(directory.bytes);
  directory.bytes = bytes;
}

/** Writes the sectors that hold the directory's bytes `from` to `to`. */
async function saveDirectory(volume: Volume, directory: Directory, from: number, to: number): Promise<void> {
  const { geometry, device } = volume;
  const { root } = geometry;
  const runs =
    directory.clusters.length === 0 && 'offset' in root
      ? [{ at: 0, offset: root.offset, length: directory.bytes.length }]
      : runsOf(geometry, directory.clusters);
  for (let at = from - (from % SECTOR); at < to; at += SECTOR) {
    const run = runs.find((candidate) => at >= candidate.at && at < candidate.at + candidate.length);
    if (run === undefined) throw new Error(`byte ${at} is in no cluster of the directory`);
    const sector = new Uint8Array(SECTOR);
    sector.set(directory.bytes.subarray(at, at + SECTOR));
    await device.write(sector, run.offset + at - run.at);
  }
}
