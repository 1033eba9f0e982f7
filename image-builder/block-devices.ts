/** What the kernel says about the disks of this machine. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BlockDevices, type BlockDisk, type BlockPartition, parseMounts, parseSwaps } from './flash-targets.ts';

/** Disks come and go: what is gone while it is read has empty fields. */
export async function readBlockDevices(): Promise<BlockDevices> {
  const names = await readdir('/sys/block');
  const disks = await Promise.all(names.map(async (name) => await readDisk(name)));
  const [mounts, swaps] = await Promise.all([text('/proc/self/mountinfo'), text('/proc/swaps')]);
  return { disks, mounts: parseMounts(mounts), swaps: parseSwaps(swaps) };
}

async function readDisk(name: string): Promise<BlockDisk> {
  const folder = join('/sys/block', name);
  const path = await realpath(folder).catch(() => folder);
  const of = async (file: string): Promise<string> => (await text(join(path, file))).trim();
  const files = ['dev', 'size', 'removable', 'ro', 'device/vendor', 'device/model', 'device/name', 'device/type'];
  const [number, sectors, removable, readOnly, vendor, model, cardName, cardType] = await Promise.all(files.map(of));
  const entries = await readdir(path).catch((): string[] => []);
  const parts = await Promise.all(
    // The partitions of sda are sda1, of mmcblk0 mmcblk0p1; mmcblk0boot0 is a disk of its own.
    entries.filter((entry) => entry.startsWith(name)).map(async (entry) => await readPartition(path, entry)),
  );
  const onMmc = path.includes('/mmc_host/');
  return {
    name,
    number: number ?? '',
    // Always in units of 512 bytes, whatever the disk's own sectors are.
    bytes: Number(sectors ?? 0) * 512,
    removable: removable === '1',
    readOnly: readOnly === '1',
    path,
    vendor: vendor ?? '',
    model: (onMmc ? cardName : model) ?? '',
    cardType: onMmc ? (cardType ?? '') : '',
    holders: await readdir(join(path, 'holders')).catch(() => []),
    backing: await of('loop/backing_file'),
    partitions: parts.filter((part) => part !== undefined),
  };
}

async function readPartition(disk: string, name: string): Promise<BlockPartition | undefined> {
  const number = (await text(join(disk, name, 'dev'))).trim();
  if (number === '' || (await text(join(disk, name, 'partition'))) === '') return undefined;
  return { name, number, holders: await readdir(join(disk, name, 'holders')).catch(() => []) };
}

const text = async (file: string): Promise<string> => await readFile(file, 'utf8').catch(() => '');

/** `8:16`, what a device file stands for, wherever it lies and whatever it is called; undefined for what is none. */
export async function deviceNumber(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found === undefined || !found.isBlockDevice()) return undefined;
  // gnu_dev_major and gnu_dev_minor of glibc.
  const { rdev } = found;
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  return `${major}:${minor & 0xffffffffn}`;
}
