/** File names on FAT: 8.3 names and the long names in front of them (fatgen103 pages 23-33). */
import { ImageError } from '../errors.ts';

/** An 8.3 name is 11 bytes, padded with spaces. */
export const SHORT_BYTES = 11;
/** UTF-16 code units per long-name entry. */
const LONG_UNITS = 13;
const LONGEST = 255;

const shortSymbols = "$%'-_@~`!(){}^#&";
const isShortChar = (char: string): boolean => /^[A-Z0-9]$/.test(char) || shortSymbols.includes(char);

/** Bytes over 127 come out as Latin-1: the code page of an 8.3 name is nowhere written down. */
export function shortText(raw: Uint8Array, caseBits: number): string {
  const part = (from: number, to: number, lower: boolean): string => {
    const text = String.fromCharCode(...raw.subarray(from, to)).trimEnd();
    return lower ? text.toLowerCase() : text;
  };
  // A name that starts with 0xE5 is stored as 0x05, because 0xE5 means "deleted". Bits 3 and 4 of the reserved byte are
  // how Windows NT keeps all-lower-case names without a long one.
  const base = part(0, 8, (caseBits & 0x08) !== 0);
  const extension = part(8, SHORT_BYTES, (caseBits & 0x10) !== 0);
  const whole = extension === '' ? base : `${base}.${extension}`;
  return raw[0] === 0x05 ? `\u00e5${whole.slice(1)}` : whole;
}

/** The checksum that ties long-name entries to their 8.3 entry. */
export const shortChecksum = (raw: Uint8Array): number =>
  raw.reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 255, 0);

/** Character by character, as Windows and Linux do it: `ß` is not the same as `SS`. */
const upperCase = (name: string): string =>
  Array.from(name, (char) => (char.toUpperCase().length === char.length ? char.toUpperCase() : char)).join('');

export const sameName = (a: string, b: string): boolean => upperCase(a) === upperCase(b);

/** FAT_BAD_NAME unless every reader of long names can show it. */
export function checkName(name: string): void {
  const bad =
    name === '' ||
    name.length > LONGEST ||
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    /[\u0000-\u001f\u007f"*/:<>?\\|]/.test(name) ||
    /[. ]$/.test(name) ||
    name.startsWith(' ') ||
    !name.isWellFormed();
  if (bad) throw new ImageError('FAT_BAD_NAME', `${JSON.stringify(name.slice(0, 80))} cannot be a FAT file name`);
}

/** The 11 bytes, if the name is an 8.3 name exactly as it stands (upper case). */
export function exactShort(name: string): Uint8Array | undefined {
  const match = /^([^.]{1,8})(?:\.([^.]{1,3}))?$/.exec(name);
  if (match === null || !Array.from(name.replace('.', '')).every(isShortChar)) return undefined;
  return rawShort(match[1] ?? '', match[2] ?? '');
}

const rawShort = (base: string, extension: string): Uint8Array =>
  Uint8Array.from(base.padEnd(8) + extension.padEnd(3), (char) => char.charCodeAt(0));

/** An 8.3 alias for a long name that none of `taken` (as `shortText` gives them) uses: `NETWOR~1`. */
export function aliasFor(name: string, taken: ReadonlySet<string>): Uint8Array {
  const clean = (text: string): string =>
    Array.from(upperCase(text), (char) => (isShortChar(char) ? char : '_')).join('');
  const stripped = name.replaceAll(' ', '').replace(/^\.+/, '');
  const dot = stripped.lastIndexOf('.');
  const base = clean((dot > 0 ? stripped.slice(0, dot) : stripped).replaceAll('.', '')) || '_';
  const extension = clean(dot > 0 ? stripped.slice(dot + 1) : '').slice(0, 3);
  const free = (candidate: Uint8Array): boolean => !taken.has(shortText(candidate, 0));
  // `config.txt` keeps CONFIG.TXT: only what loses something by the conversion needs a number.
  const whole = exactShort(upperCase(name));
  if (whole !== undefined && free(whole)) return whole;
  for (let number = 1; number < 1_000_000; number += 1) {
    const tail = `~${number}`;
    const candidate = rawShort(base.slice(0, 8 - tail.length) + tail, extension);
    if (free(candidate)) return candidate;
  }
  throw new ImageError('FAT_DIRECTORY_FULL', `no 8.3 name is left for ${name}`);
}

/** Places of the 13 UTF-16 units within a 32-byte long-name entry. */
const unitOffsets = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/** The long-name entries in disk order (last part first), without the 8.3 entry that follows them. */
export function longEntries(name: string, raw: Uint8Array): Uint8Array {
  const count = Math.ceil(name.length / LONG_UNITS);
  const bytes = new Uint8Array(count * 32);
  const checksum = shortChecksum(raw);
  for (let part = 0; part < count; part += 1) {
    const at = (count - 1 - part) * 32;
    const view = new DataView(bytes.buffer, at, 32);
    view.setUint8(0, (part + 1) | (part === count - 1 ? 0x40 : 0));
    view.setUint8(11, 0x0f);
    view.setUint8(13, checksum);
    for (const [unit, offset] of unitOffsets.entries()) {
      const index = part * LONG_UNITS + unit;
      // One zero ends a name that does not fill its last entry, 0xffff pads it.
      view.setUint16(offset, index < name.length ? name.charCodeAt(index) : index === name.length ? 0 : 0xffff, true);
    }
  }
  return bytes;
}

/** The units of one long-name entry, up to the terminating zero. */
export function longPart(slot: DataView): string {
  const units = unitOffsets.map((offset) => slot.getUint16(offset, true));
  const end = units.indexOf(0);
  return String.fromCharCode(...(end === -1 ? units : units.slice(0, end)));
}
