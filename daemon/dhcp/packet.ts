/** The BOOTP header around the options (RFC 2131 2). */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Ipv4, ipv4Bytes, ipv4FromNumber } from '../../config/values.ts';
import { decodeOptions, encodeOptions, type OptionProblem, type Options, textBytes, textUntilNul } from './options.ts';

/**
 * One DHCP message. `sname` and `file` are text up to the first NUL, and empty where option 52 made them carry options.
 * Of `flags` only the broadcast bit has a meaning.
 */
export type DhcpPacket = {
  /** 1: from a client, 2: from a server. */
  readonly op: 1 | 2;
  readonly htype: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly broadcast: boolean;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  /** As long as `hlen` says, at most 16 bytes. */
  readonly chaddr: Uint8Array;
  readonly sname: string;
  readonly file: string;
  readonly options: Options;
};

export type PacketProblem = Problem<'TOO_SHORT' | 'BAD_OP' | 'BAD_HARDWARE_LENGTH' | 'NO_MAGIC_COOKIE'> | OptionProblem;

export const unspecified: Ipv4 = ipv4FromNumber(0);
/** RFC 2131 3: the first four bytes of the options field. */
const magicCookie = 0x63825363;
const at = { xid: 4, secs: 8, flags: 10, ciaddr: 12, yiaddr: 16, siaddr: 20, giaddr: 24, chaddr: 28 } as const;
const sname = { from: 44, to: 108 } as const;
const file = { from: 108, to: 236 } as const;
const cookieAt = 236;
export const optionsAt = 240;
/** RFC 951 3 with 1542 2.1: there are relays and ROMs that drop a shorter message. */
const minimumLength = 300;
const broadcastFlag = 0x8000;

/** Never throws and never reads beyond the datagram. `offset` of a problem counts from the datagram's first byte. */
export function decodePacket(datagram: Uint8Array): Result<DhcpPacket, PacketProblem> {
  // Node hands out a Buffer; as plain bytes a value compares and prints the same wherever it came from.
  const bytes = new Uint8Array(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  if (bytes.length < optionsAt) {
    return problem('TOO_SHORT', `${bytes.length} bytes, a DHCP message has at least ${optionsAt}`, bytes.length);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const op = view.getUint8(0);
  if (op !== 1 && op !== 2) return problem('BAD_OP', `op is ${op}, not 1 or 2`, 0);
  const hlen = view.getUint8(2);
  if (hlen > 16) return problem('BAD_HARDWARE_LENGTH', `the hardware address is said to be ${hlen} bytes long`, 2);
  if (view.getUint32(cookieAt) !== magicCookie) return problem('NO_MAGIC_COOKIE', 'BOOTP without DHCP', cookieAt);
  const decoded = decodeOptions(bytes, { options: { from: optionsAt, to: bytes.length }, file, sname });
  if (!decoded.ok) return decoded;
  const { options, overload } = decoded.value;
  const address = (offset: number): Ipv4 => {
    const number = view.getUint32(offset);
    return number === 0 ? unspecified : ipv4FromNumber(number);
  };
  const text = (field: typeof file | typeof sname): string => textUntilNul(bytes.subarray(field.from, field.to));
  return ok({
    op,
    htype: view.getUint8(1),
    hops: view.getUint8(3),
    xid: view.getUint32(at.xid),
    secs: view.getUint16(at.secs),
    broadcast: (view.getUint16(at.flags) & broadcastFlag) !== 0,
    ciaddr: address(at.ciaddr),
    yiaddr: address(at.yiaddr),
    siaddr: address(at.siaddr),
    giaddr: address(at.giaddr),
    chaddr: bytes.slice(at.chaddr, at.chaddr + hlen),
    sname: overload.sname ? '' : text(sname),
    file: overload.file ? '' : text(file),
    options,
  });
}

/**
 * At least 300 bytes, options in canonical order but for those that are `wanted` in their own. Throws on a packet that cannot
 * be written: our own mistake.
 */
export function encodePacket(packet: DhcpPacket, wanted?: Uint8Array): Uint8Array {
  const options = encodeOptions(packet.options, wanted);
  const bytes = new Uint8Array(Math.max(minimumLength, optionsAt + options.length));
  const view = new DataView(bytes.buffer);
  const put = (field: Uint8Array, from: number, to: number): void => {
    if (field.length > to - from) throw new Error(`${field.length} bytes do not fit into the field at ${from}`);
    bytes.set(field, from);
  };
  bytes.set([packet.op, packet.htype, packet.chaddr.length, packet.hops]);
  view.setUint32(at.xid, packet.xid);
  view.setUint16(at.secs, packet.secs);
  view.setUint16(at.flags, packet.broadcast ? broadcastFlag : 0);
  for (const field of ['ciaddr', 'yiaddr', 'siaddr', 'giaddr'] as const) {
    if (packet[field] !== unspecified) put(ipv4Bytes(packet[field]), at[field], at[field] + 4);
  }
  put(packet.chaddr, at.chaddr, sname.from);
  put(textBytes(packet.sname), sname.from, sname.to);
  put(textBytes(packet.file), file.from, file.to);
  view.setUint32(cookieAt, magicCookie);
  bytes.set(options, optionsAt);
  return bytes;
}
