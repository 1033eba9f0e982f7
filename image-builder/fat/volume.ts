/** A mounted FAT volume, read side: directories, listing, file contents. */
import type { Result } from '../../config/result.ts';
import { type BlockDevice, type ByteSource, SECTOR } from '../device.ts';
import { attempt, ImageError, type ImageProblem } from '../errors.ts';
import { type Geometry, parseBootSector } from './bpb.ts';
import { DIRECTORY_BYTES, type Entry, findIn, type Listing, parseDirectory, pathParts } from './directory.ts';
import { chainOf, clusterOffset, openTable, type Table } from './table.ts';

export type Volume = { readonly device: BlockDevice; readonly geometry: Geometry; readonly table: Table };

/** A directory in memory. `cluster` 0: the FAT16 root, which has no chain. */
export type Directory = { cluster: number; clusters: number[]; bytes: Uint8Array };

const DEEPEST = 16;
const MOST_FILES = 20_000;
const MOST_BYTES = 256 * 1024 * 1024;

/** Codes: FAT_NOT_FAT and its kin for other formats, FAT_DAMAGED_BPB, IMAGE_IO. */
export async function openVolume(
  device: BlockDevice,
  place: { readonly offset: number; readonly bytes: number },
): Promise<Result<Volume, ImageProblem>> {
  return await attempt(async () => {
    const sector = new Uint8Array(SECTOR);
    await device.read(sector, place.offset);
    const geometry = parseBootSector(sector, place.offset, place.bytes);
    return { device, geometry, table: openTable(device, geometry) };
  });
}

/** The root directory's cluster as directory entries name it on FAT16; on FAT32 the real one. */
export const rootCluster = ({ geometry }: Volume): number => ('cluster' in geometry.root ? geometry.root.cluster : 0);

export async function loadDirectory(volume: Volume, cluster: number): Promise<Directory> {
  const { geometry, device, table } = volume;
  if (cluster === 0 && 'offset' in geometry.root) {
    const bytes = new Uint8Array(geometry.root.bytes);
    await readRegion(device, bytes, geometry.root.offset);
    return { cluster, clusters: [], bytes };
  }
  const clusters = await chainOf(table, cluster, Math.ceil(DIRECTORY_BYTES / geometry.clusterBytes));
  if (clusters.length === 0) throw new ImageError('FAT_DAMAGED_DIRECTORY', `a directory without a first cluster`);
  const bytes = new Uint8Array(clusters.length * geometry.clusterBytes);
  for (const { at, offset, length } of runsOf(geometry, clusters)) {
    await device.read(bytes.subarray(at, at + length), offset);
  }
  return { cluster, clusters, bytes };
}

/** The FAT16 root may end within a sector; nothing else does. */
async function readRegion(device: BlockDevice, into: Uint8Array, offset: number): Promise<void> {
  const whole = new Uint8Array(Math.ceil(into.length / SECTOR) * SECTOR);
  await device.read(whole, offset);
  into.set(whole.subarray(0, into.length));
}

export const parse = (volume: Volume, directory: Directory): Listing =>
  parseDirectory(directory.bytes, volume.geometry.type);

/** Byte `at` of a file is byte `offset` of the device, for `length` bytes. */
export type Run = { readonly at: number; readonly offset: number; readonly length: number };

/** Neighbouring clusters joined: most files are one or two runs. */
export function runsOf(geometry: Geometry, clusters: readonly number[]): Run[] {
  const runs: { at: number; offset: number; length: number }[] = [];
  for (const [index, cluster] of clusters.entries()) {
    const offset = clusterOffset(geometry, cluster);
    const last = runs.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += geometry.clusterBytes;
    else runs.push({ at: index * geometry.clusterBytes, offset, length: geometry.clusterBytes });
  }
  return runs;
}

/** The directory that holds the last part of a path, as far as there is one. */
export async function walk(volume: Volume, parts: readonly string[]): Promise<Directory | undefined> {
  let directory = await loadDirectory(volume, rootCluster(volume));
  for (const part of parts) {
    const entry = findIn(parse(volume, directory), part);
    if (entry === undefined) return undefined;
    if (!entry.isDirectory) throw new ImageError('FAT_NOT_A_DIRECTORY', `${part} in ${parts.join('/')} is a file`);
    directory = await loadDirectory(volume, entry.firstCluster);
  }
  return directory;
}

export async function lookUp(volume: Volume, path: string): Promise<Entry | undefined> {
  const parts = pathParts(path);
  const name = parts.pop();
  if (name === undefined) throw new ImageError('FAT_NOT_A_FILE', 'the root directory is no file');
  const directory = await walk(volume, parts);
  return directory === undefined ? undefined : findIn(parse(volume, directory), name);
}

/** Where a file lies. FAT_CHAIN_SHORT when the table has less than the directory says. */
export async function runsOfFile(volume: Volume, entry: Entry): Promise<Run[]> {
  if (entry.isDirectory) throw new ImageError('FAT_NOT_A_FILE', `${entry.name} is a directory`);
  if (entry.size === 0) return [];
  const { geometry, table } = volume;
  const clusters = await chainOf(table, entry.firstCluster, geometry.clusterCount);
  const needed = Math.ceil(entry.size / geometry.clusterBytes);
  if (clusters.length < needed) {
    throw new ImageError('FAT_CHAIN_SHORT', `${entry.name}: ${clusters.length} clusters for ${entry.size} bytes`);
  }
  return runsOf(geometry, clusters.slice(0, needed));
}

/** A file's bytes straight out of the image. `undefined`: there is no such file. Closing it leaves the device open. */
export async function openFile(volume: Volume, path: string): Promise<Result<ByteSource | undefined, ImageProblem>> {
  return await attempt(async () => {
    const entry = await lookUp(volume, path);
    if (entry === undefined) return undefined;
    return fileSource(volume.device, entry.size, await runsOfFile(volume, entry));
  });
}

export function fileSource(device: BlockDevice, size: number, runs: readonly Run[]): ByteSource {
  const read = async (into: Uint8Array, offset: number): Promise<number> => {
    const end = Math.min(size, offset + into.length);
    for (const run of runs) {
      const from = Math.max(offset, run.at);
      const to = Math.min(end, run.at + run.length);
      if (from < to) await device.read(into.subarray(from - offset, to - offset), run.offset + from - run.at);
    }
    return Math.max(0, end - offset);
  };
  return { size, read, close: async () => {} };
}

/** The whole file. FAT_FILE_TOO_LARGE above `most` bytes (256 MiB unless told otherwise). */
export async function readFile(
  volume: Volume,
  path: string,
  most = MOST_BYTES,
): Promise<Result<Uint8Array | undefined, ImageProblem>> {
  const opened = await openFile(volume, path);
  if (!opened.ok) return opened;
  const source = opened.value;
  return await attempt(async () => {
    if (source === undefined) return undefined;
    if (source.size > most) throw new ImageError('FAT_FILE_TOO_LARGE', `${path} has ${source.size} bytes`);
    const bytes = new Uint8Array(source.size);
    await source.read(bytes, 0);
    return bytes;
  });
}

export type FileInfo = { readonly path: string; readonly size: number };

/** Every file of the volume, as `overlays/vc4-kms-v3d.dtbo`. */
export async function listFiles(volume: Volume): Promise<Result<readonly FileInfo[], ImageProblem>> {
  return await attempt(async () => {
    const files: FileInfo[] = [];
    const seen = new Set<number>();
    const visit = async (cluster: number, prefix: string, depth: number): Promise<void> => {
      if (seen.has(cluster) || depth > DEEPEST) {
        throw new ImageError('FAT_DAMAGED_DIRECTORY', `${prefix} leads back into itself or too deep`);
      }
      seen.add(cluster);
      for (const entry of parse(volume, await loadDirectory(volume, cluster)).entries) {
        if (entry.isDirectory) await visit(entry.firstCluster, `${prefix}${entry.name}/`, depth + 1);
        else files.push({ path: prefix + entry.name, size: entry.size });
        if (files.length > MOST_FILES) throw new ImageError('FAT_DAMAGED_DIRECTORY', `more than ${MOST_FILES} files`);
      }
    };
    await visit(rootCluster(volume), '', 0);
    return files;
  });
}

/** The label in the root directory; `undefined` when it has none. */
export async function volumeLabel(volume: Volume): Promise<Result<string | undefined, ImageProblem>> {
  return await attempt(async () => parse(volume, await loadDirectory(volume, rootCluster(volume))).label);
}
