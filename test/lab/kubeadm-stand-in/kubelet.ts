/** The kubelet stand-in: registers its Node, keeps its status and its Lease fresh, and "runs" the Pods bound to it. */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, ApiError, connect } from '../control-plane/api-client.ts';
import { readKubeconfig } from '../control-plane/kubeconfig.ts';
import { type Layout, layoutAt } from './layout.ts';
import { labelsOf, leaseObject, microTime, type NodeFacts, nodeObject, nodeStatus, readFlags } from './node-object.ts';
import { pageServersIn } from './page-server.ts';
import { writePidFile } from './pid-file.ts';
import { followPods } from './pods.ts';
import { intervals } from './retry.ts';

/** On a LAN; a pulled cable is noticed after this long and the connection given up. */
const timeoutMs = 4000;

const setting = (name: string, fallback: string): string => process.env[name] ?? fallback;
const heartbeatMs = Number(setting('KUBELET_STAND_IN_HEARTBEAT_MS', '10000'));
const log = (line: string): void => void process.stdout.write(`${new Date().toISOString()} ${line}\n`);

const ownAddress = (): string =>
  Object.values(networkInterfaces())
    .flat()
    .find((info) => info !== undefined && info.family === 'IPv4' && !info.internal)?.address ?? '';

/** Runs until SIGTERM or SIGINT. */
export async function kubelet(layout: Layout): Promise<void> {
  const stopping = new AbortController();
  const stopped = Promise.race((['SIGTERM', 'SIGINT'] as const).map((name) => once(process, name)));
  const { server, caPem, credentials } = readKubeconfig(readFileSync(layout.kubeletConf, 'utf8'));
  const pem = readFileSync(layout.at(credentials.clientCertificate ?? ''), 'utf8');
  const facts = readFacts(layout);
  const api = connect({ server, caPem, cert: pem, key: pem, timeoutMs });
  listen(facts);
  writePidFile(layout);
  log(`kubelet stand-in of ${facts.name} (${facts.address}) for ${server}`);

  let link = new AbortController();
  const onLoss = (): void => {
    link.abort();
    link = new AbortController();
    api.reset();
  };
  const startDelayMs = Number(setting('KUBELET_STAND_IN_START_DELAY_MS', '300'));
  const stopDelayMs = Number(setting('KUBELET_STAND_IN_STOP_DELAY_MS', '300'));
  const { name: nodeName, address: hostIp, bootId } = facts;
  const hasNetwork = setting('KUBELET_STAND_IN_PAGES', 'no') === 'yes';
  const { signal } = stopping;
  const working = Promise.all([
    keepAlive(api, facts, signal, onLoss),
    followPods({
      api,
      nodeName,
      hostIp,
      bootId,
      startDelayMs,
      stopDelayMs,
      ...(hasNetwork && { pages: pageServersIn(layout.pods, nodeName) }),
      signal,
      connection: () => link.signal,
      log,
    }),
  ]);
  // Not waiting for an answer that may never come: the node falls silent at once, as a real one does.
  await Promise.race([working, stopped]);
  stopping.abort();
}

function readFacts(layout: Layout): NodeFacts {
  const flags = readFlags(readFileSync(layout.kubeletFlags, 'utf8'), ownAddress());
  const machineId = createHash('md5')
    .update(readOr(layout.machineId, () => flags.name) + flags.name)
    .digest('hex');
  const bootId = readOr(layout.bootId, () => {
    const fresh = randomUUID();
    mkdirSync(dirname(layout.bootId), { recursive: true });
    writeFileSync(layout.bootId, fresh);
    return fresh;
  });
  const [arch, port] = [setting('KUBEADM_STAND_IN_ARCH', 'arm64'), Number(setting('KUBELET_STAND_IN_PORT', '10250'))];
  return { ...flags, machineId, bootId, arch, port };
}

function readOr(file: string, otherwise: () => string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return otherwise();
  }
}

/** Something accepts on the kubelet's port, as a sign of life for whoever knocks; nothing is said there. */
function listen({ address, port }: NodeFacts): void {
  const server = createServer((socket) => socket.on('error', () => undefined).end());
  server.on('error', (error) => log(`port ${port}: ${error.message}`)).listen(port, address);
  server.unref();
}

async function keepAlive(api: ApiClient, facts: NodeFacts, signal: AbortSignal, onLoss: () => void): Promise<void> {
  let uid: string | undefined;
  let since = new Date();
  let backoff = intervals();
  let reachable = true;
  while (!signal.aborted) {
    let wait = heartbeatMs;
    try {
      uid ??= await register(api, facts);
      // Both at once: after an absence the node is Ready again with the first answer.
      await Promise.all([postStatus(api, facts, since), renewLease(api, facts.name, uid)]);
      if (!reachable) log('the API server is back');
      reachable = true;
      backoff = intervals();
    } catch (error) {
      if (signal.aborted) return;
      if (reachable) log(`heartbeat: ${error instanceof Error ? error.message : error}`);
      // Only silence is a lost link; an answer, whatever it says, came through it.
      if (!(error instanceof ApiError)) onLoss();
      if (reachable) since = new Date();
      reachable = false;
      wait = backoff.next().value;
    }
    await sleep(wait, undefined, { signal }).catch(() => undefined);
  }
}

/** Once per start: as the real one, it does not make its Node again if somebody deletes it. */
async function register(api: ApiClient, facts: NodeFacts): Promise<string> {
  try {
    const made = await api.call('POST', '/api/v1/nodes', { body: nodeObject(facts) });
    log('registered');
    return made.metadata.uid ?? '';
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
    const body = { metadata: { labels: labelsOf(facts) } };
    const known = await api.call('PATCH', `/api/v1/nodes/${facts.name}`, { body, patch: 'merge' });
    log('already registered');
    return known.metadata.uid ?? '';
  }
}

async function postStatus(api: ApiClient, facts: NodeFacts, since: Date): Promise<void> {
  const body = { status: nodeStatus(facts, since, new Date()) };
  await api.call('PATCH', `/api/v1/nodes/${facts.name}/status`, { body, patch: 'strategic-merge' });
}

async function renewLease(api: ApiClient, name: string, nodeUid: string): Promise<void> {
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  const now = new Date();
  try {
    await api.call('PATCH', `${leases}/${name}`, { body: { spec: { renewTime: microTime(now) } }, patch: 'merge' });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    await api.call('POST', leases, { body: leaseObject(name, nodeUid, now) });
  }
}

if (import.meta.main) {
  await kubelet(layoutAt(setting('KUBEADM_STAND_IN_ROOT', '/')));
  process.exit(0);
}
