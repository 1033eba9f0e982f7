/**
 * How a board and the daemon show each other that they know the same key without sending it: HMAC-SHA-256 in hex over
 * texts that no two of these functions share.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Mac, Serial } from '../../config/values.ts';

const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/**
 * What a board that netboots is given on its kernel command line, 32 bytes: worth nothing for another board, and made anew
 * from the cluster key each time, so that it outlives the daemon. Whoever hears the boot files knows it.
 */
export const bootKey = (clusterKey: Uint8Array, mac: Mac): Buffer => hmac(clusterKey, `boot key|${mac}`);

export type ProofOf = { readonly nonce: string; readonly mac: Mac; readonly serial: Serial | undefined };

/** The board's half, over `nonce|mac|serial` (empty serial if there is none). */
export const bootProof = (key: Uint8Array, { nonce, mac, serial }: ProofOf): string =>
  hmac(key, `${nonce}|${mac}|${serial ?? ''}`).toString('hex');

/** In constant time. */
export function isBootProof(key: Uint8Array, of: ProofOf, proof: string): boolean {
  const want = Buffer.from(bootProof(key, of), 'hex');
  const given = Buffer.from(proof, 'hex');
  return given.length === want.length && timingSafeEqual(given, want);
}

/** The daemon's half: `text` begins with `daemon|` or `hello|`, which no nonce does. */
export const daemonProof = (key: Uint8Array, text: `daemon|${string}` | `hello|${string}`): string =>
  hmac(key, text).toString('hex');
