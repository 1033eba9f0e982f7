/**
 * A base image as Raspberry Pi OS Trixie publishes it, for guests: firmware, kernel and cloud-init's files on a FAT, a Debian for
 * arm64 on an ext4. Written without a mount.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fillerBytes } from '../../support/images.ts';
import { type Arm64Root, arm64Root, exists, run } from './arm64-root.ts';
import { bundleStandIn, putStandIn } from './stand-in.ts';

const mebibyte = 2 ** 20;
const sectors = mebibyte / 512;
/** `root`: how much of it there is. */
type Sizes = { readonly bootMib: number; readonly rootMib: number };
const whole: Sizes = { bootMib: 128, rootMib: 640 };
const small: Sizes = { bootMib: 96, rootMib: 159 };

/** What a person finds on the card of a Raspberry Pi OS Lite (Trixie), as far as it matters here. */
const texts: Readonly<Record<string, string>> = {
  'config.txt': '# For more options see the documentation\narm_64bit=1\nauto_initramfs=1\n\n[all]\n',
  'cmdline.txt':
    'console=serial0,115200 console=tty1 root=PARTUUID=4272616d-02 rootfstype=ext4 fsck.repair=yes rootwait ds=nocloud;i=rpi-imager\n',
  'user-data': '#cloud-config\n',
  'meta-data': 'instance-id: rpi-imager\n',
  'network-config': 'network:\n  version: 2\n  ethernets: {eth0: {dhcp4: true, optional: true}}\n',
};

/** Made once per state of its recipe and kept beside its root; the path of the raw image. Needs root. */
export async function arm64BaseImage(say: (line: string) => void): Promise<string> {
  const standIn = await bundleStandIn();
  return await cachedImage(say, 'debian-arm64', JSON.stringify(standIn), whole, async ({ root }, tree) => {
    // Hard links: the root itself stays as it is.
    await run(['cp', '-al', root, tree], 120_000);
    await rm(join(tree, 'boot'), { recursive: true });
    await mkdir(join(tree, 'boot', 'firmware'), { recursive: true });
    await putStandIn(standIn, tree);
  });
}

/** 256 MiB with the same boot files; most of its root is bytes that do not compress, and it does not start. */
export async function smallBaseImage(say: (line: string) => void): Promise<string> {
  return await cachedImage(say, 'filler', '', small, async (_made, tree) => {
    await mkdir(tree);
    await writeFile(join(tree, 'filler'), fillerBytes('filler', 120 * mebibyte));
  });
}

async function cachedImage(
  say: (line: string) => void,
  name: string,
  content: string,
  sizes: Sizes,
  fillRoot: (made: Arm64Root, tree: string) => Promise<void>,
): Promise<string> {
  const made = await arm64Root(say);
  const recipe = createHash('sha256').update(content);
  for (const file of ['base-image.ts', 'stand-in.ts']) {
    recipe.update(await readFile(fileURLToPath(new URL(file, import.meta.url))));
  }
  const folder = join(made.root, '..');
  const image = join(folder, `${name}-${recipe.digest('hex').slice(0, 12)}.img`);
  if (await exists(image)) return image;
  say(`making a base image of it: ${image}`);
  const work = await mkdtemp(join(folder, '.image-'));
  try {
    const boot = join(work, 'boot');
    const tree = join(work, 'root');
    await fillRoot(made, tree);
    await run(['cp', '-a', made.firmware, boot]);
    await copyFile(join(made.root, 'boot', `vmlinuz-${made.kernel}`), join(boot, 'kernel8.img'));
    await copyFile(join(made.root, 'boot', `initrd.img-${made.kernel}`), join(boot, 'initramfs8'));
    for (const [file, text] of Object.entries(texts)) await writeFile(join(boot, file), text);
    await assemble(join(work, 'image'), sizes, boot, tree);
    await removeOthers(folder, name);
    await rename(join(work, 'image'), image);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return image;
}

/** Of earlier recipes: each is half a gigabyte. */
async function removeOthers(folder: string, name: string): Promise<void> {
  const others = (await readdir(folder)).filter((file) => file.startsWith(`${name}-`) && file.endsWith('.img'));
  for (const file of others) await rm(join(folder, file));
}

/** FAT32 and ext4 behind an MBR (test-lab 6.6). The `label-id` makes the PARTUUIDs that fstab and cmdline.txt name. */
async function assemble(image: string, { bootMib, rootMib }: Sizes, boot: string, root: string): Promise<void> {
  const start = sectors;
  const bootSectors = bootMib * sectors;
  const rootStart = start + bootSectors;
  const handle = await open(image, 'w');
  await handle.truncate((1 + bootMib + rootMib) * mebibyte);
  await handle.close();
  const table = [
    'label: dos',
    'label-id: 0x4272616d',
    `start=${start},size=${bootSectors},type=c`,
    `start=${rootStart},type=83`,
  ].join('\n');
  await run(['sh', '-c', 'printf "%s\n" "$1" | sfdisk -q "$2"', 'sh', table, image]);
  const fat = ['-F', '32', '-s', '2', '-i', '4272616d', '-n', 'bootfs', '--offset', String(start)];
  await run(['mkfs.vfat', ...fat, image, String(bootSectors / 2)]);
  const files = (await readdir(boot)).map((name) => join(boot, name));
  await run(['mcopy', '-s', '-Q', '-i', `${image}@@${start * 512}`, ...files, '::'], 120_000);
  const blocks = String((rootMib * mebibyte) / 4096);
  const ext4 = ['-q', '-F', '-t', 'ext4', '-b', '4096', '-L', 'rootfs', '-m', '0'];
  await run(
    ['mke2fs', ...ext4, '-d', root, '-E', `offset=${rootStart * 512},lazy_itable_init=1`, image, blocks],
    300_000,
  );
}
