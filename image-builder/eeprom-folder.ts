/** The EEPROM images that the owner supplied: `2711/pieeprom.upd`, `2712/pieeprom.upd`, and `recovery.bin` beside each. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Result } from '../config/result.ts';
import { type EepromChip, eepromConfig, eepromImageBytes } from './eeprom.ts';
import { attempt, ImageError, type ImageProblem, orThrow } from './errors.ts';

export type SuppliedEeprom = {
  readonly chip: EepromChip;
  readonly image: Uint8Array;
  /** When the file was put there, in seconds since 1970: a board takes only what is later than its last update. */
  readonly at: number;
  /** What is set in the image. */
  readonly config: string;
  /** For the join card. */
  readonly recovery: Uint8Array | undefined;
};

/** Nobody has written one larger than 200 KB. */
const MOST_RECOVERY = 1024 * 1024;

/** `undefined`: none is there. EEPROM_BAD for what is no image of this chip, IMAGE_IO if it cannot be read. */
export async function readEeprom(
  folder: string,
  chip: EepromChip,
): Promise<Result<SuppliedEeprom | undefined, ImageProblem>> {
  const file = join(folder, chip, 'pieeprom.upd');
  return await attempt(async () => {
    const image = await fileUpTo(file, eepromImageBytes[chip]);
    if (image === undefined) return undefined;
    const { mtimeMs } = await stat(file);
    const config = orThrow(eepromConfig(chip, image));
    const recovery = await fileUpTo(join(folder, chip, 'recovery.bin'), MOST_RECOVERY);
    return { chip, image, at: Math.floor(mtimeMs / 1000), config, recovery };
  });
}

async function fileUpTo(file: string, most: number): Promise<Uint8Array | undefined> {
  try {
    const { size } = await stat(file);
    if (size > most) throw new ImageError('EEPROM_BAD', `${file} has ${size} bytes, ${most} at most are one`);
    return await readFile(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
