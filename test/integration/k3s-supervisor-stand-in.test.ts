/** The stand-in for k3s's supervisor, held to the rules it was read from: what an agent of k3s meets, over real TLS. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { must, ok } from '../../config/result.ts';
import { millis, parseDeviceId, parseHostname } from '../../config/values.ts';
import { mintToken } from '../../daemon/join/tokens.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import { type ApiClient, ApiError, type ApiObject, connect } from '../lab/control-plane/api-client.ts';
import { readKubeconfig } from '../lab/control-plane/kubeconfig.ts';
import { findAssets } from '../lab/control-plane/start.ts';
import { type AgentFiles, type AgentWish, ask, requestAgentFiles } from '../support/k3s-supervisor/agent-requests.ts';
import { createInFlight } from '../support/k3s-supervisor/in-flight.ts';
import { createHash, matchesHash } from '../support/k3s-supervisor/node-password.ts';
import { type K3sSupervisor, startK3sSupervisor } from '../support/k3s-supervisor-stand-in.ts';
import { makeLan, runPrefix } from '../support/netns.ts';
import { until } from '../support/until.ts';

type Secret = ApiObject<{
  type: string;
  immutable?: boolean;
  data: { hash: string };
  metadata: { ownerReferences?: ReadonlyArray<{ kind: string; name: string; uid: string }> };
}>;

const secrets = '/api/v1/namespaces/kube-system/secrets';
const deadlineMs = 60_000;
const pollMs = 100;

const assets = await findAssets();
/** One cluster for all: they use names of their own. */
let shared: K3sSupervisor | undefined;

async function start(
  t: Pick<ExecutionContext, 'log'>,
  options: Partial<Parameters<typeof startK3sSupervisor>[0]> = {},
) {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'bramble-k3s-')));
  const closing = new AbortController();
  const supervisor = await startK3sSupervisor({
    ...{ assets: assets ?? '', directory, address: '127.0.0.1', port: 0, signal: closing.signal },
    ...{ log: (line: string) => t.log(line) },
    ...options,
  });
  const end = async (): Promise<void> => {
    closing.abort();
    await supervisor.stop();
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  };
  return { supervisor, end };
}

const cluster = (): K3sSupervisor => {
  if (shared === undefined) throw new Error('the cluster did not start');
  return shared;
};
const admin = ({ server, caPem, adminToken }: K3sSupervisor): ApiClient =>
  connect({ server, caPem, token: adminToken });

/** As the daemon does it, and with its own code: the secure form of the token. */
async function mint({ server, caPem, files, daemonToken }: K3sSupervisor, lifeMs = 600_000): Promise<string> {
  const api = connect({ server, caPem, token: daemonToken });
  const request = async (method: string, path: string, { body }: { body?: unknown }) =>
    ok(await api.call(method, path, { body }));
  const wanted = {
    ...{ device: must(parseDeviceId('d-0123456789ab')), name: must(parseHostname('worker-kube1')) },
    ...{ run: 'r1', groups: 'system:bootstrappers:k3s:default-node-token', lifetime: millis(lifeMs) },
  };
  const deps = { request, random: systemRandom, clock: systemClock };
  const { id, secret } = must(await mintToken(deps, wanted, new AbortController().signal));
  return `${files.token.slice(0, files.token.indexOf('::'))}::${id}.${secret}`;
}

const wish = (
  { server }: K3sSupervisor,
  token: string,
  nodeName: string,
  nodePassword = `of ${nodeName}`,
): AgentWish => ({
  ...{ server, token, nodeName, nodePassword },
  nodeAddresses: ['10.77.0.11'],
});

/** An authenticator learns of a token by a watch of its own, which nobody outside can follow. */
async function joins(wanted: AgentWish): Promise<AgentFiles> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await requestAgentFiles(wanted);
    } catch (error) {
      if (!String(error).includes('401') || Date.now() > deadline) throw error;
      await sleep(pollMs);
    }
  }
}

const find = async <T extends ApiObject>(api: ApiClient, path: string): Promise<T | undefined> => {
  try {
    return (await api.call('GET', path)) as T;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
};
const gone = (api: ApiClient, path: string): Promise<true> =>
  until(`${path} going`, 60, async () => (await find(api, path)) === undefined);

const asNode = ({ server, caPem }: K3sSupervisor, { clientKubelet }: AgentFiles): ApiClient =>
  connect({ server, caPem, ...clientKubelet });
const nodeBody = (name: string) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } });

const needsAssets = assets === undefined && process.env['CI'] !== 'true' ? test.serial.skip : test.serial;
if (assets !== undefined) {
  let end: (() => Promise<void>) | undefined;
  test.before(async (t) => {
    ({ supervisor: shared, end } = await start(t));
  });
  test.after.always(() => end?.());
} else {
  test('the real control plane may be missing outside CI only', (t) => {
    t.log('NOT RUN: the tests of the k3s supervisor stand-in. Run .ci/control-plane once, or set KUBEBUILDER_ASSETS.');
    t.not(process.env['CI'], 'true', 'CI must have the real control plane');
  });
}

needsAssets('the token stands in the data directory, and its hash is that of /cacerts', async (t) => {
  const { server, caPem, dataDirectory, files } = cluster();
  const file = join(dataDirectory, 'server', 'token');
  t.regex(await readFile(file, 'utf8'), /^K10[0-9a-f]{64}::server:[0-9a-f]{32}\n$/);
  t.is((await stat(file)).mode & 0o777, 0o600);
  t.is(await readlink(join(dataDirectory, 'server', 'node-token')), file);
  t.is((await ask(`${server}/cacerts`, { ca: caPem })).body, caPem);
  t.is((await ask(`${server}/ping`, { ca: caPem })).body, 'pong');
  // The agent checks the hash by itself; with the static token it is the user `server`.
  const { config } = await requestAgentFiles(wish(cluster(), files.token, 'by-static-token'));
  t.is(config['ClusterDomain'], 'cluster.local');
});

needsAssets('a bootstrap token brings the certificates of a node, and the node registers with them', async (t) => {
  const supervisor = cluster();
  const files = await joins(wish(supervisor, await mint(supervisor), 'Worker-One'));
  const client = new X509Certificate(files.clientKubelet.cert);
  t.deepEqual(client.subject.split('\n').sort(), ['CN=system:node:worker-one', 'O=system:nodes']);
  const serving = new X509Certificate(files.servingKubelet.cert);
  t.is(serving.subjectAltName, 'DNS:worker-one, DNS:localhost, IP Address:127.0.0.1, IP Address:10.77.0.11');
  t.true(serving.checkIssued(new X509Certificate(supervisor.caPem)));

  const node = asNode(supervisor, files);
  const made = await node.call('POST', '/api/v1/nodes', { body: nodeBody('worker-one') });
  t.is(made.metadata.name, 'worker-one');
  const foreign = node.call('POST', '/api/v1/nodes', { body: nodeBody('somebody-else') });
  t.is((await t.throwsAsync(foreign, { instanceOf: ApiError })).status, 403, 'NodeRestriction is at work');
});

needsAssets('who comes first with a name keeps it, until its Node is deleted', async (t) => {
  const supervisor = cluster();
  const api = admin(supervisor);
  const token = await mint(supervisor);
  const name = 'worker-kept';
  const files = await joins(wish(supervisor, token, name, 'first'));
  const path = `${secrets}/${name}.node-password.k3s`;
  const secret = await find<Secret>(api, path);
  t.is(secret?.type, 'k3s.cattle.io/node-password');
  t.true(secret?.immutable);
  const hash = Buffer.from(secret?.data.hash ?? '', 'base64').toString();
  t.regex(hash, /^\$1:[0-9a-f]{16}:15:8:1:[A-Za-z0-9+/]{86}$/);

  // A board that was flashed anew has another password: refused for as long as it asks, also before the Node is there.
  const reflashed = wish(supervisor, token, name, 'second');
  await t.throwsAsync(requestAgentFiles(reflashed), { message: /^Node password rejected, duplicate hostname/ });
  const headers = { authorization: `Bearer ${token.split('::')[1]}`, 'k3s-Node-Name': name, 'k3s-Node-Password': 'x' };
  const refused = await ask(`${supervisor.server}/v1-k3s/client-kubelet.crt`, { ca: supervisor.caPem, headers });
  t.is(refused.status, 403);
  t.like(JSON.parse(refused.body), {
    ...{ kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403 },
    message: `unable to verify password for node ${name}: hash does not match`,
  });
  t.truthy(await requestAgentFiles(wish(supervisor, token, name, 'first')), 'the same password comes again');

  const { metadata } = await asNode(supervisor, files).call('POST', '/api/v1/nodes', { body: nodeBody(name) });
  const owner = await until(
    'the Node owning it',
    60,
    async () => (await find<Secret>(api, path))?.metadata.ownerReferences?.[0],
  );
  t.like(owner, { kind: 'Node', name, uid: metadata.uid });
  await t.throwsAsync(requestAgentFiles(reflashed), { message: /^Node password rejected/ });
  await api.call('DELETE', `/api/v1/nodes/${name}`);
  await gone(api, path);
  t.truthy(await requestAgentFiles(reflashed), 'the garbage collector took the password along with the Node');

  // The other way: the Node stays, its password is deleted.
  await api.call('DELETE', path);
  t.truthy(await requestAgentFiles(wish(supervisor, token, name, 'third')));
});

needsAssets('a token is bound to no name; a password that was there beforehand protects one', async (t) => {
  const supervisor = cluster();
  const token = await mint(supervisor);
  t.truthy(await joins(wish(supervisor, token, 'worker-whoever')));
  t.truthy(await joins(wish(supervisor, token, 'worker-another')), 'the same token, any name that is free');
  const metadata = { name: 'worker-reserved.node-password.k3s', namespace: 'kube-system' };
  const hash = Buffer.from(await createHash('of its board')).toString('base64');
  const body = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'k3s.cattle.io/node-password', data: { hash } };
  await admin(supervisor).call('POST', secrets, { body });
  const thief = requestAgentFiles(wish(supervisor, token, 'worker-reserved', 'of a thief'));
  await t.throwsAsync(thief, { message: /^Node password rejected/ });
  t.truthy(await requestAgentFiles(wish(supervisor, token, 'worker-reserved', 'of its board')));
});

needsAssets('a node renews with its certificate, without any token, under its own name only', async (t) => {
  const supervisor = cluster();
  const api = admin(supervisor);
  const token = await mint(supervisor);
  const name = 'worker-renews';
  const { clientKubelet, ...files } = await joins(wish(supervisor, token, name));
  await asNode(supervisor, { ...files, clientKubelet }).call('POST', '/api/v1/nodes', { body: nodeBody(name) });
  const expired = `${token.slice(0, -16)}${'x'.repeat(16)}`;
  const renewed = await requestAgentFiles({ ...wish(supervisor, expired, name), clientKubelet });
  t.is(new X509Certificate(renewed.clientKubelet.cert).subject, 'O=system:nodes\nCN=system:node:worker-renews');
  const other = requestAgentFiles({ ...wish(supervisor, expired, 'worker-other'), clientKubelet });
  await t.throwsAsync(other, { message: /serving-kubelet\.crt: 400 / });

  await api.call('DELETE', `/api/v1/nodes/${name}`);
  await gone(api, `${secrets}/${name}.node-password.k3s`);
  const withoutNode = requestAgentFiles({ ...wish(supervisor, expired, name), clientKubelet });
  await t.throwsAsync(withoutNode, { message: /serving-kubelet\.crt: 401 / });
  const back = await requestAgentFiles({ ...wish(supervisor, token, name), clientKubelet });
  t.truthy(back, 'after 401 it falls back to the token');
});

needsAssets('what is no token lets nobody in', async (t) => {
  const supervisor = cluster();
  const { server, caPem, files } = supervisor;
  const url = `${server}/v1-k3s/config`;
  const status = async (authorization?: string): Promise<number> =>
    (await ask(url, { ca: caPem, headers: authorization === undefined ? {} : { authorization } })).status;
  const bearer = (token: string): string => `Bearer ${token.split('::')[1]}`;
  const basic = (credentials: string): string => `Basic ${Buffer.from(credentials).toString('base64')}`;
  t.is(await status(), 403, 'nothing at all');
  t.is(await status('Bearer abcdef.0123456789abcdef'), 401, 'unknown');
  t.is(await status(bearer(await mint(supervisor, -1000))), 401, 'expired');
  t.is(await status(basic(`node:${files.password}`)), 200);
  t.is(await status(basic('node:guessed')), 401);
  t.is(await status(`Bearer ${supervisor.daemonToken}`), 403, 'known, but no agent');

  const token = await mint(supervisor);
  await until('the token being known', 60, async () => (await status(bearer(token))) === 200);
  const id = token.split('::')[1]?.slice(0, 6);
  await admin(supervisor).call('DELETE', `${secrets}/bootstrap-token-${id}`);
  const end = await until('its end', 60, async () => (await status(bearer(token))) === 401);
  t.true(end, 'a deleted token lives on for ten seconds at most');

  const api = await ask(`${server}/api/v1/nodes`, { ca: caPem });
  t.is(api.status, 401, 'the API server behind it knows no anonymous users');
});

needsAssets('an agent refuses a server that is not the one in its token', async (t) => {
  const supervisor = cluster();
  const token = `K10${'0'.repeat(64)}::${(await mint(supervisor)).split('::')[1]}`;
  const attempt = requestAgentFiles(wish(supervisor, token, 'worker-deceived'));
  await t.throwsAsync(attempt, { message: /^token CA hash does not match the Cluster CA certificate hash: 0{64} != / });
});

needsAssets('the administrator of k3s.yaml is one', async (t) => {
  const { server, files } = cluster();
  t.is((await stat(files.kubeconfig)).mode & 0o777, 0o600);
  const text = await readFile(files.kubeconfig, 'utf8');
  const { server: named, caPem } = readKubeconfig(text, parse);
  t.is(named, server);
  const pem = (key: string): string =>
    Buffer.from(new RegExp(`${key}: (\\S+)`).exec(text)?.[1] ?? '', 'base64').toString();
  const api = connect({ server, caPem, cert: pem('client-certificate-data'), key: pem('client-key-data') });
  t.truthy(await api.call('GET', '/api/v1/namespaces/kube-system/secrets'));
});

needsAssets("with an authority of the owner's own, the hash is that of its root; orphans are swept", async (t) => {
  const { supervisor, end } = await start(t, { ownRoot: true, orphans: { everyMs: 200, olderThanMs: 1500 } });
  try {
    t.is(supervisor.caPem.match(/BEGIN CERTIFICATE/g)?.length, 2);
    const token = await mint(supervisor);
    const name = 'worker-half';
    t.truthy(await joins(wish(supervisor, token, name, 'first')));
    // It never became a Node: k3s forgets its password after a while.
    await gone(admin(supervisor), `${secrets}/${name}.node-password.k3s`);
    t.truthy(await joins(wish(supervisor, token, name, 'second')));
  } finally {
    await end();
  }
});

needsAssets('after a second start with the same folder it has the same authority, token and passwords', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'bramble-k3s-'));
  const first = await start(t, { directory });
  const { token } = first.supervisor.files;
  await requestAgentFiles(wish(first.supervisor, token, 'worker-stays', 'first'));
  await first.supervisor.stop();
  const { supervisor, end } = await start(t, { directory });
  try {
    t.is(supervisor.caPem, first.supervisor.caPem);
    const attempt = requestAgentFiles(wish(supervisor, token, 'worker-stays', 'second'));
    await t.throwsAsync(attempt, { message: /^Node password rejected/ });
    t.truthy(await requestAgentFiles(wish(supervisor, token, 'worker-stays', 'first')));
  } finally {
    await end();
    await rm(directory, { recursive: true, force: true });
  }
});

needsAssets('in a namespace of its own it answers others on the LAN, on the usual port', async (t) => {
  const closing = new AbortController();
  const lan = await makeLan({ prefix: runPrefix(), signal: closing.signal });
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const worker = await lan.addHost({ name: 'worker', address: '10.77.0.11/24' });
  const { supervisor, end } = await start(t, { address: '10.77.0.1', port: 6443, netns: master.netns });
  try {
    t.is(supervisor.server, 'https://10.77.0.1:6443');
    const curl = (...args: string[]) =>
      worker.exec(['curl', '-sS', '--cacert', supervisor.files.serverCa.bundle, ...args]);
    t.is((await curl(`${supervisor.server}/cacerts`)).stdout, supervisor.caPem);
    const servers = await curl('-u', `node:${supervisor.files.password}`, `${supervisor.server}/v1-k3s/apiservers`);
    t.deepEqual(JSON.parse(servers.stdout), ['10.77.0.1:6443']);
    const watch = ['-H', `Authorization: Bearer ${supervisor.adminToken}`, '--max-time', '30', '-N'];
    const watching = worker.spawn([
      'curl',
      '-sS',
      '--cacert',
      supervisor.files.serverCa.bundle,
      ...watch,
      `${supervisor.server}/api/v1/nodes?watch=true`,
    ]);
    const created = await curl(
      ...['-H', `Authorization: Bearer ${supervisor.adminToken}`, '-H', 'Content-Type: application/json'],
      ...['-d', JSON.stringify(nodeBody('worker-seen')), `${supervisor.server}/api/v1/nodes`],
    );
    t.is(created.code, 0);
    t.truthy(await watching.waitFor(/"ADDED".*worker-seen/), 'a watch comes through as it happens');
  } finally {
    await end();
    await lan.close();
  }
});

test('at most twenty agents read and ten write at once; administrators always may', (t) => {
  const inFlight = createInFlight();
  const agent = { user: 'node', groups: ['k3s:agent'], byCertificate: false };
  const enter = (method: string, count: number) => Array.from({ length: count }, () => inFlight.enter(method, agent));
  t.false(enter('GET', 20).includes(undefined));
  t.is(inFlight.enter('GET', agent), undefined);
  const writers = enter('POST', 10);
  t.false(writers.includes(undefined));
  t.is(inFlight.enter('POST', agent), undefined);
  t.not(inFlight.enter('POST', { ...agent, groups: ['system:masters'] }), undefined);
  writers[0]?.();
  t.not(inFlight.enter('POST', agent), undefined);
});

test('a password is told from another by its hash', async (t) => {
  const hash = await createHash('secret');
  t.true(await matchesHash(hash, 'secret'));
  t.false(await matchesHash(hash, 'Secret'));
  t.not(await createHash('secret'), hash, 'each has a salt of its own');
});
