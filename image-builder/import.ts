/** Takes an image file in as a base: checks, copies, sums, recognises, records. */
import { createHash, type Hash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Result } from '../config/result.ts';
import { type Base, type BaseRecord, IMAGE, openBase, RECORD } from './base.ts';
import { openBootPartition } from './boot-partition.ts';
import { type ByteSource, readExactly, readOnlyDevice, SECTOR } from './device.ts';
import { openFileSource, writeAll } from './disk.ts';
import { attempt, ImageError, type ImageProblem, orThrow } from './errors.ts';
import { listFiles, volumeLabel } from './fat/volume.ts';
import { tableSectors } from './partitions.ts';

const CHUNK = 1024 * 1024;
/** What an import that was cut off leaves; removed by the next one once it is a day old. */
const UNFINISHED = '.import-';
const DAY = 24 * 3600 * 1000;

/**
 * Copies a raw `.img` into `directory/<id>/` and opens it; a base that is there already is only opened. Durable once it
 * returns. Codes: BASE_COMPRESSED, BASE_SIZE, PARTITION_…, FAT_…, IMAGE_IO.
 */
export async function importBase(options: {
  readonly file: string;
  readonly directory: string;
  readonly signal: AbortSignal;
}): Promise<Result<Base, ImageProblem>> {
  const { file, directory, signal } = options;
  const imported = await attempt(async () => {
    const source = await openFileSource(file);
    try {
      await refuseOthers(source, file);
      const found = await inspect(source);
      await mkdir(directory, { recursive: true });
      await removeUnfinished(directory);
      return await copyInto({ source, found, directory, signal, name: basename(file).replace(/\.img$/i, '') });
    } finally {
      await source.close();
    }
  });
  return imported.ok ? await openBase(join(directory, imported.value)) : imported;
}

const compressions: readonly (readonly [name: string, magic: string])[] = [
  ['zip', '504b0304'],
  ['xz', 'fd377a585a00'],
  ['gzip', '1f8b'],
  ['zstd', '28b52ffd'],
  ['bzip2', '425a68'],
  ['7z', '377abcaf271c'],
];

async function refuseOthers(source: ByteSource, file: string): Promise<void> {
  const start = Buffer.alloc(8);
  await source.read(start, 0);
  const compression = compressions.find(([, magic]) => start.toString('hex').startsWith(magic));
  if (compression !== undefined) {
    throw new ImageError('BASE_COMPRESSED', `${file} is ${compression[0]}-compressed: unpack it, then add the .img`);
  }
  if (source.size === 0 || source.size % SECTOR !== 0) {
    throw new ImageError('BASE_SIZE', `${file} has ${source.size} bytes, no whole number of sectors: cut short?`);
  }
}

type Found = Pick<BaseRecord, 'format' | 'bootPartition' | 'label' | 'held'>;

async function inspect(source: ByteSource): Promise<Found> {
  const { partition, volume } = orThrow(await openBootPartition(readOnlyDevice(source)));
  const files = new Set(orThrow(await listFiles(volume)).map(({ path }) => path.toLowerCase()));
  const cloudInit = files.has('user-data') && files.has('meta-data');
  const format = files.has('device-init.yaml') ? 'device-init' : cloudInit ? 'cloud-init' : 'none';
  const first = new Uint8Array(SECTOR);
  await readExactly(source, first, 0);
  return {
    format,
    held: tableSectors(first),
    bootPartition: partition,
    label: orThrow(await volumeLabel(volume)) ?? '',
  };
}

async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (!name.startsWith(UNFINISHED)) continue;
    const { mtimeMs } = await stat(path);
    if (mtimeMs < Date.now() - DAY) await rm(path, { recursive: true, force: true });
  }
}

/** Everything under a temporary name, synced, then one rename. Returns the directory's final name. */
async function copyInto(options: {
  readonly source: ByteSource;
  readonly found: Found;
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly name: string;
}): Promise<string> {
  const { source, found, directory, signal, name } = options;
  const unfinished = await mkdtemp(join(directory, UNFINISHED));
  try {
    const sums = await copyImage(source, join(unfinished, IMAGE), found.held * SECTOR, signal);
    const id = sums.sha256.slice(0, 16);
    const record: BaseRecord = { id, name, bytes: source.size, ...sums, ...found };
    await writeDurably(join(unfinished, RECORD), `${JSON.stringify(record, undefined, 2)}\n`);
    await syncDirectory(unfinished);
    await renameUnlessThere(unfinished, join(directory, id));
    await syncDirectory(directory);
    return id;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function renameUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    const there = error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST');
    if (!there) throw error;
  }
}

/** Copies and sums in one pass; stretches of zeros become holes. */
async function copyImage(
  source: ByteSource,
  to: string,
  heldBytes: number,
  signal: AbortSignal,
): Promise<Pick<BaseRecord, 'sha256' | 'heldSha256'>> {
  const whole = createHash('sha256');
  const held = createHash('sha256');
  const zeros = Buffer.alloc(CHUNK);
  const buffer = Buffer.alloc(CHUNK);
  const handle = await open(to, 'wx', 0o644);
  try {
    for (let at = 0; at < source.size; at += CHUNK) {
      signal.throwIfAborted();
      const chunk = buffer.subarray(0, Math.min(CHUNK, source.size - at));
      await readExactly(source, chunk, at);
      whole.update(chunk);
      updateHeld(held, chunk, at === 0 ? heldBytes : 0);
      if (!chunk.equals(zeros.subarray(0, chunk.length))) await writeAll(handle, chunk, at);
    }
    await handle.truncate(source.size);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { sha256: whole.digest('hex'), heldSha256: held.digest('hex') };
}

function updateHeld(held: Hash, chunk: Buffer, zeros: number): void {
  held.update(Buffer.alloc(zeros)).update(chunk.subarray(zeros));
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o644);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
