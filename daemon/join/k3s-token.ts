/**
 * k3s's tokens in their secure form, `K10<hash of the server's CA>::<id>.<secret>`: by the hash an agent knows its server
 * before it shows it the secret (facts 2.1).
 */
import { createHash, X509Certificate } from 'node:crypto';
import type { BootstrapToken } from './driver.ts';

export const joinToken = (caHash: string, { id, secret }: BootstrapToken): string => `K10${caHash}::${id}.${secret}`;

/**
 * For a board whose Node is there. k3s does not start without a token, though it shows its certificate from then on, and
 * still checks the server by the hash. Lets nobody in.
 */
export const spentToken = (caHash: string): string => joinToken(caHash, { id: 'joined', secret: '0'.repeat(16) });

/**
 * k3s's hash of what `/cacerts` serves: SHA-256 in hex over the literal bytes of a single certificate, white space included;
 * of a bundle over the DER of the root that the first certificate leads to, so that the CA can be renewed under its root
 * (k3s `pkg/clientaccess/token.go`). Throws if there is no certificate in it.
 */
export function caHash(bundle: string): string {
  const blocks = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const [first, ...others] = blocks.map((block) => new X509Certificate(block));
  if (first === undefined) throw new Error('there is no certificate in the CA bundle');
  const root = others.length === 0 ? undefined : rootOf(first, others);
  return createHash('sha256')
    .update(root?.raw ?? bundle)
    .digest('hex');
}

function rootOf(first: X509Certificate, others: readonly X509Certificate[]): X509Certificate | undefined {
  let at = first;
  // Each step goes up by one certificate of the bundle; a longer way would be a circle.
  for (const _ of others) {
    const issuer = others.find((other) => at.checkIssued(other) && at.verify(other.publicKey));
    if (issuer === undefined) return undefined;
    if (issuer.checkIssued(issuer)) return issuer;
    at = issuer;
  }
  return undefined;
}
