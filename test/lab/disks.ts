/** Base images, join card and disks of a lab. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { must } from '../../config/result.ts';
import { type Base, type ByteSource, importBase, joinCard } from '../../image-builder/index.ts';
import { type LabFormat, makeLabBase } from '../support/images.ts';
import { madeInitramfs } from '../support/initramfs.ts';

/** The names that bramble.yaml speaks of. */
export const baseNames: Readonly<Record<LabFormat, string>> = {
  'cloud-init': 'lab-linux',
  'device-init': 'lab-hypriotos',
};

/** Made once per state of its recipe and kept for the next lab. Settles with the path of the raw image. */
async function cachedBase(format: LabFormat): Promise<string> {
  const recipe = await readFile(fileURLToPath(new URL('../support/images.ts', import.meta.url)));
  const version = createHash('sha256').update(recipe).digest('hex').slice(0, 12);
  const folder = join(tmpdir(), `bramble-lab-bases-${process.getuid?.() ?? 0}`, version);
  const file = join(folder, `${baseNames[format]}.img`);
  const there = await open(file).then(
    (handle) => handle.close().then(() => true),
    () => false,
  );
  if (there) return file;
  await mkdir(folder, { recursive: true });
  const unfinished = `${file}.${process.pid}`;
  await makeLabBase({ file: unfinished, format });
  await rename(unfinished, file);
  return file;
}

/** Imports what the boards of the lab run into the daemon's folder of bases; the caller closes them. */
export async function importBases(
  formats: readonly LabFormat[],
  directory: string,
  signal: AbortSignal,
): Promise<Base[]> {
  const bases: Base[] = [];
  for (const format of formats) {
    bases.push(must(await importBase({ file: await cachedBase(format), directory, signal })));
  }
  return bases;
}

/** The card that `bramble image join-card` writes: the same for every board. */
export async function writeJoinCard(options: {
  readonly file: string;
  readonly kit: Base;
  readonly server: string;
  /** The daemon's `keys` folder. */
  readonly keys: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const read = async (name: string): Promise<string> => (await readFile(join(options.keys, name), 'utf8')).trim();
  const { source } = must(
    await joinCard({
      kit: options.kit,
      initramfs: await madeInitramfs(),
      config: { server: options.server, clusterKey: await read('cluster-key'), cluster: await read('cluster-id') },
      enableNetboot: false,
      signal: options.signal,
    }),
  );
  await writeSource(source, options.file);
}

async function writeSource(source: ByteSource, file: string): Promise<void> {
  const handle = await open(file, 'w');
  const chunk = Buffer.alloc(2 ** 20);
  try {
    await handle.truncate(source.size);
    for (let at = 0; at < source.size; ) {
      const length = await source.read(chunk, at);
      const part = chunk.subarray(0, length);
      // Holes stay holes.
      if (part.some((byte) => byte !== 0)) await handle.write(part, 0, length, at);
      at += length;
    }
  } finally {
    await handle.close();
    await source.close();
  }
}

/** Somebody else's disk: a partition table with a Linux partition and data in it. */
async function writeForeignDisk(file: string): Promise<void> {
  const disk = Buffer.alloc(4 * 2 ** 20, 'holiday pictures ');
  disk.fill(0, 0, 512);
  disk[446 + 4] = 0x83;
  disk.writeUInt32LE(2048, 446 + 8);
  disk.writeUInt32LE(100_000, 446 + 12);
  disk.writeUInt16LE(0xaa55, 510);
  await writeFile(file, disk);
}

/** Puts the initial disk into a board's folder; a blank one is made by the board itself. */
export async function putDisk(kind: 'blank' | 'join-card' | 'foreign', folder: string, card: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const disk = join(folder, 'disk.img');
  if (kind === 'join-card') await copyFile(card, disk);
  if (kind === 'foreign') await writeForeignDisk(disk);
}
