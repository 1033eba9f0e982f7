import { randomFillSync } from 'node:crypto';
import type { Random } from '../ports.ts';

/** The kernel's generator. */
export const systemRandom: Random = { bytes: (length) => randomFillSync(new Uint8Array(length)) };
