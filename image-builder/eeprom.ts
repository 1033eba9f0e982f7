/**
 * The boot EEPROM of a Pi 4 or 5: its images, as `rpi-eeprom-config` makes them, and the file beside them that makes a
 * board take one. Pure. Source: facts 6.
 */
import { createHash } from 'node:crypto';
import { problem, type Result } from '../config/result.ts';
import { attemptSync, ImageError, type ImageProblem } from './errors.ts';

/** BCM2711: Pi 4, 400, CM4; BCM2712: Pi 5, 500, CM5. An image of one is nothing for the other. */
export const eepromChips = ['2711', '2712'] as const;
export type EepromChip = (typeof eepromChips)[number];

/** Of the flash chip, and so of every image for it (facts 5.5). */
export const eepromImageBytes: Readonly<Record<EepromChip, number>> = { '2711': 512 * 1024, '2712': 2 * 1024 * 1024 };

/*
 * An image is a row of sections: magic and length (4 bytes each, big-endian), contents, up to the next multiple of 8. A file
 * has a name of 12 bytes and 4 more before its contents.
 */
const FILE_MAGIC = 0x55aaf11f;
const MAGIC_MASK = 0xfffff00f;
const SECTION_MAGIC = 0x55aaf00f;
const FILE_HEADER = 8 + 12 + 4;
const CONFIG_NAME = 'bootconf.txt';

/** What `BOOT_ORDER` and the rest are set to in an image. EEPROM_BAD for what is no image for that chip. */
export function eepromConfig(chip: EepromChip, image: Uint8Array): Result<string, ImageProblem> {
  if (image.length !== eepromImageBytes[chip]) {
    const detail = `an EEPROM image of BCM${chip} has ${eepromImageBytes[chip]} bytes, this one has ${image.length}`;
    return problem('EEPROM_BAD', detail);
  }
  return attemptSync(() => {
    const view = new DataView(image.buffer, image.byteOffset, image.length);
    for (let at = 0; at + 8 <= image.length; ) {
      const magic = view.getUint32(at);
      const length = view.getUint32(at + 4);
      if (magic === 0 || magic === 0xffffffff) break;
      if ((magic & MAGIC_MASK) >>> 0 !== SECTION_MAGIC || at + 8 + length > image.length) {
        throw new ImageError('EEPROM_BAD', 'this is no EEPROM image: its sections are not one behind the other', {
          offset: at,
        });
      }
      if (magic === FILE_MAGIC && nameAt(image, at + 8) === CONFIG_NAME) {
        return configText(image.subarray(at + FILE_HEADER, at + 8 + length));
      }
      at += Math.ceil((8 + length) / 8) * 8;
    }
    throw new ImageError('EEPROM_BAD', `this is no EEPROM image: there is no ${CONFIG_NAME} in it`);
  });
}

const nameAt = (image: Uint8Array, at: number): string =>
  Buffer.from(image.subarray(at, at + 12))
    .toString('latin1')
    .replace(/\0.*$/s, '');

/** Quirk: behind a byte that is not ASCII the bootloader takes nothing of its configuration, and says nothing (facts 6.4). */
function configText(bytes: Uint8Array): string {
  const strange = bytes.findIndex((byte) => byte > 126);
  if (strange !== -1 && bytes[strange] !== 0xff) {
    const detail = 'its bootconf.txt has a character that is not ASCII: the board would ignore what follows';
    throw new ImageError('EEPROM_BAD', detail, { offset: strange });
  }
  return Buffer.from(bytes.subarray(0, strange === -1 ? bytes.length : strange))
    .toString('latin1')
    .replace(/\0+$/, '');
}

/**
 * `pieeprom.sig`: a board writes the image only if `seconds` (of 1970) is later than that of its last update and the image
 * is not what it has.
 */
export const eepromSignature = (image: Uint8Array, seconds: number): string =>
  `${createHash('sha256').update(image).digest('hex')}\nts: ${seconds}\n`;

const places: Readonly<Record<string, string>> = {
  '0': 'SD card detection',
  '1': 'SD card or eMMC',
  '2': 'network',
  '3': 'rpiboot over USB',
  '4': 'USB disk',
  '5': 'USB disk behind the USB-C socket',
  '6': 'NVMe',
  '7': 'HTTP',
  e: 'stop',
  f: 'from the start again',
};

/** `0xf21` → `SD card or eMMC, then network, then from the start again`: read from right to left (facts 6.1). */
export const explainBootOrder = (order: string): string | undefined =>
  /^0x[0-9a-f]{1,8}$/i.test(order)
    ? [...order.slice(2).toLowerCase()]
        .reverse()
        .map((nibble) => places[nibble] ?? 'SD card or eMMC')
        .join(', then ')
    : undefined;

/** Of the last line that says so; undefined: the bootloader's own default, which has no network in it (facts 6.2). */
export const bootOrderIn = (config: string): string | undefined =>
  [...config.matchAll(/^BOOT_ORDER=(0x[0-9a-fA-F]{1,8})\s*$/gm)].at(-1)?.[1]?.toLowerCase();

/** Whether a board with this order ever asks the network. */
export const asksNetwork = (order: string | undefined): boolean => /^0x[0-9a-f]*2/i.test(order ?? '');
