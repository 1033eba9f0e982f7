/** A DHCP message as it lies on the wire: Ethernet (RFC 894), IPv4 (RFC 791), UDP (RFC 768). Pure. */
import { type Mac, macBytes } from '../../../config/values.ts';

export type FrameStyle = { readonly ttl: number; readonly udpChecksum: boolean; readonly id: number };

/** Ones' complement sum of 16-bit words (RFC 1071). */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const word = (number: number): readonly [number, number] => [(number >>> 8) & 255, number & 255];
const broadcast = new Uint8Array(6).fill(255);

/** 0.0.0.0:68 to 255.255.255.255:67, from a board that has no address yet. */
export function bootpFrame(from: Mac, payload: Uint8Array, style: FrameStyle): Uint8Array {
  const udpLength = 8 + payload.length;
  const addresses = [0, 0, 0, 0, 255, 255, 255, 255];
  const head = [0x45, 0, ...word(20 + udpLength), ...word(style.id), 0, 0, style.ttl, 17];
  const ip = [...head, ...word(checksum(Uint8Array.from([...head, 0, 0, ...addresses]))), ...addresses];
  const udp = [...word(68), ...word(67), ...word(udpLength)];
  const pseudo = Uint8Array.from([...addresses, 0, 17, ...word(udpLength), ...udp, 0, 0, ...payload]);
  // A sum of 0 is sent as all ones; 0 says that there is none.
  const sum = style.udpChecksum ? checksum(pseudo) || 0xffff : 0;
  return Uint8Array.from([...broadcast, ...macBytes(from), 8, 0, ...ip, ...udp, ...word(sum), ...payload]);
}

/** The payload of a datagram to port 68 that this board's interface hears (its own address or broadcast), else `undefined`. */
export function bootpPayload(frame: Uint8Array, own: Mac): Uint8Array | undefined {
  const to = frame.subarray(0, 6);
  const mine = macBytes(own);
  const heard = to.every((byte) => byte === 255) || to.every((byte, index) => byte === mine[index]);
  if (!heard || frame[12] !== 8 || frame[13] !== 0 || frame[23] !== 17) return;
  const headerLength = ((frame[14] ?? 0) & 15) * 4;
  const udp = frame.subarray(14 + headerLength);
  if (udp.length < 8 || ((udp[2] ?? 0) << 8) + (udp[3] ?? 0) !== 68) return;
  return udp.slice(8, ((udp[4] ?? 0) << 8) + (udp[5] ?? 0));
}
