/**
 * The boot kit: which files of a base's boot partition start our installer, per model. TFTP hands them out one by one, the
 * join card carries those of all models. Pure. Sources: facts 5.1 to 5.3 (what each firmware asks for).
 */
import { type Model, models } from '../config/values.ts';
import type { EepromChip } from './eeprom.ts';

/** What the device trees are called by: BCM2710 (Pi 2 and 3), and those that have an EEPROM. */
export type Chip = '2710' | EepromChip;

export function chipOf(model: Model): Chip {
  switch (model) {
    case 'pi2':
    case 'pi3':
    case 'pi3b+':
      return '2710';
    case 'pi4':
    case 'pi400':
    case 'cm4':
      return '2711';
    case 'pi5':
    case 'pi500':
    case 'cm5':
      return '2712';
  }
}

/** Each entry is a set of names of which one has to be there; the first one that is there is taken. */
export type KitFiles = {
  /** What comes before config.txt; a Pi 5's is in its EEPROM. */
  readonly firmware: readonly string[];
  /** Any board of this model; more than one where the boards differ, and then each is wanted. */
  readonly deviceTrees: readonly string[];
  readonly kernels: readonly string[];
};

const legacyFirmware = ['bootcode.bin', 'start.elf', 'fixup.dat'];
const firmware2711 = ['start4.elf', 'fixup4.dat'];
/** The installer's busybox is arm64, so is its kernel. A Pi 5 prefers pages of 16 KiB, and takes the other one. */
const kernels = ['kernel8.img'];
const kernels2712 = ['kernel_2712.img', 'kernel8.img'];

export const bootKit: Readonly<Record<Model, KitFiles>> = {
  // The 2B v1.2 only: the first one's processor has no 64 bits.
  pi2: { firmware: legacyFirmware, deviceTrees: ['bcm2710-rpi-2-b.dtb'], kernels },
  pi3: { firmware: legacyFirmware, deviceTrees: ['bcm2710-rpi-3-b.dtb'], kernels },
  'pi3b+': { firmware: legacyFirmware, deviceTrees: ['bcm2710-rpi-3-b-plus.dtb'], kernels },
  pi4: { firmware: firmware2711, deviceTrees: ['bcm2711-rpi-4-b.dtb'], kernels },
  pi400: { firmware: firmware2711, deviceTrees: ['bcm2711-rpi-400.dtb'], kernels },
  cm4: { firmware: firmware2711, deviceTrees: ['bcm2711-rpi-cm4.dtb'], kernels },
  pi5: { firmware: [], deviceTrees: ['bcm2712-rpi-5-b.dtb'], kernels: kernels2712 },
  pi500: { firmware: [], deviceTrees: ['bcm2712-rpi-500.dtb'], kernels: kernels2712 },
  cm5: { firmware: [], deviceTrees: ['bcm2712-rpi-cm5-cm5io.dtb'], kernels: kernels2712 },
};

const lowerSet = (paths: readonly string[]): ReadonlySet<string> => new Set(paths.map((path) => path.toLowerCase()));

/** What `model` lacks among these boot files; empty: it starts. */
export function missingFor(model: Model, paths: readonly string[]): readonly string[] {
  const there = lowerSet(paths);
  const { firmware, deviceTrees, kernels: choice } = bootKit[model];
  const files = [...firmware, ...deviceTrees].filter((name) => !there.has(name));
  return choice.some((name) => there.has(name)) ? files : [...files, choice.join(' or ')];
}

/** The kernel that starts this model, of those that are there; undefined: none. Every model that is not known takes kernel8.img. */
export function kernelOf(model: Model | undefined, paths: readonly string[]): string | undefined {
  const there = lowerSet(paths);
  return (model === undefined ? kernels : bootKit[model].kernels).find((name) => there.has(name));
}

/** Which boot files a kit lacks, by model; a model that it starts is not among them. */
export const kitGaps = (paths: readonly string[]): ReadonlyMap<Model, readonly string[]> =>
  new Map(
    models
      .map((model): readonly [Model, readonly string[]] => [model, missingFor(model, paths)])
      .filter(([, missing]) => missing.length > 0),
  );

/** The models that these boot files start. */
export const modelsOf = (paths: readonly string[]): readonly Model[] =>
  models.filter((model) => missingFor(model, paths).length === 0);

/** Boards of one model differ (`bcm2712d0-rpi-5-b.dtb`, `bcm2711-rpi-cm4s.dtb`, …): all device trees of 64-bit boards go along. */
const deviceTree = /^bcm27(10|11|12|12d0)-rpi-[a-z0-9-]+\.dtb$/;
/** Which overlay a board needs for itself; the D0 silicon of a Pi 5 wants its own (facts 5.3). */
const overlay = /^overlays\/((overlay|hat)_map\.dtb|bcm2712d0[a-z0-9-]*\.dtbo)$/;
const named: ReadonlySet<string> = new Set(
  Object.values(bootKit).flatMap(({ firmware, kernels: choice }) => [...firmware, ...choice]),
);

/** Whether a boot file goes onto the join card. */
export function isOnCard(path: string): boolean {
  const name = path.toLowerCase();
  return named.has(name) || deviceTree.test(name) || overlay.test(name);
}
