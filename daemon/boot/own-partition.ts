/**
 * The installer in the boot partition of a board that has a system: which files go there, and what its firmware is told. Pure.
 *
 * `os_prefix` points the firmware at our folder. It goes back to the board's own files by itself if kernel or device tree are
 * missing there (raspberrypi/documentation config_txt/boot.adoc); the kernel that our image will bring is not touched.
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Model } from '../../config/values.ts';
import { type Chip, chipOf, kernelOf } from '../../image-builder/index.ts';
import { INSTALLER_INITRAMFS } from './files.ts';
import { renderConfigTxt } from './render.ts';

/** In the boot partition, where our mark is, too. */
export const INSTALLER_FOLDER = 'bramble';
/** What `config.txt` was before. */
export const KEPT_CONFIG = 'config.txt.bramble';
/** The first line of ours: whoever finds it knows that the board's own is kept. */
export const CONFIG_MARK = '# bramble: the next start is the installer; config.txt.bramble is what was here before';

/** `kernel`: as `installerFiles` has chosen it. */
export const renderOwnConfigTxt = (kernel: string): string =>
  `${CONFIG_MARK}\nos_prefix=${INSTALLER_FOLDER}/\n${renderConfigTxt(kernel)}`;

/** `cmdline`: as a netboot has it. `volumeId`: of the boot partition, as blkid prints it; the installer looks for that disk. */
export const renderOwnCmdline = (cmdline: string, volumeId: string): string =>
  `${cmdline.trimEnd()} bramble.source=reinstall bramble.card=${volumeId}\n`;

export type BootPlace = { readonly folder: string; readonly device: string };
export type PlaceProblem = Problem<'BOOT_NOT_MOUNTED' | 'BOOT_READ_ONLY'>;

/** Where the boot partition is mounted, by /proc/self/mountinfo (proc(5)): Bookworm and Ubuntu at the first, others at the second. */
export function bootPlace(mountinfo: string): Result<BootPlace, PlaceProblem> {
  const mounts = mountinfo.split('\n').map(parseMount);
  for (const folder of ['/boot/firmware', '/boot']) {
    // The last one is on top. A folder of another file system, mounted there once more, is no partition.
    const mount = mounts.findLast((one) => one?.point === folder);
    if (mount === undefined || mount.root !== '/' || !mount.device.startsWith('/dev/')) continue;
    return mount.options.includes('rw')
      ? ok({ folder, device: mount.device })
      : problem('BOOT_READ_ONLY', `${folder} is mounted read-only`);
  }
  return problem('BOOT_NOT_MOUNTED', 'no partition is mounted at /boot/firmware or /boot');
}

function parseMount(line: string) {
  const [left = '', right = ''] = line.split(' - ');
  const [, , , root, point, options] = left.split(' ');
  const [, device] = right.split(' ');
  return root === undefined || point === undefined || options === undefined || device === undefined
    ? undefined
    : { root, point, options: options.split(','), device };
}

type InstallerFiles = {
  /** As config.txt names it. */
  readonly kernel: string;
  /** Paths in the kit: the kernel and the device trees. */
  readonly files: readonly string[];
};

/** What the firmware asks for in our folder, out of a kit with these boot files. */
export function installerFiles(
  model: Model | undefined,
  kit: readonly string[],
): Result<InstallerFiles, Problem<'KIT_LACKS'>> {
  if (model === undefined) return problem('KIT_LACKS', 'the model of this board is not known');
  const kernel = kernelOf(model, kit);
  if (kernel === undefined)
    return problem('KIT_LACKS', `the boot kit has no kernel for a ${model}: set \`images.kit\``);
  const trees = kit.filter((path) => deviceTrees[chipOf(model)].test(path.toLowerCase()));
  if (trees.length === 0) return problem('KIT_LACKS', `the boot kit has no device tree for a ${model}`);
  return ok({ kernel, files: [kernel, ...trees] });
}

/** All of the chip: boards of one model differ, and the firmware knows which one it wants. */
const deviceTrees: Readonly<Record<Chip, RegExp>> = {
  2710: /^bcm2710-rpi-[a-z0-9-]+\.dtb$/,
  2711: /^bcm2711-rpi-[a-z0-9-]+\.dtb$/,
  2712: /^bcm2712(d0)?-rpi-[a-z0-9-]+\.dtb$/,
};

/**
 * The board's own firmware file that reads `config.txt`; undefined where that is in the EEPROM. One without the word
 * `os_prefix` in it (before 2019) would start the old system for ever, or nothing.
 */
export const ownFirmware = (model: Model | undefined): string | undefined => {
  if (model === undefined) return undefined;
  const files = { 2710: 'start.elf', 2711: 'start4.elf', 2712: undefined } as const;
  return files[chipOf(model)];
};

/** As it lies in our folder. */
export const ownName = (path: string): string => `${INSTALLER_FOLDER}/${path}`;
export const OWN_INITRAMFS = ownName(INSTALLER_INITRAMFS);
