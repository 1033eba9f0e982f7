/** The kernel modules that the installer needs, out of the initramfs that a base brings for its own kernel. */
import type { Base } from './base.ts';
import { readBootFile } from './boot-files.ts';
import { attempt, ImageError, type ImageProblem, orThrow } from './errors.ts';
import { chooseModules, type KernelModule } from './modules.ts';
import { decompress, unpackInitramfs } from './unpack-initramfs.ts';

/** For kernel8.img and kernel_2712.img on Raspberry Pi OS, and for Ubuntu's vmlinuz. */
const INITRAMFS_FILES = ['initramfs8', 'initramfs_2712', 'initrd.img'];
const MOST = 128 * 1024 * 1024;

export type KitModules = {
  /** Not compressed, of all kernels; each kernel's in the order they are loaded in. */
  readonly modules: readonly KernelModule[];
  /** What was asked for and is not there: boards that need it cannot be installed. */
  readonly problems: readonly ImageProblem[];
};

/** `names` as `modprobe` takes them. */
export async function kitModules(kit: Base, names: readonly string[]): Promise<KitModules> {
  const modules: KernelModule[] = [];
  const problems: ImageProblem[] = [];
  let found = 0;
  for (const file of INITRAMFS_FILES) {
    const read = await attempt(async () => {
      const bytes = orThrow(await readBootFile(kit, file, MOST));
      if (bytes === undefined) return;
      found += 1;
      const choice = chooseModules(orThrow(await unpackInitramfs(bytes)), names);
      for (const module of choice.modules) modules.push(await unpackModule(module));
      if (choice.missing.length > 0) {
        throw new ImageError(
          'MODULE_NOT_FOUND',
          `there is no kernel module ${choice.missing.join(', ')} (images.modules)`,
        );
      }
    });
    if (!read.ok) problems.push({ ...read.error, detail: `${file} of ${kit.name}: ${read.error.detail}` });
  }
  if (found === 0) {
    const detail = `the base image ${kit.name} has no ${INITRAMFS_FILES.join(', ')} to take kernel modules from (images.modules)`;
    problems.push({ code: 'MODULE_NOT_FOUND', detail });
  }
  return { modules, problems };
}

const ELF = '7f454c46';
const startsAsElf = (bytes: Uint8Array): boolean => Buffer.from(bytes.subarray(0, 4)).toString('hex') === ELF;

async function unpackModule({ kernel, file, bytes }: KernelModule): Promise<KernelModule> {
  const plain = startsAsElf(bytes) ? bytes : await decompress(bytes);
  if (!startsAsElf(plain)) throw new ImageError('INITRAMFS_FORMAT', `${file} is no kernel module`);
  return { kernel, file: file.replace(/\.(gz|xz|zst)$/, ''), bytes: plain };
}
