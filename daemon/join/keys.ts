/**
 * Ed25519 key pairs in OpenSSH's own formats, for the daemon itself and for each board's sshd.
 *
 * Encoded here and not by ssh2: its `generateKeyPairSync('ed25519')` drops leading zero bytes of the public key, so that
 * one key in 256 is damaged (ssh2 1.17.0 `lib/keygen.js`, 7 of 1500 keys measured).
 */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { must, ok, type Problem, problem, type Result } from '../../config/result.ts';

export type SshKeyPair = {
  /** PEM text `-----BEGIN OPENSSH PRIVATE KEY-----`, not encrypted. A secret. */
  readonly privateOpenssh: string;
  /** One line as in `authorized_keys` and `*.pub`, without a line end: `ssh-ed25519 AAAA… comment`. */
  readonly publicLine: string;
};

const algorithm = 'ssh-ed25519';
const keyBytes = 32;

export function generateSshKeyPair(comment: string): SshKeyPair {
  if (/[\r\n\0]/.test(comment)) throw new Error('a key comment is one line');
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return encodeKeyPair(Buffer.from(d ?? '', 'base64url'), Buffer.from(x ?? '', 'base64url'), comment, randomBytes(4));
}

/** The file format is OpenSSH's PROTOCOL.key; the public blob RFC 8709 4. `check` only tells a wrong passphrase. */
export function encodeKeyPair(seed: Buffer, publicKey: Buffer, comment: string, check: Buffer): SshKeyPair {
  if (seed.length !== keyBytes || publicKey.length !== keyBytes) throw new Error('an Ed25519 key has 32 bytes');
  const blob = Buffer.concat([wireString(algorithm), wireString(publicKey)]);
  const secret = Buffer.concat([
    ...[check, check, blob, wireString(Buffer.concat([seed, publicKey])), wireString(comment)],
  ]);
  // Padded with 1, 2, 3 … to the block size, which is 8 for the cipher "none".
  const padding = Uint8Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1);
  const file = Buffer.concat([
    ...[Buffer.from('openssh-key-v1\0'), wireString('none'), wireString('none'), wireString('')],
    ...[uint32(1), wireString(blob), wireString(Buffer.concat([secret, padding]))],
  ]);
  const lines = file.toString('base64').match(/.{1,70}/g) ?? [];
  return {
    privateOpenssh: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`,
    publicLine: `${algorithm} ${blob.toString('base64')} ${comment}`.trimEnd(),
  };
}

/** As OpenSSH shows it: `SHA256:` and base64 without padding. Of a line that we made; throws for others. */
export const fingerprint = (publicLine: string): string =>
  `SHA256:${createHash('sha256')
    .update(must(parsePublicLine(publicLine)))
    .digest('base64')
    .replace(/=+$/, '')}`;

/** The raw key of a public line, as a server sends it in the key exchange. */
export function parsePublicLine(line: string): Result<Buffer, Problem<'INVALID_PUBLIC_KEY'>> {
  const [name, encoded = ''] = line.trim().split(/\s+/);
  const blob = Buffer.from(encoded, 'base64');
  const legal = name === algorithm && blob.length === 4 + algorithm.length + 4 + keyBytes;
  return legal && blob.subarray(0, 4 + algorithm.length).equals(wireString(algorithm))
    ? ok(blob)
    : problem('INVALID_PUBLIC_KEY', `not an ${algorithm} public key: ${JSON.stringify(line.slice(0, 40))}`);
}

function wireString(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
