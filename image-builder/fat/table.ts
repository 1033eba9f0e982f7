/** The file allocation table: chains, allocation, free space. Read through a window, written through to every copy. */
import { type BlockDevice, SECTOR } from '../device.ts';
import { ImageError } from '../errors.ts';
import type { Geometry } from './bpb.ts';

/** How much of a table is held at a time. A table can be a hundred times this, a window does for one boot partition. */
const WINDOW = 128 * 1024;

type Window = { readonly start: number; readonly view: DataView; readonly bytes: Uint8Array };

export type Table = {
  readonly device: BlockDevice;
  readonly geometry: Geometry;
  window: Window | undefined;
  /** Offsets within the table of the window's changed sectors. */
  dirty: Set<number>;
  /** Exact, counted before the first change. */
  free: number | undefined;
  /** Where the search for a free cluster goes on. */
  hint: number;
};

export const openTable = (device: BlockDevice, geometry: Geometry): Table => ({
  device,
  geometry,
  window: undefined,
  dirty: new Set(),
  free: undefined,
  hint: 2,
});

const width = (table: Table): 2 | 4 => (table.geometry.type === 16 ? 2 : 4);
const lastCluster = (table: Table): number => table.geometry.clusterCount + 1;
/** Values from here on end a chain (fatgen103 page 18). */
const endOfChain = (table: Table): number => (table.geometry.type === 16 ? 0xfff8 : 0x0ffffff8);

export function clusterOffset(geometry: Geometry, cluster: number): number {
  if (cluster < 2 || cluster > geometry.clusterCount + 1) {
    throw new ImageError('FAT_CLUSTER_RANGE', `cluster ${cluster} of ${geometry.clusterCount}`);
  }
  return geometry.dataOffset + (cluster - 2) * geometry.clusterBytes;
}

/** Readers may run side by side, each with the window it was given; a writer has its volume for itself. */
async function windowAt(table: Table, position: number): Promise<Window> {
  const { window } = table;
  if (window !== undefined && position >= window.start && position < window.start + window.bytes.length) {
    return window;
  }
  await flushTable(table);
  const start = position - (position % WINDOW);
  const bytes = new Uint8Array(Math.min(WINDOW, table.geometry.fatBytes - start));
  await table.device.read(bytes, table.geometry.fatOffset + start);
  const loaded = { start, view: new DataView(bytes.buffer), bytes };
  table.window = loaded;
  return loaded;
}

const valueIn = (table: Table, view: DataView, at: number): number =>
  // The upper four bits of a FAT32 entry are reserved and kept as they are.
  table.geometry.type === 16 ? view.getUint16(at, true) : view.getUint32(at, true) & 0x0fffffff;

async function entry(table: Table, cluster: number): Promise<number> {
  const position = cluster * width(table);
  const { view, start } = await windowAt(table, position);
  return valueIn(table, view, position - start);
}

async function setEntry(table: Table, cluster: number, value: number): Promise<void> {
  const position = cluster * width(table);
  const { view, start } = await windowAt(table, position);
  const at = position - start;
  if (table.geometry.type === 16) view.setUint16(at, value & 0xffff, true);
  else view.setUint32(at, ((view.getUint32(at, true) & 0xf0000000) | value) >>> 0, true);
  table.dirty.add(position - (position % SECTOR));
}

/** Writes what changed in the window into every copy of the table. */
export async function flushTable(table: Table): Promise<void> {
  const { window } = table;
  if (window === undefined) return;
  for (const position of table.dirty) {
    const at = position - window.start;
    const sector = window.bytes.subarray(at, at + SECTOR);
    for (const copy of table.geometry.fatCopies) await table.device.write(sector, copy + position);
  }
  table.dirty.clear();
}

/**
 * The clusters of a chain, in order. `limit` is the most that its owner may have; longer chains, loops (Brent's
 * algorithm) and clusters outside the volume are errors.
 */
export async function chainOf(table: Table, first: number, limit: number): Promise<number[]> {
  const clusters: number[] = [];
  const most = Math.min(limit, table.geometry.clusterCount);
  let cluster = first;
  let landmark = 0;
  let power = 1;
  while (cluster < endOfChain(table)) {
    if (cluster < 2 || cluster > lastCluster(table)) {
      throw new ImageError('FAT_CLUSTER_RANGE', `a chain from cluster ${first} goes on in ${cluster}`);
    }
    if (cluster === landmark || clusters.length >= most) {
      throw new ImageError('FAT_CLUSTER_LOOP', `the chain from cluster ${first} loops or is longer than ${most}`);
    }
    clusters.push(cluster);
    if (clusters.length === power) {
      landmark = cluster;
      power *= 2;
    }
    cluster = await entry(table, cluster);
  }
  return clusters;
}

/** Counts once, then keeps count. In bytes: `freeClusters * clusterBytes`. */
export async function freeClusters(table: Table): Promise<number> {
  if (table.free !== undefined) return table.free;
  let free = 0;
  let firstFree = 0;
  const step = width(table);
  for (let cluster = 2; cluster <= lastCluster(table); ) {
    const { view, start } = await windowAt(table, cluster * step);
    const stop = Math.min(lastCluster(table), (start + view.byteLength) / step - 1);
    for (; cluster <= stop; cluster += 1) {
      if (valueIn(table, view, cluster * step - start) !== 0) continue;
      free += 1;
      firstFree ||= cluster;
    }
  }
  table.free = free;
  table.hint = firstFree || 2;
  return free;
}

/** FAT_FULL if there are less than `count`; how many there are. */
export async function mustBeFree(table: Table, count: number): Promise<number> {
  const free = await freeClusters(table);
  if (count > free) throw new ImageError('FAT_FULL', `${count} clusters wanted, ${free} are free`);
  return free;
}

/** Takes `count` clusters and links them, behind `after` if that is given. FAT_FULL before anything is changed. */
export async function allocate(table: Table, count: number, after?: number): Promise<number[]> {
  const free = await mustBeFree(table, count);
  const taken: number[] = [];
  let cluster = table.hint;
  for (let seen = 0; taken.length < count && seen < table.geometry.clusterCount; seen += 1) {
    if ((await entry(table, cluster)) === 0) taken.push(cluster);
    cluster = cluster === lastCluster(table) ? 2 : cluster + 1;
  }
  table.hint = cluster;
  table.free = free - taken.length;
  let previous = after;
  for (const next of taken) {
    if (previous !== undefined) await setEntry(table, previous, next);
    previous = next;
  }
  if (previous !== undefined) await endChain(table, previous);
  return taken;
}

export async function endChain(table: Table, cluster: number): Promise<void> {
  await setEntry(table, cluster, table.geometry.type === 16 ? 0xffff : 0x0fffffff);
}

export async function release(table: Table, clusters: readonly number[]): Promise<void> {
  const free = await freeClusters(table);
  for (const cluster of clusters) {
    await setEntry(table, cluster, 0);
    table.hint = Math.min(table.hint, cluster);
  }
  table.free = free + clusters.length;
}

/** Free count and hint of the FSInfo sector (fatgen103 page 21); a sector without its signatures is left alone. */
export async function writeFsInfo(table: Table): Promise<void> {
  const { fsInfoOffset } = table.geometry;
  if (fsInfoOffset === undefined || table.free === undefined) return;
  const bytes = new Uint8Array(SECTOR);
  await table.device.read(bytes, fsInfoOffset);
  const view = new DataView(bytes.buffer);
  if (view.getUint32(0, true) !== 0x41615252 || view.getUint32(484, true) !== 0x61417272) return;
  if (view.getUint32(488, true) === table.free && view.getUint32(492, true) === table.hint) return;
  view.setUint32(488, table.free, true);
  view.setUint32(492, table.hint, true);
  await table.device.write(bytes, fsInfoOffset);
}
