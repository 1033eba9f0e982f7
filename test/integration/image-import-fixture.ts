/** Small images of Raspberry Pis, and the programs that publishers pack them with. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import type { ImageProblem } from '../../image-builder/errors.ts';
import { importBase } from '../../image-builder/index.ts';
import { fillerBytes, makeSmallImage } from '../support/images.ts';

export const run = promisify(execFile);
export const signal = AbortSignal.timeout(110_000);
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const mebi = 1024 * 1024;

const piFiles = {
  'bootcode.bin': fillerBytes('bootcode.bin', 52_476),
  'start4.elf': fillerBytes('start4.elf', 700_000),
  'kernel8.img': fillerBytes('kernel8.img', 900_000),
  'config.txt': '# small\n',
  'cmdline.txt': 'root=/dev/mmcblk0p2\n',
  'user-data': '#cloud-config\n',
  'meta-data': '',
};

type Place = { readonly directory: string; readonly bases: string; readonly image: string; readonly bytes: Buffer };

/** A small image, as it was before somebody packed it. */
export async function place(
  t: ExecutionContext,
  options: { table?: 'dos' | 'gpt'; fat?: 16 | 32 } = {},
): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'bramble-import-'));
  t.teardown(async () => await rm(directory, { recursive: true, force: true }));
  const image = join(directory, 'small.img');
  await makeSmallImage({ file: image, files: piFiles, label: 'bootfs', ...options });
  return { directory, bases: join(directory, 'bases'), image, bytes: await readFile(image) };
}

export const problemOf = async (options: Omit<Parameters<typeof importBase>[0], 'signal'>): Promise<ImageProblem> => {
  const result = await importBase({ ...options, signal });
  if (result.ok) throw new Error(`${options.file} was imported`);
  return result.error;
};

/** Nothing is left but what was there before. */
export const names = async (folder: string): Promise<string[]> => (await readdir(folder)).sort();

type Pack = (image: string) => Promise<string>;
/** The image stays beside what was made of it. */
export const packed = {
  none: async (image) => image,
  xz: async (image) => {
    await run('xz', ['-k', '-0', image]);
    return `${image}.xz`;
  },
  gzip: async (image) => {
    await run('gzip', ['-k', '-1', image]);
    return `${image}.gz`;
  },
  zstd: async (image) => {
    await run('zstd', ['-q', '-k', image]);
    return `${image}.zst`;
  },
  zip: async (image) => {
    const zip = image.replace(/\.img$/, '.zip');
    await run('zip', ['-q', '-j', '-1', zip, image]);
    return zip;
  },
} satisfies Readonly<Record<string, Pack>>;
