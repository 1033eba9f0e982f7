/** The board's disk, a sparse file: what its firmware and its system read from the first FAT partition (with mtools). */
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './run.ts';

export type BootPartition = {
  readonly image: string;
  readonly offset: number;
  /** Lower-case paths without leading slash, folders left out. */
  readonly files: ReadonlySet<string>;
};

const fatTypes = [0x01, 0x04, 0x06, 0x0b, 0x0c, 0x0e];

/** Where the first FAT partition of the table in sector 0 begins, in bytes. */
async function fatOffset(image: string): Promise<number | undefined> {
  const handle = await open(image).catch(() => undefined);
  if (handle === undefined) return;
  const sector = Buffer.alloc(512);
  const { bytesRead } = await handle.read(sector, 0, 512, 0).finally(() => handle.close());
  if (bytesRead < 512 || sector.readUInt16LE(510) !== 0xaa55) return;
  for (let entry = 446; entry < 510; entry += 16) {
    if (fatTypes.includes(sector[entry + 4] ?? 0)) return sector.readUInt32LE(entry + 8) * 512;
  }
  return;
}

/** mtools refuse geometries that no Pi cares about, unless told. */
const env = { MTOOLS_SKIP_CHECK: '1', MTOOLS_NO_VFAT: '0' };

/** `undefined` when the disk has no partition table with a readable FAT partition: the firmware goes on to the next medium. */
export async function bootPartition(image: string, signal: AbortSignal): Promise<BootPartition | undefined> {
  const offset = await fatOffset(image);
  if (offset === undefined) return;
  const listing = await run('mdir', ['-/', '-b', '-i', `${image}@@${offset}`, '::'], { signal, env, accept: 'any' });
  if (listing.code !== 0) return;
  const files = listing.output.split('\n').filter((line) => line.startsWith('::') && !line.endsWith('/'));
  return { image, offset, files: new Set(files.map((line) => line.replace(/^::\/*/, '').toLowerCase())) };
}

/** The content of one file, `undefined` if it is not there. */
export async function readBootFile(
  boot: BootPartition,
  path: string,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  if (!boot.files.has(path.toLowerCase())) return;
  const directory = await mkdtemp(join(tmpdir(), 'file-'));
  try {
    const copy = join(directory, 'copy');
    await run('mcopy', ['-n', '-i', `${boot.image}@@${boot.offset}`, `::${path}`, copy], { signal, env });
    return await readFile(copy);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export const readBootText = async (
  boot: BootPartition,
  path: string,
  signal: AbortSignal,
): Promise<string | undefined> => (await readBootFile(boot, path, signal))?.toString('utf8');

/** Everything but the firmware's big files and overlays, into `directory`. */
export async function extractBoot(boot: BootPartition, directory: string, signal: AbortSignal): Promise<void> {
  const files = [...boot.files].filter((file) => !/\.(elf|dat|img|dtb|dtbo|bin)$|^initramfs/.test(file));
  const byFolder = Map.groupBy(files, (file) => (file.includes('/') ? dirname(file) : ''));
  for (const [folder, members] of byFolder) {
    await mkdir(join(directory, folder), { recursive: true });
    const sources = members.map((file) => `::${file}`);
    const target = join(directory, folder);
    await run('mcopy', ['-n', '-m', '-i', `${boot.image}@@${boot.offset}`, ...sources, target], { signal, env });
  }
}

/** Carries changes back: `written` are copied in, `removed` deleted. Paths relative to `directory`. */
export async function writeBack(
  boot: BootPartition,
  directory: string,
  changes: { readonly written: readonly string[]; readonly removed: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  const target = ['-i', `${boot.image}@@${boot.offset}`];
  for (const file of changes.written) {
    await run('mcopy', ['-o', ...target, join(directory, file), `::${file}`], { signal, env });
  }
  for (const file of changes.removed) await run('mdel', [...target, `::${file}`], { signal, env });
}
