/** What the supervisor answers (pkg/server/handlers): to anybody, and to agents. */
import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { StatusError } from '../../lab/api-simulator/status.ts';
import { type ApiClient, ApiError } from '../../lab/control-plane/api-client.ts';
import { type Authority, issue, publicKeyOf } from './certificates.ts';
import type { DataDirectory, SharedKey } from './data-directory.ts';
import type { Identity } from './identity.ts';
import { ensurePassword } from './node-password.ts';

export type Question = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
  readonly identity: Identity;
};
export type Answer = { readonly type: string; readonly body: string };
type Endpoint = (question: Question) => Promise<Answer>;

type Server = {
  readonly files: DataDirectory;
  readonly api: ApiClient;
  /** Where agents find it. */
  readonly address: string;
  readonly port: number;
};

const text = (body: string): Answer => ({ type: 'text/plain', body });
const json = (value: unknown): Answer => ({ type: 'application/json', body: `${JSON.stringify(value)}\n` });

/** For anybody. */
export const publicEndpoints = ({ files }: Server): Readonly<Record<string, () => Promise<Answer>>> => ({
  '/cacerts': async () => text(await readFile(files.serverCa.bundle, 'utf8')),
  '/ping': async () => text('pong'),
});

/** The groups whose members are agents. */
export const agentGroups = ['k3s:agent', 'k3s:server', 'system:nodes', 'system:bootstrappers'];

/** Below `/v1-k3s/`. */
export const agentEndpoints = ({ files, api, address, port }: Server): Readonly<Record<string, Endpoint>> => ({
  'client-ca.crt': async () => text(await readFile(files.clientCa.bundle, 'utf8')),
  'server-ca.crt': async () => text(await readFile(files.serverCa.bundle, 'utf8')),
  readyz: async () => text('ok'),
  apiservers: async () => json([`${address}:${port}`]),
  config: async () => json(clusterConfig(port)),
  'serving-kubelet.crt': async (question) => {
    const name = await nodeName(question, api);
    const names = [`DNS:${name}`, 'DNS:localhost', 'IP:127.0.0.1', ...nodeAddresses(question)];
    const wanted = { subject: `/CN=${name}`, usage: 'serverAuth', names } as const;
    return certificate(question, files.serverCa, files.sharedKeys, 'serving-kubelet', wanted);
  },
  'client-kubelet.crt': async (question) => {
    const subject = `/O=system:nodes/CN=system:node:${await nodeName(question, api)}`;
    const wanted = { subject, usage: 'clientAuth' } as const;
    return certificate(question, files.clientCa, files.sharedKeys, 'client-kubelet', wanted);
  },
  'client-kube-proxy.crt': (question) => {
    const wanted = { subject: '/CN=system:kube-proxy', usage: 'clientAuth' } as const;
    return certificate(question, files.clientCa, files.sharedKeys, 'client-kube-proxy', wanted);
  },
  'client-k3s-controller.crt': (question) => {
    const wanted = { subject: '/CN=system:k3s-controller', usage: 'clientAuth' } as const;
    return certificate(question, files.clientCa, files.sharedKeys, 'client-k3s-controller', wanted);
  },
});

/** The part of `config.Control` that an agent reads. A network is written as Go writes it: its mask in base64. */
const clusterConfig = (port: number): Record<string, unknown> => ({
  ClusterDNS: '10.43.0.10',
  ClusterDNSs: ['10.43.0.10'],
  ClusterDomain: 'cluster.local',
  ClusterIPRange: { IP: '10.42.0.0', Mask: '//8AAA==' },
  ClusterIPRanges: [{ IP: '10.42.0.0', Mask: '//8AAA==' }],
  ServiceIPRange: { IP: '10.43.0.0', Mask: '//8AAA==' },
  ServiceIPRanges: [{ IP: '10.43.0.0', Mask: '//8AAA==' }],
  FlannelBackend: 'vxlan',
  EgressSelectorMode: 'agent',
  HTTPSPort: port,
  SupervisorPort: port,
  APIServerPort: port + 1,
  DisableKubeProxy: false,
});

/** The name, once it is certain that this agent may have it. */
async function nodeName({ headers, identity }: Question, api: ApiClient): Promise<string> {
  const refuse = (why: string): never => {
    throw new StatusError(400, 'BadRequest', why);
  };
  const name = String(headers['k3s-node-name'] ?? '').toLowerCase();
  const password = String(headers['k3s-node-password'] ?? '');
  if (name === '') return refuse('node name not set');
  if (password === '') return refuse('node password not set');
  // k3s has no such check. Here the name goes into openssl's arguments.
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) return refuse('the stand-in takes legal node names only');
  const ownName = identity.groups.includes('system:nodes') ? /^system:node:(.+)$/.exec(identity.user)?.[1] : undefined;
  if (ownName !== undefined) {
    if (ownName !== name) refuse('header node name does not match auth node name');
    await mustExist(ownName, api);
  }
  await ensurePassword(api, name, password);
  return name;
}

/** A certificate is worth nothing once its Node was deleted: the agent then comes again with its token. */
async function mustExist(name: string, api: ApiClient): Promise<void> {
  try {
    await api.call('GET', `/api/v1/nodes/${name}`);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    throw new StatusError(401, 'Unauthorized', `unable to verify node identity: ${error.message}`);
  }
}

function nodeAddresses({ headers }: Question): readonly string[] {
  const given = String(headers['k3s-node-ip'] ?? '');
  const addresses = given === '' ? [] : given.split(',');
  if (addresses.some((address) => isIP(address) === 0)) throw new Error('invalid node IP address <nil>');
  return addresses.map((address) => `IP:${address}`);
}

/** For the key in the request; an agent of old sends none and gets a key that it shares with all others. */
async function certificate(
  { method, body }: Question,
  authority: Authority,
  keys: DataDirectory['sharedKeys'],
  shared: SharedKey,
  wanted: Omit<Parameters<typeof issue>[1], 'publicKey'>,
): Promise<Answer> {
  const publicKey = method === 'POST' ? await publicKeyOf(body) : undefined;
  if (publicKey !== undefined) return text(await issue(authority, { ...wanted, publicKey }));
  const key = await readFile(keys[shared], 'utf8');
  const publicHalf = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  return text((await issue(authority, { ...wanted, publicKey: publicHalf })) + key);
}
