/**
 * The node password as k3s keeps it (k3s `pkg/nodepassword`, `pkg/authenticator/hash`): whoever comes first with a name has it
 * from then on, and the bootstrap token is bound to none. So the name is the board's before anybody has a token.
 */
import { type ScryptOptions, scrypt } from 'node:crypto';
import { promisify } from 'node:util';

/** Of the Node's name. */
export const nodePasswordName = (nodeName: string): string => `${nodeName}.node-password.k3s`;

/** Bytes. */
export const SALT = 8;
const keyLength = 64;
/** The exponent of N; r; p. It takes 32 MiB. */
const [exponent, blockSize, parallel] = [15, 8, 1] as const;

const derive = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

/** The whole Secret. k3s looks for the type only since 1.34.2, and takes the name for it before. */
export async function nodePasswordSecret(nodeName: string, password: string, salt: Uint8Array): Promise<unknown> {
  const cost = { N: 2 ** exponent, r: blockSize, p: parallel };
  // Node refuses what needs more than it was told; the algorithm wants 128 * N * r bytes and a little more.
  const key = await derive(password, salt, keyLength, { ...cost, maxmem: 256 * cost.N * cost.r });
  const [saltHex, keyText] = [Buffer.from(salt).toString('hex'), key.toString('base64').replaceAll('=', '')];
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'k3s.cattle.io/node-password',
    metadata: { name: nodePasswordName(nodeName), namespace: 'kube-system' },
    immutable: true,
    stringData: { hash: `$1:${saltHex}:${exponent}:${blockSize}:${parallel}:${keyText}` },
  };
}
