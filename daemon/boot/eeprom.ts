/**
 * What a board's bootloader asks for to update itself, and whose image it is given. Pure. The daemon answers `pieeprom.sig`
 * and then `pieeprom.upd`, nothing else: a Pi 4's USB controller (`vl805.…`) is left alone (facts 5.2, 6.4).
 */
import type { Model } from '../../config/values.ts';
import { chipOf, type EepromChip } from '../../image-builder/index.ts';

export type EepromFile = 'pieeprom.sig' | 'pieeprom.upd';

/** `undefined`: has nothing to do with an EEPROM. */
export function eepromFile(name: string): EepromFile | 'never' | undefined {
  if (name === 'pieeprom.sig' || name === 'pieeprom.upd') return name;
  return /^(pieeprom|vl805|recovery)\./.test(name) ? 'never' : undefined;
}

/** Undefined: it has none, or nobody knows what it is. */
export function eepromChipOf(model: Model | undefined): EepromChip | undefined {
  const chip = model && chipOf(model);
  return chip === '2710' ? undefined : chip;
}
