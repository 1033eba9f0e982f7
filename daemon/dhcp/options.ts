/**
 * DHCP options (RFC 2132): the raw bytes of every option are kept, typed getters read them. An option that we do not know
 * survives; an option of the wrong length counts as absent.
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Ipv4, ipv4Bytes, ipv4FromBytes } from '../../config/values.ts';

/** Option code to value. Parts of one option are already joined (RFC 3396), `overload` is already resolved and left out. */
export type Options = ReadonlyMap<number, Uint8Array>;
export type OptionProblem = Problem<'TRUNCATED_OPTION'>;

/** Codes in the words of RFC 2132, 3046 (82), 4578 (93, 94, 97) and 4702 (81). */
export const option = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  domainNameServer: 6,
  hostName: 12,
  domainName: 15,
  ntpServers: 42,
  vendorSpecific: 43,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  maximumMessageSize: 57,
  vendorClass: 60,
  clientIdentifier: 61,
  tftpServerName: 66,
  bootfileName: 67,
  relayAgentInformation: 82,
  clientArchitecture: 93,
  clientInterface: 94,
  clientMachineIdentifier: 97,
  end: 255,
} as const;

/** A part of a datagram that holds options: `from` inclusive, `to` exclusive. */
export type OptionArea = { readonly from: number; readonly to: number };
/** Where a datagram may hold options. `file` and `sname` do so only if option 52 says it. */
export type OptionAreas = { readonly options: OptionArea; readonly file: OptionArea; readonly sname: OptionArea };
export type DecodedOptions = { readonly options: Options; readonly overload: { file: boolean; sname: boolean } };

/** Reads all options of a datagram. A missing end option is forgiven, a value that runs out of its area is not. */
export function decodeOptions(datagram: Uint8Array, areas: OptionAreas): Result<DecodedOptions, OptionProblem> {
  const parts = new Map<number, Uint8Array[]>();
  const overload = { file: false, sname: false };
  const first = readArea(datagram, areas.options, parts);
  if (!first.ok) return first;
  const overloaded = parts.get(option.overload)?.at(-1)?.[0] ?? 0;
  parts.delete(option.overload);
  // RFC 3396 5: what was split is joined in the order options, file, sname.
  for (const [bit, name] of [[1, 'file'] as const, [2, 'sname'] as const]) {
    overload[name] = (overloaded & bit) !== 0;
    const read = overload[name] ? readArea(datagram, areas[name], parts) : ok(undefined);
    if (!read.ok) return read;
  }
  parts.delete(option.overload);
  return ok({ options: new Map(Array.from(parts, ([code, values]) => [code, join(values)])), overload });
}

function readArea(
  datagram: Uint8Array,
  area: OptionArea,
  parts: Map<number, Uint8Array[]>,
): Result<undefined, OptionProblem> {
  let offset = area.from;
  while (offset < area.to) {
    const code = datagram[offset] ?? option.end;
    if (code === option.end) break;
    if (code === option.pad) {
      offset += 1;
      continue;
    }
    const length = offset + 1 < area.to ? datagram[offset + 1] : undefined;
    if (length === undefined) return problem('TRUNCATED_OPTION', `option ${code} has no length`, offset);
    const from = offset + 2;
    if (from + length > area.to) {
      return problem('TRUNCATED_OPTION', `option ${code} is ${length} bytes long, ${area.to - from} are there`, offset);
    }
    const values = parts.get(code) ?? [];
    values.push(datagram.subarray(from, from + length));
    parts.set(code, values);
    offset = from + length;
  }
  return ok(undefined);
}

function join(values: readonly Uint8Array[]): Uint8Array {
  const [only] = values;
  if (only !== undefined && values.length === 1) return only;
  const joined = new Uint8Array(values.reduce((length, value) => length + value.length, 0));
  let offset = 0;
  for (const value of values) {
    joined.set(value, offset);
    offset += value.length;
  }
  return joined;
}

/**
 * The order in which we write, always the same (facts 3.6): these first, then the unnamed ones by code, then the last
 * ones. Option 82 is the very last one (RFC 3046 2.1).
 */
const firstOptions: readonly number[] = [53, 54, 51, 1, 3, 6, 12, 60, 66];
const lastOptions: readonly number[] = [97, 43, 82];
const ranks = Array.from({ length: 256 }, (_, code) => {
  const last = lastOptions.indexOf(code);
  const first = firstOptions.indexOf(code);
  if (first >= 0) return first - 1000;
  return last >= 0 ? 1000 + last : code;
});

/** What an option takes in a datagram, with its code and length, split or not. */
export const optionLength = ({ length }: Uint8Array): number => length + 2 * Math.max(1, Math.ceil(length / 255));

/**
 * All options in canonical order, closed by option 255. A value above 255 bytes is split (RFC 3396). What is `wanted` comes
 * in that order (RFC 2131 4.3.1) behind 53, 54 and 51 and before all others but those that always come last.
 */
export function encodeOptions(options: Options, wanted: Uint8Array = new Uint8Array()): Uint8Array {
  const rank = wanted.length === 0 ? (code: number) => ranks[code] ?? code : rankBy(wanted);
  const sorted = [...options].sort(([a], [b]) => rank(a) - rank(b));
  const lengths = sorted.map(([, value]) => optionLength(value));
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 1));
  let offset = 0;
  for (const [code, value] of sorted) {
    if (code <= option.pad || code >= option.end) throw new Error(`option ${code} cannot be written`);
    for (let from = 0; from === 0 || from < value.length; from += 255) {
      const to = Math.min(from + 255, value.length);
      bytes[offset++] = code;
      bytes[offset++] = to - from;
      // Byte by byte: most values are short, and `set` of a `subarray` costs more than they do.
      for (let index = from; index < to; index++) bytes[offset++] = value[index] ?? 0;
    }
  }
  bytes[offset] = option.end;
  return bytes;
}

function rankBy(wanted: Uint8Array): (code: number) => number {
  const fixed = [option.messageType, option.serverIdentifier, option.leaseTime, ...lastOptions];
  return (code) => {
    const place = fixed.includes(code) ? -1 : wanted.indexOf(code);
    // Between 51 and the next of the first ones.
    return place < 0 ? (ranks[code] ?? code) : (place + 1) / 1000 - 998;
  };
}

const ofLength = (options: Options, code: number, length: number): Uint8Array | undefined => {
  const value = options.get(code);
  return value?.length === length ? value : undefined;
};

export const uint8Option = (options: Options, code: number): number | undefined => ofLength(options, code, 1)?.[0];

export function uint16Option(options: Options, code: number): number | undefined {
  const value = ofLength(options, code, 2);
  return value === undefined ? undefined : new DataView(value.buffer, value.byteOffset, 2).getUint16(0);
}

export function uint32Option(options: Options, code: number): number | undefined {
  const value = ofLength(options, code, 4);
  return value === undefined ? undefined : new DataView(value.buffer, value.byteOffset, 4).getUint32(0);
}

export function ipv4Option(options: Options, code: number): Ipv4 | undefined {
  const value = ofLength(options, code, 4);
  const parsed = value === undefined ? undefined : ipv4FromBytes(value);
  return parsed?.ok ? parsed.value : undefined;
}

/** Text up to the first NUL: some clients close their text with one (RFC 2132 2 forbids it). */
export function textOption(options: Options, code: number): string | undefined {
  const value = options.get(code);
  return value === undefined ? undefined : textUntilNul(value);
}

/** One character for each byte (ISO 8859-1), so that any bytes come back as they were. */
export function textUntilNul(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** The reverse of `textUntilNul`. */
export function textBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

export function uint32Bytes(number: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

/** A list of addresses as options 3, 6 and 42 carry it. */
export const ipv4ListBytes = (addresses: readonly Ipv4[]): Uint8Array =>
  Uint8Array.from(addresses.flatMap((address) => Array.from(ipv4Bytes(address))));
