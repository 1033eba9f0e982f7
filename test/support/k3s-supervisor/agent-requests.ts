/**
 * What `k3s agent` asks its server for before it starts anything (pkg/agent/config/config.go, pkg/clientaccess/token.go):
 * the same requests in the same order, failing with the words that stand in its journal.
 */
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openssl } from '../../lab/control-plane/pki.ts';

export type AgentWish = {
  /** `https://10.0.0.1:6443` */
  readonly server: string;
  /** `K10<hash>::<id>.<secret>`, or with `user:password` behind the hash. */
  readonly token: string;
  readonly nodeName: string;
  /** As in `/etc/rancher/node/password`. */
  readonly nodePassword: string;
  readonly nodeAddresses: readonly string[];
  /** From an earlier start: the agent shows it first, and falls back to the token after 401. */
  readonly clientKubelet?: { readonly cert: string; readonly key: string };
};

type KeyAndCertificate = { readonly cert: string; readonly key: string };
export type AgentFiles = {
  /** Of the server, to check it by. */
  readonly caPem: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly servingKubelet: KeyAndCertificate;
  readonly clientKubelet: KeyAndCertificate;
};

/** Its message is what the agent would log. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly status: number | undefined;
  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

export async function requestAgentFiles(wish: AgentWish): Promise<AgentFiles> {
  const { hash, authorization } = parseToken(wish.token);
  const { body: caPem } = await ask(`${wish.server}/cacerts`, { rejectUnauthorized: false });
  // Once more, to see that the server's certificate is signed by it.
  await ask(`${wish.server}/cacerts`, { ca: caPem }).catch((error: unknown) => {
    throw new AgentError(`CA cert validation failed: ${String(error)}`);
  });
  const found = caHash(caPem);
  if (hash !== '' && hash !== found) {
    throw new AgentError(`token CA hash does not match the Cluster CA certificate hash: ${hash} != ${found}`);
  }
  const plain: RequestOptions = { ca: caPem, headers: { authorization } };
  const get = (name: string): Promise<string> =>
    askWell(`${wish.server}/v1-k3s/${name}`, { ...plain, ...wish.clientKubelet });
  const config = JSON.parse(await get('config')) as AgentFiles['config'];
  await get('client-ca.crt');
  await get('server-ca.crt');
  const named = {
    'k3s-Node-Name': wish.nodeName,
    'k3s-Node-Password': wish.nodePassword,
    'k3s-Node-IP': wish.nodeAddresses.join(','),
  };
  const sign = async (name: string): Promise<KeyAndCertificate> => {
    const { key, request: csr } = await makeRequest();
    const how: RequestOptions = { ...plain, method: 'POST', headers: { ...plain.headers, ...named } };
    const url = `${wish.server}/v1-k3s/${name}`;
    const first = await ask(url, { ...how, ...wish.clientKubelet }, csr);
    const { status, reason, body } =
      first.status === 401 && wish.clientKubelet !== undefined ? await ask(url, how, csr) : first;
    if (status === 403) throw new AgentError(passwordRejected, status);
    if (status !== 200) throw new AgentError(`${url}: ${status} ${reason}`, status);
    return { cert: body, key };
  };
  return {
    caPem,
    config,
    servingKubelet: await sign('serving-kubelet.crt'),
    clientKubelet: await sign('client-kubelet.crt'),
  };
}

const passwordRejected =
  "Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag";

function parseToken(token: string): { readonly hash: string; readonly authorization: string } {
  const [, hash = '', credentials = token] = /^K10([0-9a-f]{64})::(.+)$/.exec(token) ?? [];
  const bearer = /^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(credentials);
  const basic = Buffer.from(credentials).toString('base64');
  return { hash, authorization: bearer ? `Bearer ${credentials}` : `Basic ${basic}` };
}

function caHash(caPem: string): string {
  const all = caPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const root = new X509Certificate(all.at(-1) ?? caPem);
  return createHash('sha256')
    .update(all.length > 1 ? root.raw : caPem)
    .digest('hex');
}

/** A request with an empty subject: who the node is stands in the headers. */
async function makeRequest(): Promise<{ readonly key: string; readonly request: Buffer }> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
  const folder = await mkdtemp(join(tmpdir(), 'k3s-agent-'));
  try {
    const [keyFile, requestFile] = [join(folder, 'key'), join(folder, 'request')];
    await writeFile(keyFile, key, { mode: 0o600 });
    await openssl('req', '-new', '-key', keyFile, '-subj', '/', '-outform', 'DER', '-out', requestFile);
    return { key, request: await readFile(requestFile) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function askWell(url: string, how: RequestOptions): Promise<string> {
  const { status, reason, body } = await ask(url, how);
  if (status !== 200) throw new AgentError(`${url}: ${status} ${reason}`, status);
  return body;
}

type Answer = { readonly status: number; readonly reason: string; readonly body: string };

/** A fresh connection each time, as the agent's. */
export function ask(url: string, how: RequestOptions, body: Uint8Array = new Uint8Array()): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...how, agent: false, timeout: 10_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('error', reject);
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, reason: response.statusMessage ?? '', body: text });
      });
    });
    sent.once('timeout', () => sent.destroy(new Error(`no answer from ${url}`)));
    sent.once('error', reject);
    sent.end(body);
  });
}
