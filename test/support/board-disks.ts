/** What Linux on a board shows of its disks, for the installer's script: a folder each in place of /sys and /dev. */
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export type ShownDisk = {
  /** `mmcblk0` */
  readonly name: string;
  /** What plays it: a file, or a block device of this machine. */
  readonly file: string;
  /** Of a block device, which has no size of its own. */
  readonly bytes?: number;
  /** `SD` or `MMC`, for mmcblk. */
  readonly mmc?: 'SD' | 'MMC';
  readonly model?: string;
  readonly readOnly?: boolean;
  readonly sectorBytes?: number;
  /** It is on a bus below this; where it says `usb1` it is a USB disk. */
  readonly bus?: string;
};

/** Makes `root/sys` and `root/dev`, or adds to them. */
export async function showDisk(root: string, disk: ShownDisk): Promise<void> {
  const below = join(root, 'sys/devices', disk.bus ?? 'platform', disk.name);
  const bytes = disk.bytes ?? (await stat(disk.file)).size;
  const shown: Readonly<Record<string, string>> = {
    size: String(Math.floor(bytes / 512)),
    ro: disk.readOnly === true ? '1' : '0',
    'queue/logical_block_size': String(disk.sectorBytes ?? 512),
    ...(disk.mmc !== undefined && { 'device/type': disk.mmc, 'device/name': disk.model ?? 'SC32G' }),
    ...(disk.mmc === undefined && { 'device/model': disk.model ?? 'DISK' }),
  };
  for (const [path, text] of Object.entries(shown)) {
    await mkdir(dirname(join(below, path)), { recursive: true });
    await writeFile(join(below, path), `${text}\n`);
  }
  for (const folder of ['sys/block', 'dev']) await mkdir(join(root, folder), { recursive: true });
  await symlink(below, join(root, 'sys/block', disk.name));
  await symlink(disk.file, join(root, 'dev', disk.name));
}
