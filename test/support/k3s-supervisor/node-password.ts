/**
 * The node password: whoever comes first with a name keeps it. The rules are k3s's own since 1.34.2 (pkg/nodepassword:
 * ensure, onChangeNode, sync), kept in the same Secrets of the same real API server.
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { StatusError } from '../../lab/api-simulator/status.ts';
import { type ApiClient, ApiError, type ApiObject } from '../../lab/control-plane/api-client.ts';

const secrets = '/api/v1/namespaces/kube-system/secrets';
const secretType = 'k3s.cattle.io/node-password';
const secretName = (node: string): string => `${node}.node-password.k3s`;

type PasswordSecret = ApiObject<{ data?: { hash?: string } }>;
type Owner = { readonly uid?: string };

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);
const keyLength = 64;

async function hashed(password: string, salt: Buffer, exponent: number, blockSize: number, parallel: number) {
  // scrypt wants 128·N·r bytes and a little more.
  const maxmem = 256 * 2 ** exponent * blockSize;
  return derive(password, salt, keyLength, { N: 2 ** exponent, r: blockSize, p: parallel, maxmem });
}

/** `$1:<salt in hex>:15:8:1:<key in base64 without padding>` */
export async function createHash(password: string): Promise<string> {
  const salt = randomBytes(8);
  const key = await hashed(password, salt, 15, 8, 1);
  return `$1:${salt.toString('hex')}:15:8:1:${key.toString('base64').replaceAll('=', '')}`;
}

export async function matchesHash(hash: string, password: string): Promise<boolean> {
  const [, salt = '', exponent, blockSize, parallel, key = ''] = hash.split(':').map((part) => part.replace('$', ''));
  const wanted = Buffer.from(key, 'base64');
  const given = await hashed(password, Buffer.from(salt, 'hex'), Number(exponent), Number(blockSize), Number(parallel));
  return wanted.length === given.length && timingSafeEqual(wanted, given);
}

/** Accepts the password and remembers it if the name is new; 403 if it is another than the one that is remembered. */
export async function ensurePassword(api: ApiClient, node: string, password: string): Promise<void> {
  const known = await missing(() => api.call('GET', `${secrets}/${secretName(node)}`) as Promise<PasswordSecret>);
  if (known !== undefined) return verify(node, known, password);
  const body = {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: secretName(node), namespace: 'kube-system' } },
    ...{ type: secretType, immutable: true },
    data: { hash: Buffer.from(await createHash(password)).toString('base64') },
  };
  try {
    await api.call('POST', secrets, { body });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
    await verify(node, await api.call<PasswordSecret>('GET', `${secrets}/${secretName(node)}`), password);
  }
}

async function verify(node: string, { data }: PasswordSecret, password: string): Promise<void> {
  const refuse = (why: string): never => {
    throw new StatusError(403, 'Forbidden', `unable to verify password for node ${node}: ${why}`);
  };
  if (data?.hash === undefined) return refuse('password hash not found in node secret');
  if (!(await matchesHash(Buffer.from(data.hash, 'base64').toString(), password))) refuse('hash does not match');
}

/** Makes each Node the owner of its password, so that the garbage collector takes the password along. */
export async function ownPasswords(api: ApiClient, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await api.watch('/api/v1/nodes?watch=true', signal, ({ type, object }) => {
        if (type === 'ADDED' || type === 'MODIFIED') void own(api, object).catch(complain);
      });
    } catch (error) {
      if (!signal.aborted) complain(error);
    }
    await sleep(200, undefined, { signal }).catch(() => undefined);
  }
}

async function own(api: ApiClient, node: ApiObject): Promise<void> {
  const { name = '', uid } = node.metadata;
  const path = `${secrets}/${secretName(name)}`;
  const secret = await missing(() => api.call('GET', path));
  if (secret === undefined) return;
  const { ownerReferences = [] } = secret.metadata as { ownerReferences?: readonly Owner[] };
  if (ownerReferences.some((owner) => owner.uid === uid)) return;
  const references = [...ownerReferences, { apiVersion: 'v1', kind: 'Node', name, uid }];
  await api.call('PATCH', path, { body: { metadata: { ownerReferences: references } }, patch: 'merge' });
}

export type Orphans = { readonly everyMs: number; readonly olderThanMs: number };
export const usualOrphans: Orphans = { everyMs: 60_000, olderThanMs: 600_000 };

/** A board may have asked for certificates and never become a Node. */
export async function sweepOrphans(
  api: ApiClient,
  { everyMs, olderThanMs }: Orphans,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sweep(api, olderThanMs).catch(complain);
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

async function sweep(api: ApiClient, olderThanMs: number): Promise<void> {
  type List = ApiObject<{ items: readonly ApiObject[] }>;
  const nodes = await api.call<List>('GET', '/api/v1/nodes');
  const named = new Set(nodes.items.map(({ metadata }) => secretName(metadata.name ?? '')));
  const found = await api.call<List>('GET', `${secrets}?fieldSelector=${encodeURIComponent(`type=${secretType}`)}`);
  for (const { metadata } of found.items) {
    const age = Date.now() - Date.parse(metadata.creationTimestamp ?? '');
    if (age <= olderThanMs || named.has(metadata.name ?? '')) continue;
    const body = { preconditions: { uid: metadata.uid } };
    await missing(() => api.call('DELETE', `${secrets}/${metadata.name}`, { body }));
  }
}

const missing = <T>(call: () => Promise<T>): Promise<T | undefined> =>
  call().catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  });

const complain = (error: unknown): void => void process.stderr.write(`${String(error)}\n`);
