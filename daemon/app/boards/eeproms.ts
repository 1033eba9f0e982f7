/** The owner's EEPROM images: for boards that netboot, and for the join card. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigProblem } from '../../../config/load.ts';
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import type { Model } from '../../../config/values.ts';
import {
  asksNetwork,
  bootOrderIn,
  type CardEeprom,
  type EepromChip,
  eepromChips,
  eepromSignature,
  memorySource,
  readEeprom,
  type SuppliedEeprom,
} from '../../../image-builder/index.ts';
import { type EepromFile, eepromChipOf } from '../../boot/eeprom.ts';
import type { EepromChoice } from '../../http/endpoints/cards.ts';
import type { ByteSource, Log } from '../../ports.ts';

export type EepromDesk = {
  /** Undefined: it is not allowed (`netboot.eeprom`), not supplied, or not for this model. */
  readonly open: (model: Model | undefined, file: EepromFile) => Promise<ByteSource | undefined>;
  /** What the join card carries; undefined for nothing. CONFLICT says what the owner has to choose or to supply. */
  readonly forCard: (choice: EepromChoice | undefined) => Promise<Result<CardEeprom | undefined, Problem<'CONFLICT'>>>;
};

export function eepromDesk({ config, log }: { readonly config: Config; readonly log: Log }): EepromDesk {
  const folder = join(config.data, 'eeprom');
  /** Every boot of a Pi 4 or 5 asks; what was read serves as long as the file is the same. */
  const known = new Map<EepromChip, { readonly stamp: string; readonly read: Promise<SuppliedEeprom | undefined> }>();

  async function supplied(chip: EepromChip): Promise<SuppliedEeprom | undefined> {
    const files = ['pieeprom.upd', 'recovery.bin'].map((file) => join(folder, chip, file));
    const [image, recovery] = await Promise.all(files.map(async (file) => await stat(file).catch(() => undefined)));
    if (image === undefined) return undefined;
    const stamp = [image, recovery].map((file) => `${file?.mtimeMs} ${file?.size}`).join();
    const before = known.get(chip);
    if (before?.stamp === stamp) return await before.read;
    const read = readEeprom(folder, chip).then((found) => {
      if (found.ok) return found.value;
      log.warn('an EEPROM image is not served', { chip, ...found.error });
      return undefined;
    });
    known.set(chip, { stamp, read });
    return await read;
  }

  const open: EepromDesk['open'] = async (model, file) => {
    const chip = config.netboot.eeprom ? eepromChipOf(model) : undefined;
    const eeprom = chip && (await supplied(chip));
    if (eeprom === undefined) return undefined;
    if (file === 'pieeprom.sig') return memorySource(Buffer.from(eepromSignature(eeprom.image, eeprom.at)));
    log.info('a board fetches its EEPROM image', { chip, model });
    return memorySource(eeprom.image);
  };

  const forCard: EepromDesk['forCard'] = async (choice) => {
    if (choice === 'none' || (choice === undefined && !config.netboot.enable)) return ok(undefined);
    if (!config.netboot.enable) {
      return problem(
        'CONFLICT',
        'netboot.enable is not true in bramble.yaml: a join card leaves the boards as they are',
      );
    }
    const complete: CardEeprom[] = [];
    for (const chip of choice === undefined ? eepromChips : [choice]) {
      const eeprom = await supplied(chip);
      if (eeprom?.recovery !== undefined) complete.push({ ...eeprom, recovery: eeprom.recovery });
      else if (choice !== undefined)
        return problem('CONFLICT', `${join(folder, chip)} has to hold pieeprom.upd and recovery.bin`);
    }
    const [only, other] = complete;
    // The mask ROM of either chip starts `recovery.bin`, and there can be only one of that name.
    if (other !== undefined) {
      return problem(
        'CONFLICT',
        'a card sets the EEPROM of a Pi 4 or of a Pi 5: --eeprom 2711, 2712 or none says which',
      );
    }
    return ok(only);
  };

  return { open, forCard };
}

/** `wrong`: what the owner allowed does not happen. Otherwise it may be meant so. */
export type EepromFinding = ConfigProblem & { readonly wrong: boolean };

/** What keeps EEPROM images from boards, where `netboot` says that they get them; `bramble doctor` tells the same, and more. */
export async function eepromFindings({ data, netboot }: Config): Promise<readonly EepromFinding[]> {
  const { eeprom, enable } = netboot;
  if (!eeprom && !enable) return [];
  const key = eeprom ? 'netboot.eeprom' : 'netboot.enable';
  const folder = join(data, 'eeprom');
  const read = await Promise.all(eepromChips.map(async (chip) => [chip, await readEeprom(folder, chip)] as const));
  if (read.every(([, found]) => found.ok && found.value === undefined)) {
    const files = enable ? 'pieeprom.upd and recovery.bin' : 'pieeprom.upd';
    const places = eepromChips.map((chip) => `for a ${families[chip]} into ${join(folder, chip)}`).join(', ');
    const detail = `no EEPROM image is there, and every Pi 4 and 5 keeps its own: put ${files} (from rpi-eeprom) ${places}`;
    // A join card switches a Pi 3B without one.
    return [{ key, detail, wrong: eeprom }];
  }
  return read.flatMap(([chip, found]) => {
    const detail = whyUseless(found, netboot);
    return detail === undefined ? [] : [{ key, detail: `${join(folder, chip)}: ${detail}`, wrong: true }];
  });
}

const families: Readonly<Record<EepromChip, string>> = { '2711': 'Pi 4, 400 or CM4', '2712': 'Pi 5, 500 or CM5' };

function whyUseless(
  found: Result<SuppliedEeprom | undefined>,
  { eeprom }: Pick<Config['netboot'], 'eeprom'>,
): string | undefined {
  if (!found.ok) return `${found.error.detail}: put the pieeprom.upd of this chip there, or no board gets one`;
  if (found.value === undefined) return undefined;
  if (!asksNetwork(bootOrderIn(found.value.config)))
    return 'BOOT_ORDER in pieeprom.upd has no network in it, and a board that gets it never asks for a boot again: set it with rpi-eeprom-config (0xf21)';
  if (!eeprom && found.value.recovery === undefined)
    return 'recovery.bin is missing: put it beside pieeprom.upd, or no join card carries that';
  return undefined;
}
