/** The owner's EEPROM images: for boards that netboot, and for the join card. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import type { Model } from '../../../config/values.ts';
import {
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
