/**
 * In a flood the kernel throws away what does not fit into the socket's buffer, and a board's DISCOVER with it. A filter on
 * the socket (classic BPF, Linux Documentation/networking/filter.rst) lets all of those through that we know, and of the
 * others only as many as can be looked at. Pure: makes the program and says when it is wanted.
 */
import { type Mac, macBytes } from '../../config/values.ts';

/** Of this many strangers one gets through. 300,000 datagrams a second fill 1 Gbit/s: 4,700 of them are heard. */
const oneOf = 64;
/** In a tick of 250 ms: more than 5,000 a second are a flood, and what is heard of one with less than 2,500 is calm. */
const flood = 1250;
const calm = 625 / oneOf;
/** Ticks of calm in a row. */
const patience = 20;

export type SieveState = { readonly isOn: boolean; readonly calmTicks: number };
export const noSieve: SieveState = { isOn: false, calmTicks: 0 };

/** `strangers`: datagrams of senders that we do not know that came through in the last tick. */
export function nextSieve({ isOn, calmTicks }: SieveState, strangers: number): SieveState {
  if (!isOn) return { isOn: strangers > flood, calmTicks: 0 };
  const calmNow = strangers < calm ? calmTicks + 1 : 0;
  return { isOn: calmNow < patience, calmTicks: calmNow };
}

/** linux/filter.h: code, jump if true, jump if false, operand. */
type Instruction = readonly [code: number, jt: number, jf: number, k: number];
const [loadWord, ifEqual, and, giveBack] = [0x20, 0x15, 0x54, 0x06];
const random = 0x1_0000_0000 - 0x1000 + 56;
const [all, none] = [0xffff_ffff, 0];
/** What the filter sees begins with the UDP header. Four of the six bytes of chaddr tell boards apart well enough. */
const chaddrTailAt = 8 + 28 + 2;
/** The kernel takes 4,096 instructions. */
const knownMax = 2000;

/** A `struct sock_filter` for each instruction, for a little-endian machine, as all that run the daemon are. */
export function sieveProgram({ isOn }: SieveState, known: Iterable<Mac>): Uint8Array {
  const instructions: Instruction[] = [];
  if (isOn) {
    instructions.push([loadWord, 0, 0, chaddrTailAt]);
    for (const mac of Iterator.from(known).take(knownMax)) {
      instructions.push([ifEqual, 0, 1, tailOf(mac)], [giveBack, 0, 0, all]);
    }
    instructions.push([loadWord, 0, 0, random], [and, 0, 0, oneOf - 1], [ifEqual, 1, 0, 0], [giveBack, 0, 0, none]);
  }
  instructions.push([giveBack, 0, 0, all]);
  const program = new DataView(new ArrayBuffer(8 * instructions.length));
  for (const [index, [code, jt, jf, k]] of instructions.entries()) {
    program.setUint16(8 * index, code, true);
    program.setUint8(8 * index + 2, jt);
    program.setUint8(8 * index + 3, jf);
    program.setUint32(8 * index + 4, k, true);
  }
  return new Uint8Array(program.buffer);
}

const tailOf = (mac: Mac): number =>
  macBytes(mac)
    .subarray(2)
    .reduce((number, byte) => number * 256 + byte, 0);
