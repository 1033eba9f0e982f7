/**
 * Small stand-ins for published base images, made with the usual tools (mtools, dosfstools, e2fsprogs) and no mount: the
 * file names of the real ones, contents that are only recognisable bytes.
 */
import { execFile } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MEBIBYTE = 1024 * 1024;
const SECTORS = MEBIBYTE / 512;

/** The first partition's place in every image made here, as mtools wants it: `mdir -i FILE@@1M`. */
export const BOOT_OFFSET = MEBIBYTE;
export const mtoolsDrive = (file: string): string => `${file}@@${BOOT_OFFSET}`;

const ROOT_MIB = 8;
const GPT_ID = '42726162-6c65-4000-8000-000000000001';
const bootMib = { 'cloud-init': 36, 'device-init': 20 } as const;

export type LabFormat = keyof typeof bootMib;

/** Bytes that depend on the name and nothing else, and do not compress. */
export function fillerBytes(name: string, length: number): Uint8Array {
  const key = createHash('sha256').update(name).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** Firmware, device trees and kernels of all models; sizes as in facts 5.5 where boards notice, less elsewhere. */
export const firmwareSizes: Readonly<Record<string, number>> = {
  'bootcode.bin': 52_476,
  'start.elf': 900_000,
  'fixup.dat': 7303,
  'start4.elf': 2_256_800,
  'fixup4.dat': 5436,
  'bcm2710-rpi-3-b.dtb': 31_000,
  'bcm2710-rpi-3-b-plus.dtb': 32_000,
  'bcm2711-rpi-4-b.dtb': 47_484,
  'bcm2712-rpi-5-b.dtb': 76_000,
  'overlays/overlay_map.dtb': 5000,
  'overlays/vc4-kms-v3d.dtbo': 3900,
  'kernel8.img': 6_000_000,
  'kernel_2712.img': 1_200_000,
  initramfs8: 3_000_000,
};

const texts: Readonly<Record<LabFormat, Readonly<Record<string, string>>>> = {
  'cloud-init': {
    'config.txt': '# lab base\narm_64bit=1\nauto_initramfs=1\n',
    'cmdline.txt':
      'console=serial0,115200 console=tty1 root=PARTUUID=4272616d-02 rootfstype=ext4 fsck.repair=yes rootwait\n',
    'user-data': '#cloud-config\n',
    'meta-data': 'instance-id: lab-base\n',
    'network-config': 'version: 2\nethernets: {eth0: {dhcp4: true, optional: true}}\n',
  },
  'device-init': {
    'config.txt': 'hdmi_force_hotplug=1\nenable_uart=1\n',
    // As HypriotOS 1.1 has it (image-builder-rpi, builder/chroot-script.sh).
    'cmdline.txt':
      '+dwc_otg.lpm_enable=0 console=tty1 root=/dev/mmcblk0p2 rootfstype=ext4 cgroup_enable=cpuset cgroup_enable=memory swapaccount=1 elevator=deadline fsck.repair=yes rootwait console=ttyAMA0,115200 kgdboc=ttyAMA0,115200\n',
    'device-init.yaml':
      '# hostname for your HypriotOS device\nhostname: black-pearl\n\n# optional wireless network settings\nwifi:\n  interfaces:\n#     wlan0:\n#       ssid: "MyNetwork"\n',
  },
};

/** Every boot file of a lab base with its bytes. */
export function labBootFiles(format: LabFormat): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const [name, size] of Object.entries(firmwareSizes)) files.set(name, fillerBytes(name, size));
  for (const [name, text] of Object.entries(texts[format])) files.set(name, Buffer.from(text));
  return files;
}

/**
 * Writes a raw disk image: FAT boot partition (cloud-init: FAT32 with 512-byte clusters; device-init: FAT16), ext4 root
 * of 8 MiB. About half a second.
 */
export async function makeLabBase(options: {
  readonly file: string;
  readonly format: LabFormat;
  /** Partition table; an MBR unless told otherwise. */
  readonly table?: 'dos' | 'gpt';
}): Promise<void> {
  const { file, format, table = 'dos' } = options;
  const boot = bootMib[format] * SECTORS;
  const root = ROOT_MIB * SECTORS;
  await rm(file, { force: true });
  const handle = await open(file, 'w');
  await handle.truncate((1 + bootMib[format] + ROOT_MIB + (table === 'gpt' ? 1 : 0)) * MEBIBYTE);
  await handle.close();
  const fatType = format === 'cloud-init' ? 'c' : 'e';
  const lines = {
    dos: ['label: dos', 'label-id: 0x4272616d', `start=${SECTORS},size=${boot},type=${fatType},bootable`],
    gpt: ['label: gpt', `label-id: ${GPT_ID}`, `start=${SECTORS},size=${boot},type=U`],
  }[table];
  const rootLine = `start=${SECTORS + boot},size=${root},type=${table === 'dos' ? '83' : 'L'}`;
  await runWith('sfdisk', ['-q', file], `${[...lines, rootLine].join('\n')}\n`);
  const fat = format === 'cloud-init' ? ['-F', '32', '-s', '1'] : ['-F', '16', '-s', '1'];
  const label = format === 'cloud-init' ? 'bootfs' : 'HypriotOS';
  await run('mkfs.vfat', [...fat, '-i', '4272616d', '-n', label, '--offset', String(SECTORS), file, String(boot / 2)]);
  const tree = await mkdtemp(join(tmpdir(), 'lab-base-'));
  try {
    await fillBoot(file, join(tree, 'boot'), labBootFiles(format));
    await fillRoot(file, join(tree, 'root'), { format, offset: (SECTORS + boot) * 512 });
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

export type SmallImage = {
  readonly file: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly label?: string;
  readonly table?: 'dos' | 'gpt';
  readonly fat?: 16 | 32;
};

/** An image that is only a boot partition of 4 MiB (FAT32: 34 MiB) and a second partition of 1 MiB without a file system. */
export async function makeSmallImage({ file, files, label, table = 'dos', fat = 16 }: SmallImage): Promise<void> {
  const boot = (fat === 16 ? 4 : 34) * SECTORS;
  const handle = await open(file, 'w');
  await handle.truncate(SECTORS * 512 + boot * 512 + 2 * MEBIBYTE);
  await handle.close();
  const [fatType, rootType] = table === 'gpt' ? ['U', 'L'] : ['c', '83'];
  const lines = [
    `start=${SECTORS},size=${boot},type=${fatType}`,
    `start=${SECTORS + boot},size=${SECTORS},type=${rootType}`,
  ];
  await runWith('sfdisk', ['-q', file], `${[`label: ${table}`, ...lines].join('\n')}\n`);
  const named = label === undefined ? [] : ['-n', label];
  const layout = ['-F', String(fat), '-s', '1', ...named, '--offset', String(SECTORS)];
  await run('mkfs.vfat', [...layout, file, String(boot / 2)]);
  const tree = await mkdtemp(join(tmpdir(), 'small-image-'));
  try {
    const bytes = Object.entries(files).map(([name, content]) => [name, Buffer.from(content)] as const);
    if (bytes.length > 0) await fillBoot(file, tree, new Map(bytes));
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

async function fillBoot(file: string, tree: string, files: Map<string, Uint8Array>): Promise<void> {
  for (const [name, bytes] of files) {
    const path = join(tree, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
  const top = new Set([...files.keys()].map((name) => join(tree, name.split('/')[0] ?? name)));
  await run('mcopy', ['-s', '-Q', '-i', mtoolsDrive(file), ...top, '::'], { env: mtoolsEnvironment });
}

async function fillRoot(
  file: string,
  tree: string,
  { format, offset }: { format: LabFormat; offset: number },
): Promise<void> {
  await mkdir(join(tree, 'etc'), { recursive: true });
  const name = format === 'cloud-init' ? 'Lab Linux 13' : 'HypriotOS lab';
  await writeFile(join(tree, 'etc/os-release'), `PRETTY_NAME="${name}"\nID=debian\n`);
  await writeFile(join(tree, 'etc/hostname'), 'unnamed\n');
  const extended = `offset=${offset},hash_seed=00000000-0000-4000-8000-000000000001`;
  const id = ['-U', '00000000-0000-4000-8000-000000000002', '-L', 'rootfs'];
  const blocks = String((ROOT_MIB * MEBIBYTE) / 1024);
  await run('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', '1024', ...id, '-d', tree, '-E', extended, file, blocks]);
}

/** mtools without the machine's own configuration, and without its checks of geometries nobody uses. */
const mtoolsEnvironment = { ...process.env, MTOOLSRC: '/dev/null', MTOOLS_SKIP_CHECK: '1' };

async function runWith(program: string, args: readonly string[], stdin: string): Promise<void> {
  const child = run(program, [...args]);
  child.child.stdin?.end(stdin);
  await child;
}

/** A file of the boot partition as mtools reads it. */
export async function mtoolsRead(file: string, path: string): Promise<Buffer> {
  const options = { env: mtoolsEnvironment, encoding: 'buffer', maxBuffer: 64 * MEBIBYTE } as const;
  const { stdout } = await run('mcopy', ['-n', '-i', mtoolsDrive(file), `::${path}`, '-'], options);
  return stdout;
}

/** Every file path of the boot partition as mtools lists it. */
export async function mtoolsList(file: string): Promise<string[]> {
  const { stdout } = await run('mdir', ['-b', '-/', '-i', mtoolsDrive(file), '::'], { env: mtoolsEnvironment });
  const paths = stdout.split('\n').filter((line) => line.startsWith('::/') && !line.endsWith('/'));
  return paths.map((line) => line.slice(3)).sort();
}

/** What fsck.vfat has to say about the boot partition of a disk image, and its exit code: 0 is clean. */
export async function fsckBoot(
  file: string,
  bytes: number,
): Promise<{ readonly code: number; readonly output: string }> {
  const part = `${file}.fat`;
  await run('dd', [
    `if=${file}`,
    `of=${part}`,
    'bs=1M',
    'skip=1',
    `count=${Math.ceil(bytes / MEBIBYTE)}`,
    'conv=sparse',
    'status=none',
  ]);
  try {
    const { stdout } = await run('fsck.vfat', ['-n', part]);
    return { code: 0, output: stdout };
  } catch (error) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : -1;
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
    return { code, output };
  } finally {
    await rm(part, { force: true });
  }
}
