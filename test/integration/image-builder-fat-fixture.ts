/** FAT volumes in MBR and GPT disks, made by dosfstools, mtools and ourselves, and what foreign tools see in them. */
import { execFile } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import {
  changedSectors,
  memorySource,
  readOnlyDevice,
  SECTOR,
  type SectorMap,
  zeroSource,
} from '../../image-builder/device.ts';
import { formatFat } from '../../image-builder/fat/format.ts';
import { openVolume, type Volume } from '../../image-builder/fat/volume.ts';
import { freeBytes } from '../../image-builder/fat/write.ts';
import { mayHoldFat, readPartitions } from '../../image-builder/partitions.ts';

export const run = promisify(execFile);
const mebibyte = 2 ** 20;
const start = mebibyte;
/** mtools without the machine's own configuration. */
export const env = { ...process.env, MTOOLSRC: '/dev/null', MTOOLS_SKIP_CHECK: '1', LC_ALL: 'C.UTF-8' };

export type DiskKind = {
  readonly maker: 'mkfs.vfat' | 'mformat' | 'ours';
  readonly type: 16 | 32;
  readonly table: 'dos' | 'gpt';
  /** Sectors of a cluster; what we format chooses for itself. */
  readonly perCluster?: number;
};
export type Disk = {
  readonly file: string;
  /** As mtools wants it. */
  readonly drive: string;
  /** An empty one, to begin from again. */
  readonly empty: Buffer;
  readonly partition: { readonly offset: number; readonly bytes: number };
};

/** An empty volume as the first partition of a disk. The smallest that is of this type for certain. */
export async function makeDisk(t: ExecutionContext, { maker, type, table, perCluster = 1 }: DiskKind): Promise<Disk> {
  const directory = await mkdtemp(join(tmpdir(), 'bramble-fat-'));
  t.teardown(async () => await rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'disk.img');
  const bytes = (type === 16 ? 5 : 36) * perCluster * mebibyte;
  await writeFile(file, '');
  await truncate(file, start + bytes + mebibyte);
  const sectors = bytes / SECTOR;
  const kind = table === 'gpt' ? 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7' : type === 16 ? 'e' : 'c';
  const script = run('sfdisk', ['-q', file]);
  script.child.stdin?.end(`label: ${table}\nstart=${start / SECTOR},size=${sectors},type=${kind}\n`);
  await script;
  const drive = `${file}@@${start}`;
  if (maker === 'mkfs.vfat') {
    const options = ['-F', String(type), '-s', String(perCluster), '-n', 'BOOT', '--offset', String(start / SECTOR)];
    await run('mkfs.vfat', [...options, file, String(bytes / 1024)]);
  } else if (maker === 'mformat') {
    const shape = [
      '-T',
      String(sectors),
      '-h',
      '16',
      '-s',
      '63',
      '-c',
      String(perCluster),
      '-H',
      String(start / SECTOR),
    ];
    await run('mformat', [...(type === 32 ? ['-F'] : []), ...shape, '-v', 'BOOT', '-i', drive, '::'], { env });
  } else {
    const card = changedSectors(zeroSource(start + bytes));
    await formatFat(card.device, { offset: start, bytes, label: 'BOOT', volumeId: 0x4272616d });
    await writeSectors(file, card.sectors);
  }
  const empty = await readFile(file);
  const found = must(await readPartitions(readOnlyDevice(memorySource(empty)))).find(mayHoldFat);
  t.like(found, { offset: start, bytes });
  return { file, drive, empty, partition: { offset: start, bytes } };
}

/** Changed sectors into a disk's file. */
export async function writeSectors(file: string, sectors: SectorMap): Promise<void> {
  const descriptor = openSync(file, 'r+');
  for (const [sector, bytes] of sectors) writeSync(descriptor, bytes, 0, SECTOR, sector * SECTOR);
  closeSync(descriptor);
}

/** The file as it stands, read anew. */
export async function openDiskVolume({ file, partition }: Disk): Promise<Volume> {
  return must(await openVolume(changedSectors(memorySource(await readFile(file))).device, partition));
}

/** Lower-case path → content: what all sides have to show. */
export type Model = Map<string, { readonly path: string; readonly bytes: Uint8Array }>;

export const sorted = (texts: readonly string[]): string[] => [...texts].sort((a, b) => (a < b ? -1 : 1));

/** What mtools and fsck.vfat see, against the model; and the tables themselves. The model is not to be empty. */
export async function compareWithForeign(t: ExecutionContext, disk: Disk, model: Model): Promise<void> {
  await isClean(t, disk);
  const { stdout } = await run('mdir', ['-b', '-a', '-/', '-i', disk.drive, '::'], { env });
  const files = stdout.split('\n').filter((line) => line.startsWith('::/') && !line.endsWith('/'));
  t.deepEqual(sorted(files.map((line) => line.slice(3))), sorted([...model.values()].map(({ path }) => path)));
  const out = `${disk.file}.out`;
  await rm(out, { recursive: true, force: true });
  await mkdir(out);
  await run('mcopy', ['-s', '-n', '-i', disk.drive, '::/*', out], { env });
  for (const { path, bytes } of model.values()) t.true((await readFile(join(out, path))).equals(bytes), path);
  await sameFree(t, disk);
}

/** `fsck.vfat` takes a partition, not a disk. */
async function isClean(t: ExecutionContext, { file, partition }: Disk): Promise<void> {
  const part = `${file}.part`;
  const pieces = [`skip=${partition.offset / mebibyte}`, `count=${partition.bytes / mebibyte}`];
  await run('dd', [`if=${file}`, `of=${part}`, 'bs=1M', ...pieces, 'conv=sparse', 'status=none']);
  const fsck = await run('fsck.vfat', ['-n', '-v', part]).catch((error: unknown) => error);
  t.false(fsck instanceof Error, fsck instanceof Error && 'stdout' in fsck ? String(fsck.stdout) : '');
  await rm(part);
}

/** Free space as mdir, the table's entries, the FSInfo sector and we count it; and both copies of the table. */
async function sameFree(t: ExecutionContext, disk: Disk): Promise<void> {
  const volume = await openDiskVolume(disk);
  const { geometry } = volume;
  const bytes = await readFile(disk.file);
  const [table, ...copies] = geometry.fatCopies.map((at) => bytes.subarray(at, at + geometry.fatBytes));
  if (table === undefined) throw new Error('no table');
  t.is(copies.length, 1);
  for (const copy of copies) t.true(copy.equals(table), 'both copies of the table are the same');
  const entry = (cluster: number): number =>
    geometry.type === 16 ? table.readUInt16LE(cluster * 2) : table.readUInt32LE(cluster * 4) & 0x0fffffff;
  let free = 0;
  for (let cluster = 2; cluster < geometry.clusterCount + 2; cluster++) if (entry(cluster) === 0) free += 1;
  t.is(must(await freeBytes(volume)), free * geometry.clusterBytes);
  if (geometry.fsInfoOffset !== undefined) t.is(bytes.readUInt32LE(geometry.fsInfoOffset + 488), free, 'FSInfo');
  const { stdout } = await run('mdir', ['-a', '-i', disk.drive, '::'], { env });
  const shown = /([\d ]+) bytes free/.exec(stdout)?.[1] ?? '';
  t.is(Number(shown.replaceAll(' ', '')), free * geometry.clusterBytes);
}
