/**
 * What works together: a board's model, a base and the way it joins; told from the files on the base's boot partition,
 * since an image knows the boards of its time only. Pure. Sources of the names: facts 5.1 to 5.3; raspberrypi/firmware,
 * boot/.
 */
import type { Model } from '../config/values.ts';
import { bootSettings } from './config-txt.ts';
import type { FirstBootFormat } from './wish.ts';

export type Combination = {
  /** Undefined: a board whose device tree names a model that we have no row for, or a virtual one. */
  readonly model: Model | undefined;
  readonly base: {
    readonly name: string;
    readonly format: FirstBootFormat;
    /** Every path of its boot partition. */
    readonly files: readonly string[];
    readonly configTxt: string;
  };
  readonly driver: 'kubeadm' | 'k3s' | 'kube-config';
};

type ModelRow = {
  readonly title: string;
  /** A complete set of one of these comes before the kernel; none: it is in the board's EEPROM. */
  readonly firmware: readonly (readonly string[])[];
  /** Any of them: boards of one model differ, and the report does not tell which one it is. */
  readonly deviceTrees: readonly string[];
  /** In the order in which the firmware tries them, where config.txt names none. */
  readonly kernels: { readonly bits32: readonly string[]; readonly bits64: readonly string[] };
  /** Where `arm_64bit` is not set. */
  readonly prefers: 32 | 64;
};

/** start_x and the others are chosen by config.txt (`start_x=1`, `gpu_mem=16`); any of them starts the board. */
const variants = ['', '_x', '_cd', '_db'];
const legacyFirmware = variants.map((variant) => ['bootcode.bin', `start${variant}.elf`]);
const firmware2711 = variants.map((variant) => [`start4${variant.replace('_', '')}.elf`]);
const kernels2710 = { bits32: ['kernel8-32.img', 'kernel7.img'], bits64: ['kernel8.img'] };
const kernels2711 = { bits32: ['kernel7l.img'], bits64: ['kernel8.img'] };
const kernels2712 = { bits32: [], bits64: ['kernel_2712.img', 'kernel8.img'] };

const row2710 = { firmware: legacyFirmware, kernels: kernels2710, prefers: 32 } as const;
const row2711 = { firmware: firmware2711, kernels: kernels2711, prefers: 64 } as const;
const row2712 = { firmware: [], kernels: kernels2712, prefers: 64 } as const;

/** bcm2836, bcm2837 and `cm4-io` are what the kernel's own sources call them (`upstream_kernel=1`). */
const table: Readonly<Record<Model, ModelRow>> = {
  pi2: {
    ...row2710,
    title: 'Pi 2',
    deviceTrees: ['bcm2709-rpi-2-b.dtb', 'bcm2710-rpi-2-b.dtb', 'bcm2836-rpi-2-b.dtb', 'bcm2837-rpi-2-b.dtb'],
  },
  pi3: { ...row2710, title: 'Pi 3', deviceTrees: ['bcm2710-rpi-3-b.dtb', 'bcm2837-rpi-3-b.dtb'] },
  'pi3b+': { ...row2710, title: 'Pi 3B+', deviceTrees: ['bcm2710-rpi-3-b-plus.dtb', 'bcm2837-rpi-3-b-plus.dtb'] },
  pi4: { ...row2711, title: 'Pi 4', deviceTrees: ['bcm2711-rpi-4-b.dtb'] },
  pi400: { ...row2711, title: 'Pi 400', deviceTrees: ['bcm2711-rpi-400.dtb'] },
  cm4: { ...row2711, title: 'Compute Module 4', deviceTrees: ['bcm2711-rpi-cm4.dtb', 'bcm2711-rpi-cm4-io.dtb'] },
  pi5: {
    ...row2712,
    title: 'Pi 5',
    deviceTrees: ['bcm2712-rpi-5-b.dtb', 'bcm2712d0-rpi-5-b.dtb', 'bcm2712-d-rpi-5-b.dtb'],
  },
  pi500: { ...row2712, title: 'Pi 500', deviceTrees: ['bcm2712-rpi-500.dtb'] },
  cm5: {
    ...row2712,
    title: 'Compute Module 5',
    deviceTrees: ['cm5-cm5io', 'cm5-cm4io', 'cm5l-cm5io', 'cm5l-cm4io'].map((board) => `bcm2712-rpi-${board}.dtb`),
  },
};

/**
 * Why a board cannot run this base, in words for the owner that end with what to do; `undefined`: nothing speaks against it.
 *
 * A board of an unknown model gets the benefit of the doubt, for no name of a file could be asked for: the kit's kernel runs
 * on it, its disk has nothing to lose, and if it does not start then that is seen (`starting` has a deadline).
 */
export function incompatibility({ model, base, driver }: Combination): string | undefined {
  if (base.format === 'none') {
    return `${base.name} has neither device-init nor cloud-init: name another image under images.models, or let the board start what it has and join it over SSH`;
  }
  const start = model === undefined ? undefined : startOf(model, base);
  if (typeof start === 'string' && model !== undefined) {
    return `${base.name} has ${start} for a ${table[model].title}: import an image that knows this board and name it under images.models (${model}: NAME)`;
  }
  if (driver === 'k3s' && base.format === 'device-init') {
    return `${base.name} is HypriotOS with device-init, whose Linux is older than the 4.19 that Kubernetes needs: name a newer image under images.models, or take cluster.driver kube-config, which is made for it`;
  }
  if (driver === 'kube-config' && (base.format !== 'device-init' || start === 64)) {
    return `${base.name} is no 32-bit HypriotOS with device-init, which the driver kube-config is made for: name such an image under images.models, or another cluster.driver`;
  }
  return undefined;
}

/** How many bits its kernel has, or what is missing. */
function startOf(model: Model, { files, configTxt }: Combination['base']): 32 | 64 | string {
  const { firmware, deviceTrees, kernels, prefers } = table[model];
  const settings = bootSettings(configTxt, model);
  const there = lowerSet(files);
  const prefix = (settings.get('os_prefix') ?? '').toLowerCase();
  // Quirk: a prefix under which nothing is found is passed over.
  const has = (name: string): boolean => there.has(`${prefix}${name.toLowerCase()}`) || there.has(name.toLowerCase());
  const tree = settings.get('device_tree');
  // Empty: told to do without one.
  if (tree !== '' && !(tree === undefined ? deviceTrees : [tree]).some(has)) {
    return `no device tree (${tree ?? deviceTrees.join(' or ')})`;
  }
  if (firmware.length > 0 && !firmware.some((names) => names.every((name) => there.has(name)))) {
    const [usual = []] = firmware;
    return `no firmware (${usual.join(', ')})`;
  }
  const setting = settings.get('arm_64bit');
  const bits = kernels.bits32.length === 0 || setting === '1' ? 64 : setting === '0' ? 32 : prefers;
  // UEFI and the like stand in the kernel's place.
  const named = settings.get('kernel') ?? settings.get('armstub');
  if (named !== undefined) return has(named) ? bits : `no kernel (${named}, which its config.txt names)`;
  const [first, second] = bits === 64 ? ([64, 32] as const) : ([32, 64] as const);
  const names = { 32: kernels.bits32, 64: kernels.bits64 };
  if (names[first].some(has)) return first;
  // Told which one to take, the firmware does not look for the other.
  if (setting === undefined && names[second].some(has)) return second;
  return `no kernel (${names[first].join(' or ')})`;
}

const lowerSet = (paths: readonly string[]): ReadonlySet<string> => new Set(paths.map((path) => path.toLowerCase()));
