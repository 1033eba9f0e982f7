import { type Millis, millis } from '../../config/values.ts';

/** Facts 5.3: 0.2 to 10 s, doubled per failure in a row; of that at least half, so that clients come apart. */
export function backoff(failures: number, fraction: number): Millis {
  const ceiling = Math.min(10_000, 200 * 2 ** Math.min(failures, 10));
  return millis(Math.round(ceiling / 2 + (ceiling / 2) * fraction));
}

/** 0 ≤ x < 1 from one random byte. */
export const fractionOf = (bytes: Uint8Array): number => (bytes[0] ?? 0) / 256;
