/**
 * What a TFTP file name of a Pi means: `<serial>/start4.elf`, `dc-a6-32-01-02-03/config.txt`, `7bf18f79//config.txt` (Pi 5),
 * `bootcode.bin` (Pi 3 ROM, always in the root). Pure. Source: raspberry-pi-netboot.md 4.2 and 5.
 */
import { parseSerial, type Serial } from '../../config/values.ts';
import { type EepromFile, eepromFile } from './eeprom.ts';

export type BootFile =
  /** Rendered for this board, out of memory. */
  | { readonly from: 'rendered'; readonly name: 'config.txt' | 'cmdline.txt' }
  /** The installer's initramfs. */
  | { readonly from: 'installer' }
  /** Of the owner's EEPROM images, if they are for this board. */
  | { readonly from: 'eeprom'; readonly name: EepromFile }
  /** Whatever the kit holds of that name. */
  | { readonly from: 'nowhere' }
  /** As it is in the boot partition of the kit's base image. */
  | { readonly from: 'kit'; readonly path: string };

export type BootRequest = {
  /** The serial the board put in front of the name; tells more than its MAC. */
  readonly serial: Serial | undefined;
  /** Without its own folder; any other folder is still in it. */
  readonly path: string;
  readonly file: BootFile;
};

/** Our installer's initramfs, as `config.txt` names it. */
export const INSTALLER_INITRAMFS = 'bramble-installer.cpio.gz';

export function parseBootRequest(name: string): BootRequest {
  const parts = name.split('/').filter((part) => part !== '');
  const [first = '', ...rest] = parts;
  const serial = rest.length > 0 && first.length === 8 ? parseSerial(first) : undefined;
  const prefixed = serial?.ok === true || (rest.length > 0 && /^([0-9a-f]{2}-){5}[0-9a-f]{2}$/i.test(first));
  const path = (prefixed ? rest : parts).join('/');
  return { serial: serial?.ok === true ? serial.value : undefined, path, file: bootFile(path) };
}

function bootFile(path: string): BootFile {
  const name = path.toLowerCase();
  if (name === 'config.txt' || name === 'cmdline.txt') return { from: 'rendered', name };
  const eeprom = eepromFile(name);
  if (eeprom === 'never') return { from: 'nowhere' };
  if (eeprom !== undefined) return { from: 'eeprom', name: eeprom };
  return name === INSTALLER_INITRAMFS ? { from: 'installer' } : { from: 'kit', path };
}
