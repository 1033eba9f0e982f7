/**
 * What a join asks of a cluster, asked of the real control plane and of the simulator alike: were the simulator to agree
 * with nobody but its author, this is where it shows.
 */
import { randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { startApiSimulator } from '../lab/api-simulator/start.ts';
import { type ApiClient, ApiError, type ApiObject, connect } from '../lab/control-plane/api-client.ts';
import type { ApiServer, ApiServerOptions } from '../lab/control-plane/api-server.ts';
import { renderKubeconfig } from '../lab/control-plane/kubeconfig.ts';
import { makePki, publicKeyHash } from '../lab/control-plane/pki.ts';
import { findAssets, startControlPlane } from '../lab/control-plane/start.ts';
import { runningKubelet } from '../lab/kubeadm-stand-in/kubelet-process.ts';
import { layoutAt } from '../lab/kubeadm-stand-in/layout.ts';
import { runStandIn } from '../lab/kubeadm-stand-in/run.ts';

type Start = (options: ApiServerOptions) => Promise<ApiServer>;
type NodeFields = {
  spec: { taints?: ReadonlyArray<{ key: string; effect: string }> };
  status?: {
    conditions?: ReadonlyArray<{ type: string; status: string }>;
    addresses?: ReadonlyArray<{ type: string; address: string }>;
    nodeInfo?: { bootID: string };
  };
};
type Node = ApiObject<NodeFields>;
type Pod = ApiObject<{ status?: { phase?: string; hostIP?: string } }>;
type Request = ApiObject<{
  spec: { username: string; signerName: string; usages: string[] };
  status: { conditions?: unknown[]; certificate?: string };
}>;
type Lease = ApiObject<{ spec: { renewTime: string } }>;

const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const deadlineMs = 40_000;
const pollMs = 50;
/** Port 0: several tests may have a kubelet on loopback. */
const kubeletSettings = { KUBELET_STAND_IN_PORT: '0', KUBELET_STAND_IN_HEARTBEAT_MS: '500' };
const taint = { key: 'bramble.example/new', value: 'true', effect: 'NoSchedule' };

async function begin(t: ExecutionContext, start: Start) {
  const directory = await mkdtemp(join(tmpdir(), 'bramble-control-plane-'));
  const closing = new AbortController();
  const options = { address: '127.0.0.1', port: 0, signal: closing.signal, log: (line: string) => t.log(line) };
  t.teardown(async () => {
    await runStandIn(join(directory, 'pi'), ['reset', '-f']);
    closing.abort();
    await cluster?.stop();
    await rm(directory, { recursive: true, force: true });
  });
  let cluster: ApiServer | undefined;
  cluster = await start({ directory: join(directory, 'cluster'), ...options });
  const daemon = connect({ server: cluster.server, caPem: cluster.caPem, token: cluster.daemonToken });
  return { cluster, daemon, root: join(directory, 'pi') };
}

const characters = (count: number): string => Array.from({ length: count }, () => randomInt(36).toString(36)).join('');

/** As the daemon does it. */
async function mintToken(api: ApiClient, lifeMs: number): Promise<string> {
  const [id, secret] = [characters(6), characters(16)];
  const body = {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' } },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': secret,
      expiration: new Date(Date.now() + lifeMs).toISOString().replace(/\.\d+/, ''),
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
    },
  };
  await api.call('POST', '/api/v1/namespaces/kube-system/secrets', { body });
  return `${id}.${secret}`;
}

async function writeJoinFile(root: string, cluster: ApiServer, token: string, caHash = publicKeyHash(cluster.caPem)) {
  const file = `${root}-${characters(6)}.yaml`;
  const config = {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'JoinConfiguration',
    discovery: {
      bootstrapToken: { token, apiServerEndpoint: new URL(cluster.server).host, caCertHashes: [caHash] },
    },
    nodeRegistration: {
      name: 'worker-kube1',
      taints: [taint],
      kubeletExtraArgs: [
        { name: 'node-ip', value: '127.0.0.1' },
        { name: 'node-labels', value: 'bramble.example/board=pi4' },
      ],
    },
    timeouts: { discovery: '30s', tlsBootstrap: '30s' },
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

/** The first object, present or to come, that is as wanted. */
async function awaitObject<T extends ApiObject>(
  api: ApiClient,
  path: string,
  wanted: (object: T, type: string) => boolean,
): Promise<T> {
  const found = new AbortController();
  const signal = AbortSignal.any([found.signal, AbortSignal.timeout(deadlineMs)]);
  let result: T | undefined;
  const watching = api.watch(`${path}${path.includes('?') ? '&' : '?'}watch=true`, signal, ({ type, object }) => {
    if (result !== undefined || !wanted(object as T, type)) return;
    result = object as T;
    found.abort();
  });
  await watching.catch((error: unknown) => {
    if (result === undefined) throw new Error(`nothing wanted appeared at ${path}`, { cause: error });
  });
  if (result === undefined) throw new Error(`the watch of ${path} ended early`);
  return result;
}

const statusOf = (attempt: Promise<unknown>): Promise<number> =>
  attempt.then(
    () => 200,
    (error: unknown) => (error instanceof ApiError ? error.status : 0),
  );

async function decide(api: ApiClient, name: string, type: 'Approved' | 'Denied'): Promise<void> {
  const request = await api.call<Request>('GET', `${requests}/${name}`);
  const conditions = [{ type, status: 'True', reason: 'Test', message: 'by the test' }];
  await api.call('PUT', `${requests}/${name}/approval`, { body: { ...request, status: { conditions } } });
}

const isReady = ({ status }: Node): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;

const joins = test.macro(async (t, start: Start, key: 'ec' | 'rsa') => {
  const { cluster, daemon, root } = await begin(t, start);
  const token = await mintToken(daemon, 600_000);
  const file = await writeJoinFile(root, cluster, token);
  const joining = runStandIn(root, ['join', '--config', file], { ...kubeletSettings, KUBEADM_STAND_IN_KEY: key });

  const request = await awaitObject<Request>(daemon, requests, () => true);
  t.is(request.spec.username, `system:bootstrap:${token.slice(0, 6)}`);
  t.is(request.spec.signerName, 'kubernetes.io/kube-apiserver-client-kubelet');
  t.deepEqual(request.spec.usages, [
    'digital signature',
    ...(key === 'rsa' ? ['key encipherment'] : []),
    'client auth',
  ]);
  t.is(request.status.certificate, undefined, 'nobody but the daemon approves');
  await decide(daemon, request.metadata.name ?? '', 'Approved');
  t.deepEqual(await joining, { status: 0, errors: '' });

  const node = await awaitObject<Node>(daemon, '/api/v1/nodes?fieldSelector=metadata.name%3Dworker-kube1', isReady);
  t.true(node.spec.taints?.some(({ key, effect }) => key === taint.key && effect === taint.effect));
  t.is(node.metadata.labels?.['bramble.example/board'], 'pi4');
  t.is(node.metadata.labels?.['kubernetes.io/hostname'], 'worker-kube1');
  t.deepEqual(node.status?.addresses?.[0], { type: 'InternalIP', address: '127.0.0.1' });

  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  let first: string | undefined;
  const renewed = await awaitObject<Lease>(adminOf(cluster), leases, ({ metadata, spec }) => {
    first ??= spec.renewTime;
    return metadata.name === 'worker-kube1' && spec.renewTime !== first;
  });
  t.regex(renewed.spec.renewTime, /\.\d{6}Z$/);

  await runsPods(t, cluster);
  await survivesReboot(t, daemon, root);

  t.regex((await runStandIn(root, ['join', '--config', file])).errors, /FileAvailable--etc-kubernetes-kubelet\.conf/);
  const layout = layoutAt(root);
  t.not(runningKubelet(layout), undefined);
  t.is((await runStandIn(root, ['reset', '-f'])).status, 0);
  t.is(runningKubelet(layout), undefined);
  await t.throwsAsync(readFile(layout.kubeletConf), { code: 'ENOENT' });

  await daemon.call('DELETE', '/api/v1/nodes/worker-kube1');
  t.is(await statusOf(daemon.call('GET', '/api/v1/nodes/worker-kube1')), 404);
});

const adminOf = ({ server, caPem, adminToken }: ApiServer): ApiClient => connect({ server, caPem, token: adminToken });

async function runsPods(t: ExecutionContext, cluster: ApiServer): Promise<void> {
  const admin = adminOf(cluster);
  const pods = '/api/v1/namespaces/default/pods';
  const spec = { nodeName: 'worker-kube1', containers: [{ name: 'page', image: 'page' }] };
  await admin.call('POST', pods, { body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'page' }, spec } });
  const running = await awaitObject<Pod>(admin, pods, ({ status }) => status?.phase === 'Running');
  t.is(running.status?.hostIP, '127.0.0.1');
  await admin.call('DELETE', `${pods}/page`);
  await awaitObject(
    admin,
    `${pods}?resourceVersion=${running.metadata.resourceVersion}`,
    (_, type) => type === 'DELETED',
  );
}

/** What a power cut leaves: the disk, but not /run. */
async function survivesReboot(t: ExecutionContext, daemon: ApiClient, root: string): Promise<void> {
  const layout = layoutAt(root);
  const path = '/api/v1/nodes?fieldSelector=metadata.name%3Dworker-kube1';
  const { status } = await daemon.call<NodeFields>('GET', '/api/v1/nodes/worker-kube1');
  process.kill(runningKubelet(layout) ?? 0, 'SIGKILL');
  await rm(layout.at('/run'), { recursive: true });
  t.is((await runStandIn(root, ['kubelet', '--background'], kubeletSettings)).status, 0);
  const before = status?.nodeInfo?.bootID;
  const after = await awaitObject<Node>(daemon, path, (node) => node.status?.nodeInfo?.bootID !== before);
  t.true(isReady(after));
}

const refuses = test.macro(async (t, start: Start) => {
  const { cluster, daemon, root } = await begin(t, start);
  const { server, caPem } = cluster;
  const as = (token: string): ApiClient => connect({ server, caPem, token });
  const readsPods = (token: string): Promise<number> =>
    statusOf(as(token).call('GET', '/api/v1/namespaces/default/pods'));

  const token = await mintToken(daemon, 600_000);
  await becomes(403, () => readsPods(token));
  t.is(await readsPods(token), 403, 'a bootstrap token reads no Pods');
  t.is(await statusOf(as(token).call('GET', requests)), 200, 'but certificate requests');
  t.is(await readsPods(`${token.slice(0, 7)}${characters(16)}`), 401, 'the secret half counts');
  t.is(await readsPods(await mintToken(daemon, -1000)), 401, 'an expired token');
  t.is(await statusOf(connect({ server, caPem }).call('GET', '/api/v1/nodes')), 403, 'anonymous');
  t.is(
    await statusOf(daemon.call('GET', '/api/v1/namespaces/default/secrets')),
    403,
    "the daemon's secrets are kube-system's",
  );

  const unknown = await runStandIn(root, [
    'join',
    '--config',
    await writeJoinFile(root, cluster, 'abcdef.0123456789abcdef'),
  ]);
  t.is(unknown.status, 1);
  t.regex(unknown.errors, /Unauthorized/);

  const hoping = runStandIn(`${root}-denied`, ['join', '--config', await writeJoinFile(root, cluster, token)]);
  const request = await awaitObject<Request>(daemon, requests, () => true);
  await decide(daemon, request.metadata.name ?? '', 'Denied');
  t.deepEqual(await hoping, { status: 1, errors: 'error: the certificate request was denied: by the test\n' });

  await daemon.call('DELETE', `/api/v1/namespaces/kube-system/secrets/bootstrap-token-${token.slice(0, 6)}`);
  await becomes(401, () => readsPods(token));
  t.is(await readsPods(token), 401, 'a deleted token');
});

/**
 * An authenticator learns of a token by a watch of its own, which nobody outside can follow; and the real one remembers for
 * ten seconds whom it let in, so that a deleted token lives on for that long.
 */
async function becomes(wanted: number, ask: () => Promise<number>): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while ((await ask()) !== wanted && Date.now() < deadline) await sleep(pollMs);
}

const startReal: Start = async (options) => startControlPlane({ ...options, assets: assets ?? '' });
const assets = await findAssets();
const needsAssets = assets === undefined && process.env['CI'] !== 'true' ? test.skip : test.serial;
if (assets === undefined) {
  test('the real control plane may be missing outside CI only', (t) => {
    t.log('NOT RUN: the tests against the real control plane. Run .ci/control-plane once, or set KUBEBUILDER_ASSETS.');
    t.not(process.env['CI'], 'true', 'CI must have the real control plane');
  });
}

needsAssets('real control plane: a node joins and leaves', joins, startReal, 'ec');
needsAssets('real control plane: what is refused', refuses, startReal);
test.serial('simulator: a node joins and leaves', joins, startApiSimulator, 'rsa');
test.serial('simulator: what is refused', refuses, startApiSimulator);

test('a foreign CA is refused before the token is sent to anybody', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'bramble-control-plane-'));
  const { serverCert, serverKey, caPem } = await makePki(join(directory, 'pki'), ['127.0.0.1']);
  const seen: Array<{ readonly path: string | undefined; readonly secret: boolean }> = [];
  const token = `${characters(6)}.${characters(16)}`;
  const impostor = createServer(
    { cert: await readFile(serverCert), key: await readFile(serverKey) },
    (request, response) => {
      seen.push({ path: request.url, secret: JSON.stringify(request.rawHeaders).includes(token.slice(7)) });
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ metadata: {}, data: { kubeconfig: renderKubeconfig(server(), caPem) } }));
    },
  );
  const server = (): string => `https://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
  await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    impostor.close();
    impostor.closeAllConnections();
    await rm(directory, { recursive: true, force: true });
  });

  const root = join(directory, 'pi');
  const pinned = `sha256:${'0'.repeat(64)}`;
  const file = await writeJoinFile(root, { server: server(), caPem } as ApiServer, token, pinned);
  const outcome = await runStandIn(root, ['join', '--config', file]);
  t.is(outcome.status, 1);
  t.regex(outcome.errors, /none of the public keys "sha256:[0-9a-f]{64}" are pinned/);
  t.true(seen.length > 0);
  t.true(seen.every(({ path, secret }) => path?.endsWith('/configmaps/cluster-info') && !secret));
});
