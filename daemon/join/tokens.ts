/**
 * One short-lived bootstrap token per board: a Secret in kube-system (facts 2.2). Only these two see a token: the cluster,
 * and the board's own file over SSH.
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { after, type DeviceId, type Hostname, type Millis } from '../../config/values.ts';
import type { Clock, Random } from '../ports.ts';
import type { KubeRequest } from './cluster-port.ts';
import { type BootstrapToken, deviceLabel } from './driver.ts';

const secrets = '/api/v1/namespaces/kube-system/secrets';
/** Names only: the secrets themselves are never read back. */
const namesOnly = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** `length` characters of [a-z0-9], each equally likely: bytes from 252 on would favour the first four, so they are dropped. */
export function randomText(random: Random, length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of random.bytes(length)) {
      if (byte < 252 && text.length < length) text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}

/** Which process made it: what another one left is in nobody's use any more. */
const runLabel = 'bramble.dev/run';

export type TokenFor = {
  readonly device: DeviceId;
  /** Of this process, at random. */
  readonly run: string;
  readonly name: Hostname;
  /** `auth-extra-groups`. */
  readonly groups: string;
  readonly lifetime: Millis;
};

/** The Secret's body; RFC 3339 expiry without fractions, as kubeadm writes it. */
export function tokenSecret(token: BootstrapToken, { device, run, name, groups }: TokenFor, expires: Date): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'bootstrap.kubernetes.io/token',
    metadata: {
      name: `bootstrap-token-${token.id}`,
      namespace: 'kube-system',
      labels: { [deviceLabel]: device, [runLabel]: run },
    },
    stringData: {
      'token-id': token.id,
      'token-secret': token.secret,
      expiration: expires.toISOString().replace(/\.\d+Z$/, 'Z'),
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': groups,
      description: `bramble: ${name}`,
    },
  };
}

export type TokenDeps = { readonly request: KubeRequest; readonly random: Random; readonly clock: Clock };

/** The token authenticates once the API server has seen the Secret, up to a second later (facts 2.2). */
export async function mintToken(
  { request, random, clock }: TokenDeps,
  wanted: TokenFor,
  signal: AbortSignal,
): Promise<Result<BootstrapToken, Problem>> {
  const token = { id: randomText(random, 6), secret: randomText(random, 16) };
  const expires = new Date(after(clock.now(), wanted.lifetime));
  const made = await request('POST', secrets, { body: tokenSecret(token, wanted, expires), signal });
  return made.ok ? ok(token) : made;
}

/** Deletes every token of one board. Returns how many there were. */
export const revokeTokens = (
  request: KubeRequest,
  device: DeviceId,
  signal: AbortSignal,
): Promise<Result<number, Problem>> => deleteTokens(request, `${deviceLabel}=${device}`, signal);

/** Deletes every token that bramble made before this process. */
export const sweepTokens = (request: KubeRequest, run: string, signal: AbortSignal): Promise<Result<number, Problem>> =>
  deleteTokens(request, `${deviceLabel},${runLabel}!=${run}`, signal);

async function deleteTokens(
  request: KubeRequest,
  selector: string,
  signal: AbortSignal,
): Promise<Result<number, Problem>> {
  const listed = await request('GET', `${secrets}?labelSelector=${encodeURIComponent(selector)}`, {
    accept: namesOnly,
    signal,
  });
  if (!listed.ok) return listed;
  const names = tokenNames(listed.value);
  const ends = await Promise.all(names.map((name) => request('DELETE', `${secrets}/${name}`, { signal })));
  const failed = ends.find((end) => !end.ok && end.error.code !== 'API_NOT_FOUND');
  return failed !== undefined && !failed.ok
    ? problem('TOKEN_NOT_DELETED', `${failed.error.code}: ${failed.error.detail}`)
    : ok(names.length);
}

function tokenNames(list: unknown): readonly string[] {
  const items = isRecord(list) && Array.isArray(list['items']) ? list['items'] : [];
  return items.flatMap((item: unknown) => {
    const name = isRecord(item) && isRecord(item['metadata']) ? item['metadata']['name'] : undefined;
    return typeof name === 'string' && /^bootstrap-token-[a-z0-9]{6}$/.test(name) ? [name] : [];
  });
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
