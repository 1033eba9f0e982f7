/** TFTP packets (RFC 1350 section 5, RFC 2347 for options and OACK): bytes to values and back. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';

/** The name as the client wrote it: RFC 2347 compares names in any case, an OACK answers in the client's own. */
export type TftpOption = { readonly name: string; readonly value: string };

export type TftpRequest = {
  readonly opcode: 'RRQ' | 'WRQ';
  readonly file: string;
  readonly mode: string;
  readonly options: readonly TftpOption[];
};

export type TftpPacket =
  | TftpRequest
  | { readonly opcode: 'DATA'; readonly block: number; readonly payload: Uint8Array }
  | { readonly opcode: 'ACK'; readonly block: number }
  | { readonly opcode: 'ERROR'; readonly code: number; readonly message: string }
  | { readonly opcode: 'OACK'; readonly options: readonly TftpOption[] };

/** RFC 1350 appendix, RFC 2347 (8). */
export const errorCode = {
  notDefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  illegalOperation: 4,
  unknownTransferId: 5,
} as const;

export type PacketProblem = Problem<'TRUNCATED' | 'UNKNOWN_OPCODE' | 'UNTERMINATED' | 'TOO_MANY_OPTIONS'>;

/** Opcode and block number, before the payload of a DATA packet. */
export const dataHeaderLength = 4;

const opcodes = ['', 'RRQ', 'WRQ', 'DATA', 'ACK', 'ERROR', 'OACK'] as const;
/** Four options are known to us; a client that sends more than this is not one of ours. */
const optionsMax = 16;

/** Never throws, never reads past the end. The payload of DATA is a view into `bytes`. */
export function decodePacket(bytes: Uint8Array): Result<TftpPacket, PacketProblem> {
  if (bytes.length < 4) return problem('TRUNCATED', 'a packet has at least 4 bytes', bytes.length);
  const opcode = opcodes[word(bytes, 0)] ?? '';
  switch (opcode) {
    case 'ACK':
      return ok({ opcode, block: word(bytes, 2) });
    case 'DATA':
      return ok({ opcode, block: word(bytes, 2), payload: bytes.subarray(dataHeaderLength) });
    case 'RRQ':
    case 'WRQ':
      return decodeRequest(opcode, bytes);
    case 'ERROR':
      return decodeError(bytes);
    case 'OACK': {
      const strings = splitStrings(bytes, 2);
      return strings.ok ? ok({ opcode, options: pairs(strings.value, 0) }) : strings;
    }
    case '':
      return problem('UNKNOWN_OPCODE', `opcode ${word(bytes, 0)}`, 0);
  }
}

function decodeRequest(opcode: 'RRQ' | 'WRQ', bytes: Uint8Array): Result<TftpPacket, PacketProblem> {
  const strings = splitStrings(bytes, 2);
  if (!strings.ok) return strings;
  const [file, mode] = strings.value;
  if (file === undefined || mode === undefined) return problem('TRUNCATED', 'no transfer mode', bytes.length);
  return ok({ opcode, file, mode, options: pairs(strings.value, 2) });
}

function decodeError(bytes: Uint8Array): Result<TftpPacket, PacketProblem> {
  const end = bytes.indexOf(0, 4);
  // Some clients leave out the message's last byte; the code is what matters, so the end of the packet ends it too.
  return ok({ opcode: 'ERROR', code: word(bytes, 2), message: latin1(bytes, 4, end === -1 ? bytes.length : end) });
}

/** Zero-terminated strings from `offset` to the end; zeros that only pad the end are no strings. */
function splitStrings(bytes: Uint8Array, offset: number): Result<readonly string[], PacketProblem> {
  let length = bytes.length;
  while (length > offset + 1 && bytes[length - 1] === 0 && bytes[length - 2] === 0) length -= 1;
  const strings: string[] = [];
  let at = offset;
  while (at < length) {
    if (strings.length === 2 + 2 * optionsMax) return problem('TOO_MANY_OPTIONS', `over ${optionsMax} options`, at);
    const end = bytes.indexOf(0, at);
    if (end === -1) return problem('UNTERMINATED', 'a string without its zero byte', at);
    strings.push(latin1(bytes, at, end));
    at = end + 1;
  }
  // The padding may have been an empty last value.
  if (strings.length % 2 === 1 && length < bytes.length) strings.push('');
  return ok(strings);
}

/** A name without a value says nothing and is dropped. */
function pairs(strings: readonly string[], from: number): readonly TftpOption[] {
  const options: TftpOption[] = [];
  for (let at = from; at + 1 < strings.length; at += 2) {
    options.push({ name: strings[at] ?? '', value: strings[at + 1] ?? '' });
  }
  return options;
}

/** `block` is any block number of the transfer: 65536 goes on the wire as 0 (the firmware's own roll-over, facts 4.2). */
export function encodePacket(packet: TftpPacket): Uint8Array {
  switch (packet.opcode) {
    case 'RRQ':
    case 'WRQ':
      return strings(packet.opcode === 'RRQ' ? 1 : 2, [packet.file, packet.mode, ...packet.options.flatMap(toPair)]);
    case 'OACK':
      return strings(6, packet.options.flatMap(toPair));
    case 'ERROR':
      return Uint8Array.of(0, 5, packet.code >>> 8, packet.code, ...ascii(packet.message), 0);
    case 'ACK':
      return Uint8Array.of(0, 4, packet.block >>> 8, packet.block);
    case 'DATA': {
      const bytes = new Uint8Array(dataHeaderLength + packet.payload.length);
      writeDataHeader(bytes, packet.block);
      bytes.set(packet.payload, dataHeaderLength);
      return bytes;
    }
  }
}

/** For senders that reuse their buffers: the payload stands behind `dataHeaderLength` already. */
export function writeDataHeader(into: Uint8Array, block: number): void {
  into[0] = 0;
  into[1] = 3;
  into[2] = block >>> 8;
  into[3] = block;
}

const toPair = (option: TftpOption): readonly string[] => [option.name, option.value];
const strings = (opcode: number, texts: readonly string[]): Uint8Array =>
  Uint8Array.of(0, opcode, ...texts.flatMap((text) => [...ascii(text), 0]));
/** One byte a character; a NUL would end the string early and the rest would be read as something else. */
const ascii = (text: string): readonly number[] =>
  Array.from(text.replaceAll('\0', ''), (character) => Math.min(character.charCodeAt(0), 255));
const latin1 = (bytes: Uint8Array, from: number, to: number): string =>
  Array.from(bytes.subarray(from, to), (byte) => String.fromCharCode(byte)).join('');
const word = (bytes: Uint8Array, offset: number): number => (bytes[offset] ?? 0) * 256 + (bytes[offset + 1] ?? 0);
