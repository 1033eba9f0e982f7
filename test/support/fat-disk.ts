/** Disks with one FAT, made by foreign tools: sfdisk, mkfs.vfat, mcopy. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
/** Geometries that no board cares about. */
const env = { ...process.env, MTOOLS_SKIP_CHECK: '1' };
/** The first partition begins here. */
export const FAT_SECTOR = 2048;

export type FatDisk = {
  readonly file: string;
  readonly bytes: number;
  readonly kind: '16' | '32';
  /** Of the partition. */
  readonly sectors: number;
  readonly clusterSectors: number;
  /** By path. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** As sfdisk reads it; default: an MBR with the FAT alone. */
  readonly table?: string;
};

export async function makeFatDisk(disk: FatDisk): Promise<void> {
  const { file, kind } = disk;
  await writeFile(file, '');
  await truncate(file, disk.bytes);
  const sfdisk = spawn('sfdisk', ['--quiet', file], { stdio: ['pipe', 'ignore', 'inherit'] });
  const type = kind === '16' ? 'e' : 'c';
  sfdisk.stdin.end(disk.table ?? `start=${FAT_SECTOR}, size=${disk.sectors}, type=${type}\n`);
  const [code] = await once(sfdisk, 'exit');
  if (code !== 0) throw new Error(`sfdisk ended with ${code}`);
  const format = ['-F', kind, '-s', String(disk.clusterSectors), '--offset', String(FAT_SECTOR), '-n', 'BOOT'];
  await execute('mkfs.vfat', [...format, file, String(disk.sectors / 2)]);
  const folder = await mkdtemp(join(tmpdir(), 'bramble-fat-'));
  try {
    for (const [path, content] of Object.entries(disk.files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    const top = new Set(Object.keys(disk.files).map((path) => join(folder, path.split('/')[0] ?? '')));
    if (top.size > 0) await execute('mcopy', ['-s', '-i', `${file}@@${FAT_SECTOR * 512}`, ...top, '::'], { env });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
