/** Datagrams that are nearly right, and ones that are not: the same for the same seed. Pure. */

/** 0 ≤ x < 1. */
export type Dice = () => number;

/** mulberry32: small, and good enough to hit everything. */
export function diceOf(seed: number): Dice {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Lengths, counts and codes go wrong at these. */
const edges = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff] as const;
/** What fits an Ethernet frame. */
const longest = 1472;

/** One in four is noise of any length; the others are a vector with one to four wounds. */
export function hostileDatagram(vectors: readonly Uint8Array[], dice: Dice): Uint8Array {
  const below = (limit: number): number => Math.floor(dice() * limit);
  const noise = (length: number): Uint8Array => Uint8Array.from({ length }, () => below(256));
  const pick = <T>(items: readonly T[]): T | undefined => items[below(items.length)];
  const wounds: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
    (bytes) => bytes.with(below(bytes.length), below(256)),
    (bytes) => bytes.with(below(bytes.length), pick(edges) ?? 0),
    (bytes) => {
      const at = below(bytes.length);
      return bytes.with(at, (bytes[at] ?? 0) ^ (1 << below(8)));
    },
    (bytes) => bytes.subarray(0, below(bytes.length) + 1),
    (bytes) => Buffer.concat([bytes, noise(below(64))]),
    (bytes) => {
      const [from, length] = [below(bytes.length), below(48)];
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from, from + length), bytes.subarray(from)]);
    },
    (bytes) => Buffer.concat([bytes.subarray(0, below(bytes.length)), pick(vectors) ?? noise(8)]),
  ];
  if (dice() < 0.25) return noise(below(dice() < 0.1 ? longest : 64));
  let bytes = Uint8Array.from(pick(vectors) ?? noise(8));
  for (let left = 1 + below(4); left > 0 && bytes.length > 0; left -= 1) {
    bytes = Uint8Array.from(pick(wounds)?.(bytes) ?? bytes);
  }
  return bytes.subarray(0, longest);
}
