/**
 * The house's vocabulary: strings and numbers that were parsed once and are trusted afterwards. A brand can be had from
 * its parser only; that is the one place with a cast.
 */
import { ok, type Problem, problem, type Result } from './result.ts';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A 48-bit hardware address, lower case with colons: `dc:a6:32:01:02:03`. */
export type Mac = Brand<string, 'Mac'>;
/** Dotted quad without leading zeros: `192.168.1.200`. */
export type Ipv4 = Brand<string, 'Ipv4'>;
/** One DNS label (RFC 1123 2.1), lower case: `worker-kube1`. Also a legal Kubernetes node name. */
export type Hostname = Brand<string, 'Hostname'>;
/** A board's serial number in lower-case hex: 8 digits as the boot firmware gives it, 16 once the installer told it. */
export type Serial = Brand<string, 'Serial'>;
/** bramble's own name of a board, for ever: `d-` and 12 hex digits. */
export type DeviceId = Brand<string, 'DeviceId'>;
/** A duration in milliseconds. */
export type Millis = Brand<number, 'Millis'>;
/** A moment in milliseconds since 1970, UTC. */
export type Instant = Brand<number, 'Instant'>;

type Parsed<T> = Result<T, Problem<'INVALID_VALUE'>>;
const invalid = (text: string, want: string): Parsed<never> =>
  problem('INVALID_VALUE', `${JSON.stringify(text.slice(0, 80))} is not ${want}`);

/** Accepts colons or dashes and either case. */
export function parseMac(text: string): Parsed<Mac> {
  const lower = text.toLowerCase().replaceAll('-', ':');
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(lower)
    ? ok(lower as Mac)
    : invalid(text, 'a hardware address such as dc:a6:32:01:02:03');
}

export function macFromBytes(bytes: Uint8Array): Parsed<Mac> {
  // For each datagram of a flood, too.
  let text = '';
  for (const byte of bytes) text += `${text === '' ? '' : ':'}${hexOf[byte]}`;
  return bytes.length === 6 ? ok(text as Mac) : invalid(text, 'a hardware address of 6 bytes');
}
const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export const macBytes = (mac: Mac): Uint8Array => Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));

export function parseIpv4(text: string): Parsed<Ipv4> {
  const parts = text.split('.');
  const legal = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
  return legal ? ok(text as Ipv4) : invalid(text, 'an IPv4 address such as 192.168.1.10');
}

/** The address as an unsigned 32-bit number, for ranges and masks. */
export function ipv4Number(address: Ipv4): number {
  // Digit by digit: every packet that is read or written comes here several times, and `split` costs five times as much.
  let [number, part] = [0, 0];
  for (let index = 0; index < address.length; index++) {
    const code = address.charCodeAt(index);
    if (code === dot) [number, part] = [number * 256 + part, 0];
    else part = part * 10 + code - zero;
  }
  return number * 256 + part;
}
const [dot, zero] = ['.'.charCodeAt(0), '0'.charCodeAt(0)];

export const ipv4FromNumber = (number: number): Ipv4 =>
  `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}` as Ipv4;

export function ipv4Bytes(address: Ipv4): Uint8Array {
  const number = ipv4Number(address);
  return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
}

export function ipv4FromBytes(bytes: Uint8Array): Parsed<Ipv4> {
  return bytes.length === 4 ? ok(Array.from(bytes).join('.') as Ipv4) : invalid(String(bytes), 'an address of 4 bytes');
}

export function parseHostname(text: string): Parsed<Hostname> {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)
    ? ok(text as Hostname)
    : invalid(text, 'a host name: 1 to 63 of a-z, 0-9 and "-", with no "-" at either end');
}

/** Accepts 8 or 16 hex digits in either case, with or without `0x`. */
export function parseSerial(text: string): Parsed<Serial> {
  const lower = text.toLowerCase().replace(/^0x/, '');
  return /^([0-9a-f]{8}|[0-9a-f]{16})$/.test(lower)
    ? ok(lower as Serial)
    : invalid(text, 'a serial number of 8 or 16 hex digits');
}

/** What two sightings of one board have in common: DHCP and TFTP show only the low 32 bits (facts 3.3). */
export const serialLow = (serial: Serial): Serial => serial.slice(-8) as Serial;

/** The same board, as far as is known: by all 64 bits when both are full, by the low 32 otherwise. */
export const sameSerial = (a: Serial, b: Serial): boolean =>
  a.length === b.length ? a === b : serialLow(a) === serialLow(b);

export function parseDeviceId(text: string): Parsed<DeviceId> {
  return /^d-[0-9a-f]{12}$/.test(text) ? ok(text as DeviceId) : invalid(text, 'a device id such as d-0123456789ab');
}

export const millis = (number: number): Millis => number as Millis;
export const seconds = (number: number): Millis => (number * 1000) as Millis;
export const minutes = (number: number): Millis => (number * 60_000) as Millis;
export const instant = (number: number): Instant => number as Instant;
export const after = (moment: Instant, duration: Millis): Instant => (moment + duration) as Instant;
export const since = (from: Instant, to: Instant): Millis => (to - from) as Millis;

/** An IPv4 subnet in CIDR form. */
export type Subnet = { readonly network: Ipv4; readonly prefix: number };
/** Inclusive at both ends. */
export type AddressRange = { readonly first: Ipv4; readonly last: Ipv4 };

export const subnetOf = (address: Ipv4, prefix: number): Subnet => ({
  network: ipv4FromNumber((ipv4Number(address) & maskNumber(prefix)) >>> 0),
  prefix,
});
export const maskNumber = (prefix: number): number => (prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0);
export const subnetMask = (prefix: number): Ipv4 => ipv4FromNumber(maskNumber(prefix));
export const inSubnet = (subnet: Subnet, address: Ipv4): boolean =>
  (ipv4Number(address) & maskNumber(subnet.prefix)) >>> 0 === ipv4Number(subnet.network);

export const subnetText = ({ network, prefix }: Subnet): string => `${network}/${prefix}`;
export const overlap = (a: Subnet, b: Subnet): boolean => inSubnet(a, b.network) || inSubnet(b, a.network);

/** `10.42.0.0/16`. The bits behind the prefix have to be zero: anything else is a slip of the pen. */
export function parseSubnet(text: string): Parsed<Subnet> {
  const [address = '', length = '', ...more] = text.split('/');
  const parsed = parseIpv4(address);
  const prefix = Number(length);
  const legal = more.length === 0 && parsed.ok && /^(0|[1-9]\d?)$/.test(length) && prefix <= 32;
  const subnet = legal ? subnetOf(parsed.value, prefix) : undefined;
  return subnet !== undefined && subnet.network === address
    ? ok(subnet)
    : invalid(text, 'a subnet such as 10.42.0.0/16, with its first address');
}

/** `192.168.1.200-192.168.1.239`, or short `192.168.1.200-239`. */
export function parseAddressRange(text: string): Parsed<AddressRange> {
  const [left = '', right = '', ...more] = text.split('-').map((part) => part.trim());
  const first = parseIpv4(left);
  const last = parseIpv4(right.includes('.') ? right : `${left.slice(0, left.lastIndexOf('.'))}.${right}`);
  const legal = more.length === 0 && first.ok && last.ok && ipv4Number(first.value) <= ipv4Number(last.value);
  return legal
    ? ok({ first: first.value, last: last.value })
    : invalid(text, 'an address range such as 192.168.1.200-239, lower address first');
}

/** Every address of the range once: from `from` on, and then from the first one. From the first one if `from` is outside. */
export function* addressesFrom({ first, last }: AddressRange, from: Ipv4 = first): Generator<Ipv4> {
  const [start, size] = [ipv4Number(first), ipv4Number(last) - ipv4Number(first) + 1];
  const offset = ipv4Number(from) - start;
  const begin = offset >= 0 && offset < size ? offset : 0;
  for (let step = 0; step < size; step++) yield ipv4FromNumber(start + ((begin + step) % size));
}

export const inRange = ({ first, last }: AddressRange, address: Ipv4): boolean =>
  ipv4Number(first) <= ipv4Number(address) && ipv4Number(address) <= ipv4Number(last);

export const rangesOverlap = (a: AddressRange, b: AddressRange): boolean => inRange(a, b.first) || inRange(b, a.first);

/** The board models that bramble tells apart. Evidence until the installer reported `/proc/device-tree/model`. */
export const models = ['pi2', 'pi3', 'pi3b+', 'pi4', 'pi400', 'cm4', 'pi5', 'pi500', 'cm5'] as const;
export type Model = (typeof models)[number];

/** What a board's disk is attached by. `virtio`: of a virtual machine. */
export const diskTypes = ['sd', 'emmc', 'nvme', 'usb', 'virtio', 'other'] as const;
export type DiskType = (typeof diskTypes)[number];

/** `32GB`, `14.9 GiB`: bytes, in the decimal units of what is printed on a disk or in the binary ones of programs. */
export function parseByteSize(text: string): Parsed<number> {
  const [, number = '', unit = ''] = /^(\d{1,6}(?:\.\d{1,3})?) ?(MB|MiB|GB|GiB|TB|TiB)$/.exec(text) ?? [];
  const bytes = Math.round(Number(number) * (byteUnits[unit] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? ok(bytes) : invalid(text, 'a size such as 32GB or 14.9GiB');
}
const byteUnits: Readonly<Record<string, number>> = {
  MB: 1e6,
  MiB: 2 ** 20,
  GB: 1e9,
  GiB: 2 ** 30,
  TB: 1e12,
  TiB: 2 ** 40,
};

/** As it stands on a card's wrapping: powers of ten. `7.9 GB`, `64 GB`, `512 MB`. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const number = bytes / 1000 ** power;
  return `${power === 0 || number >= 100 ? Math.floor(number) : Math.floor(number * 10) / 10} ${units[power]}`;
}
