/** How a board shows that it knows the cluster key without sending it. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Mac, Serial } from '../../config/values.ts';

export type ProofOf = { readonly nonce: string; readonly mac: Mac; readonly serial: Serial | undefined };

/** HMAC-SHA-256, hex, keyed with the 32-byte cluster key, over `nonce|mac|serial` (empty serial if there is none). */
export const bootProof = (key: Uint8Array, { nonce, mac, serial }: ProofOf): string =>
  createHmac('sha256', key)
    .update(`${nonce}|${mac}|${serial ?? ''}`)
    .digest('hex');

/** In constant time. */
export function isBootProof(key: Uint8Array, of: ProofOf, proof: string): boolean {
  const want = Buffer.from(bootProof(key, of), 'hex');
  const given = Buffer.from(proof, 'hex');
  return given.length === want.length && timingSafeEqual(given, want);
}
