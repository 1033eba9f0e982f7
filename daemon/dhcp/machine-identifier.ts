/**
 * What a Raspberry Pi's boot firmware tells about the board in option 97, the client machine identifier (RFC 4578 2.3;
 * facts 3.2, 3.3). All of it is a claim.
 */
import { type Mac, type Model, parseSerial, type Serial } from '../../config/values.ts';

export type MachineIdentifier = {
  /** Low 32 bits, as the boot firmware also uses them for its TFTP prefix. */
  readonly serial?: Serial;
  /** The board's revision code: model, memory, manufacturer. */
  readonly boardRevision?: number;
  readonly model?: Model;
  /** The same 16 bytes from every board: the mask ROM of a Pi 3B (and 2B 1.2). It has the RX flush bug (facts 3.7). */
  readonly maskRom: boolean;
};

/** Hardware address prefixes of Raspberry Pi (facts 3.3). A hint only: new ones come, and addresses can be overridden. */
export const raspberryPiOuis: readonly string[] = [
  'b8:27:eb',
  'dc:a6:32',
  'e4:5f:01',
  '28:cd:c1',
  'd8:3a:dd',
  '2c:cf:67',
  '88:a2:9e',
];
/** Pi 1 to 3: these boards' address ends like their serial number. */
export const foundationOui = 'b8:27:eb';
export const ouiOf = (mac: Mac): string => mac.slice(0, 8);

/**
 * The documentation writes the prefix as a number, and both byte orders exist on the wire: P400 sends `RPi4`, PI4LOG `4iPR`
 * (facts 3.2). A Pi 5 sent the Pi 4's until 2023-10-30, so it says no more than "an EEPROM bootloader".
 */
const prefixes = ['RPi4', '4iPR', 'RPi5', '5iPR'];

/** `undefined` if this is not how a Raspberry Pi fills option 97. */
export function readMachineIdentifier(option97: Uint8Array, mac: Mac): MachineIdentifier | undefined {
  // Type 0 (a GUID) and 16 bytes.
  if (option97.length !== 17 || option97[0] !== 0) return undefined;
  const guid = option97.subarray(1);
  const view = new DataView(guid.buffer, guid.byteOffset, guid.byteLength);
  const words = [0, 4, 8, 12].map((offset) => view.getUint32(offset));
  if (words.every((word) => word === 0x44444444)) return { maskRom: true, model: 'pi3' };
  if (guid.every((byte) => byte === guid[0])) return undefined;
  if (words.every((word) => word === words[0])) return fourfoldSerial(view, mac);
  const prefix = String.fromCharCode(...guid.subarray(0, 4));
  return prefixes.includes(prefix) || hasMacPart(guid, mac) ? bootloaderIdentifier(view) : undefined;
}

/**
 * The serial number four times: the ROM of a 3B+, bootcode.bin on any Pi 2 or 3, an EEPROM before 2020-03 or with
 * `DHCP_OPTION97=0`. For the old prefix the 3B+ is the likely one: a 3B shows its mask ROM first.
 */
function fourfoldSerial(view: DataView, mac: Mac): MachineIdentifier {
  const model = ouiOf(mac) === foundationOui ? { model: 'pi3b+' as const } : {};
  return { maskRom: false, ...serialAt(view, 0), ...model };
}

/** Prefix, board revision, last four bytes of the hardware address, serial number; numbers little-endian. */
function bootloaderIdentifier(view: DataView): MachineIdentifier {
  const boardRevision = view.getUint32(4, true);
  const model = modelOfRevision(boardRevision);
  return { maskRom: false, ...serialAt(view, 12), boardRevision, ...(model === undefined ? {} : { model }) };
}

/** An owner may have set a prefix of his own (`DHCP_OPTION97`); then the part of the hardware address gives it away. */
const hasMacPart = (guid: Uint8Array, mac: Mac): boolean =>
  mac.slice(6) === Array.from(guid.subarray(8, 12), (byte) => byte.toString(16).padStart(2, '0')).join(':');

function serialAt(view: DataView, offset: number): { serial?: Serial } {
  const number = view.getUint32(offset, true);
  const serial = parseSerial(number.toString(16).padStart(8, '0'));
  return number !== 0 && serial.ok ? { serial: serial.value } : {};
}

/** The type field of a new-style revision code (documentation "Raspberry Pi revision codes"), for what bramble serves. */
const modelsByType: ReadonlyMap<number, Model> = new Map([
  [0x04, 'pi2'],
  [0x08, 'pi3'],
  [0x0d, 'pi3b+'],
  [0x11, 'pi4'],
  [0x13, 'pi400'],
  [0x14, 'cm4'],
  [0x17, 'pi5'],
  [0x18, 'cm5'],
  [0x19, 'pi500'],
  [0x1a, 'cm5'],
]);
const newStyleFlag = 1 << 23;

export const modelOfRevision = (revision: number): Model | undefined =>
  (revision & newStyleFlag) === 0 ? undefined : modelsByType.get((revision >>> 4) & 0xff);
