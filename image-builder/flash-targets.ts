/**
 * Which disks of this machine may be overwritten with an image: whole ones that can be taken out, and that nothing uses. Pure,
 * over what /sys/block, /proc/self/mountinfo and /proc/swaps say (block-devices.ts reads them).
 */
import { ok, type Problem, problem, type Result } from '../config/result.ts';

export type BlockDisk = {
  /** The kernel's: `sdb`, `mmcblk0`. */
  readonly name: string;
  /** `8:16`. */
  readonly number: string;
  /** 0: a reader without a card. */
  readonly bytes: number;
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** Below /sys/devices: tells the bus. */
  readonly path: string;
  readonly vendor: string;
  readonly model: string;
  /** On an MMC bus: `SD` for a card, `MMC` for what is soldered. */
  readonly cardType: string;
  /** What is made of it: LVM, RAID, encryption. */
  readonly holders: readonly string[];
  /** Of a loop device: what it shows, such as `/dev/sdb2`. */
  readonly backing: string;
  readonly partitions: readonly BlockPartition[];
};
export type BlockPartition = { readonly name: string; readonly number: string; readonly holders: readonly string[] };

export type BlockDevices = {
  readonly disks: readonly BlockDisk[];
  readonly mounts: readonly Mount[];
  /** `/dev/sda3`. */
  readonly swaps: readonly string[];
};
export type Mount = { readonly number: string; readonly source: string; readonly point: string };

export type TargetProblem = Problem<
  'TARGET_NO_DISK' | 'TARGET_IS_PARTITION' | 'TARGET_IN_USE' | 'TARGET_FIXED' | 'TARGET_READ_ONLY' | 'TARGET_EMPTY'
>;

/** Where a running system has what it needs; a disk with one of these is told to be the system's. */
const systemPoints: ReadonlySet<string> = new Set([
  ...['/', '/boot', '/boot/firmware', '/boot/efi', '/usr', '/var', '/home', '/nix', '/sysroot'],
]);

/**
 * `number`: what the device file stands for. `allowed`: disks (`loop3`) that may be written though they cannot be taken out;
 * one that is used is refused all the same.
 */
export function flashTarget(
  number: string,
  devices: BlockDevices,
  allowed: ReadonlySet<string>,
): Result<BlockDisk, TargetProblem> {
  const disk = devices.disks.find((known) => known.number === number);
  if (disk === undefined) {
    const whole = devices.disks.find(({ partitions }) => partitions.some((part) => part.number === number));
    return whole === undefined
      ? problem('TARGET_NO_DISK', 'is no disk of this machine')
      : problem('TARGET_IS_PARTITION', `is a partition: an image is for a whole disk, here /dev/${whole.name}`);
  }
  const use = useOf(disk, devices);
  if (use !== undefined) return problem('TARGET_IN_USE', use);
  if (!allowed.has(disk.name) && !canBeTakenOut(disk)) {
    return problem('TARGET_FIXED', 'is built in: images are written to SD cards and USB disks only');
  }
  if (disk.bytes === 0) return problem('TARGET_EMPTY', 'has no card in it');
  return disk.readOnly
    ? problem('TARGET_READ_ONLY', 'is write-protected: a card has a little switch for that on its left side')
    : ok(disk);
}

/** Those that `flashTarget` takes. */
export const flashCandidates = (devices: BlockDevices): readonly BlockDisk[] =>
  devices.disks.filter(({ number }) => flashTarget(number, devices, new Set()).ok);

/** Drives and what the kernel makes up; some of them call themselves removable. */
const noCards = /^(sr|fd|loop|ram|zram|dm-|md|nbd|zd|drbd|rbd|bcache)\d/;

function canBeTakenOut({ name, removable, path, cardType }: BlockDisk): boolean {
  if (noCards.test(name)) return false;
  return removable || /\/usb\d+\//.test(path) || (path.includes('/mmc_host/') && cardType === 'SD');
}

/** Undefined: nothing uses it, as far as is told here; the kernel has the last word (O_EXCL). */
function useOf(disk: BlockDisk, { disks, mounts, swaps }: BlockDevices): string | undefined {
  const { names, numbers } = madeOf(disk, disks);
  const isOurs = (source: string): boolean => source.startsWith('/dev/') && names.has(source.slice('/dev/'.length));
  const points = mounts.filter(({ number, source }) => numbers.has(number) || isOurs(source)).map(({ point }) => point);
  if (points.some((point) => systemPoints.has(point))) return 'holds the system of this machine';
  const [point] = points;
  if (point !== undefined)
    return `is mounted (${points.slice(0, 3).join(', ')}): unmount it first (sudo umount ${point})`;
  const swap = swaps.find(isOurs);
  if (swap !== undefined) return `is used as swap (${swap})`;
  const [holder] = holdersOf(disk, disks);
  return holder === undefined ? undefined : `is part of ${holder} (LVM, RAID, encryption or a loop device)`;
}

/** The disk, its partitions, and whatever is made of them. */
function madeOf(
  disk: BlockDisk,
  disks: readonly BlockDisk[],
): { readonly names: ReadonlySet<string>; readonly numbers: ReadonlySet<string> } {
  const names = new Set<string>();
  const numbers = new Set<string>();
  const visit = (whole: BlockDisk): void => {
    const { name, number, partitions } = whole;
    if (names.has(name)) return;
    for (const part of [{ name, number }, ...partitions]) {
      names.add(part.name);
      numbers.add(part.number);
    }
    for (const holder of holdersOf(whole, disks)) {
      const made = disks.find((known) => known.name === holder);
      if (made !== undefined) visit(made);
    }
  };
  visit(disk);
  return { names, numbers };
}

function holdersOf({ name, holders, partitions }: BlockDisk, disks: readonly BlockDisk[]): readonly string[] {
  const files = new Set([name, ...partitions.map((part) => part.name)].map((part) => `/dev/${part}`));
  const loops = disks.filter(({ backing }) => files.has(backing)).map((loop) => loop.name);
  return [...holders, ...partitions.flatMap((part) => part.holders), ...loops];
}

/** Of /proc/self/mountinfo (proc(5)): 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw. */
export function parseMounts(mountinfo: string): readonly Mount[] {
  return mountinfo.split('\n').flatMap((line): Mount[] => {
    const [front = '', back = ''] = line.split(' - ');
    const [, , number, , point] = front.split(' ');
    const source = back.split(' ')[1];
    if (number === undefined || point === undefined || source === undefined) return [];
    return [{ number, source: unescaped(source), point: unescaped(point) }];
  });
}

/** Of /proc/swaps: a heading, then lines that begin with the file. */
export const parseSwaps = (swaps: string): readonly string[] =>
  swaps
    .split('\n')
    .slice(1)
    .map((line) => unescaped(line.split(/\s/)[0] ?? ''))
    .filter((file) => file !== '');

/** Blanks are written as `\040`. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
