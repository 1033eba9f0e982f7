/** A whole join over real SSH, into the real control plane and into the simulator alike. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { makeAccount } from '../../cli/cluster/account.ts';
import { readKubeconfig } from '../../cli/cluster/kubeconfig.ts';
import { must, ok } from '../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4, seconds } from '../../config/values.ts';
import { openCluster } from '../../daemon/cluster/index.ts';
import { awaitNode } from '../../daemon/join/await-node.ts';
import type { JoinCluster, JoinedNode } from '../../daemon/join/cluster-port.ts';
import type { TokenDriver } from '../../daemon/join/driver.ts';
import {
  caCertHashes,
  createJoiner,
  generateSshKeyPair,
  type JoinBoard,
  kubeadmDriver,
} from '../../daemon/join/index.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import { startApiSimulator } from '../lab/api-simulator/start.ts';
import { type ApiObject, connect } from '../lab/control-plane/api-client.ts';
import type { ApiServer, ApiServerOptions } from '../lab/control-plane/api-server.ts';
import { findAssets, startControlPlane } from '../lab/control-plane/start.ts';
import { retrying } from '../lab/kubeadm-stand-in/retry.ts';
import { createLogDouble } from '../support/doubles.ts';
import { until } from '../support/until.ts';
import { anyTime, ownKeysDouble } from '../unit/join/own-keys-double.ts';
import { stepContext } from '../unit/join/step-context.ts';
import { watchArguments } from './join-arguments.ts';
import { isThere, startSshd } from './join-board.ts';

type Start = (options: ApiServerOptions) => Promise<ApiServer>;
type Secrets = ApiObject<{ items: ReadonlyArray<{ metadata: { name: string }; type: string }> }>;

type Request = ApiObject<{
  status?: { certificate?: string; conditions?: ReadonlyArray<{ type: string }> };
}>;

const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const key = generateSshKeyPair('daemon');
const quarantine = 'bramble.dev/quarantine';
const kubeletEnv = { KUBELET_STAND_IN_HEARTBEAT_MS: '500', KUBELET_STAND_IN_PORT: '0' };

async function begin(t: ExecutionContext, start: Start) {
  const directory = await mkdtemp(join(tmpdir(), 'bramble-join-'));
  const closing = new AbortController();
  const { signal } = closing;
  const options = { address: '127.0.0.1', port: 0, signal: new AbortController().signal };
  const server = await start({ ...options, directory, log: (line) => t.log(line) });
  const log = createLogDouble();
  const deps = { clock: systemClock, random: systemRandom, log, signal };
  const cluster = openCluster({ kubeconfig: server.daemonKubeconfig, ...deps });
  /** What the joiner asked of the API, and every token it made. */
  const asked: string[] = [];
  const secrets: string[] = [];
  const request: JoinCluster['request'] = (method, path, how) => {
    asked.push(`${method} ${path}`);
    const { stringData }: { stringData?: Readonly<Record<string, string>> } = Object(how.body ?? {});
    if (stringData !== undefined) secrets.push(String(stringData['token-secret']));
    return cluster.request(method, path, how);
  };
  const sshPort: { port?: number } = {};
  const kubeadm = kubeadmDriver({
    apiServerEndpoint: new URL(server.server).host,
    caCertHashes: caCertHashes(server.caPem),
  });
  /** What the board does instead of a join, once. */
  const attack: { join?: TokenDriver['join'] } = {};
  const driver = async () => {
    const { join = kubeadm.join } = attack;
    return ok({ ...kubeadm, join });
  };
  const own = ownKeysDouble();
  const joiner = createJoiner({
    ...{ ownKeys: own.keys, earliest: anyTime },
    ...{
      cluster: { ...cluster, request },
      driver,
      privateKey: key.privateOpenssh,
    },
    ...{ ...deps, ssh: sshPort, settle: seconds(5) },
  });
  t.teardown(async () => {
    closing.abort();
    await Promise.all([joiner.done, cluster.done]);
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const admin = connect({ server: server.server, caPem: server.caPem, token: server.adminToken });
  const tokens = async (): Promise<readonly string[]> => {
    const list = await admin.call<Secrets>('GET', '/api/v1/namespaces/kube-system/secrets');
    return list.items
      .filter(({ type }) => type === 'bootstrap.kubernetes.io/token')
      .map(({ metadata }) => metadata.name);
  };
  return { server, cluster, joiner, kubeadm, log, asked, secrets, own, sshPort, attack, admin, tokens, signal };
}

type Lab = Awaited<ReturnType<typeof begin>>;

/** Whoever holds the board's token asks to be the control plane's own node: denied, the join is over, the token gone. */
async function refusesForeignName(t: ExecutionContext, lab: Lab, board: JoinBoard): Promise<void> {
  const { server, joiner, attack, admin, tokens, signal } = lab;
  const name = 'csr-of-an-attacker';
  const keyOptions = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
  const subject = '/O=system:nodes/CN=system:node:master';
  const pem = execFileSync('openssl', ['req', '-new', ...keyOptions, '-subj', subject], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  attack.join = async (_session, _board, token) => {
    const { server: url, caPem } = server;
    const thief = connect({ server: url, caPem, token: `${token.id}.${token.secret}` });
    const spec = {
      ...{ request: pem.toString('base64'), usages: ['digital signature', 'client auth'] },
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
    };
    const body = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name }, spec };
    const post = () => thief.call('POST', requests, { body });
    // The server knows a new token only after a moment.
    await retrying(post, { deadline: Date.now() + 30_000, worthRetrying: () => true });
    return new Promise(() => undefined);
  };
  const end = await joiner.join(board, signal);
  t.is(end.ok ? '' : end.error.code, 'CSR_REFUSED');
  await until('the request is denied', 30, async () => {
    const { status } = await admin.call<Request>('GET', `${requests}/${name}`);
    t.is(status?.certificate, undefined);
    return status?.conditions?.some(({ type }) => type === 'Denied') ?? false;
  });
  t.deepEqual(await tokens(), []);
  delete attack.join;
  lab.secrets.splice(0);
}

const joins = test.macro(async (t, start: Start) => {
  t.timeout(120_000);
  const lab = await begin(t, start);
  const { cluster, joiner, kubeadm, log, asked, secrets, own, sshPort, admin, tokens, signal } = lab;
  const sshd = await startSshd(t, { authorized: key.publicLine, host: '127.0.0.11', env: kubeletEnv });
  sshPort.port = sshd.port;
  const board: JoinBoard = {
    id: must(parseDeviceId('d-0123456789ab')),
    name: must(parseHostname('worker-kube1')),
    address: must(parseIpv4('127.0.0.11')),
    fixedAddress: true,
    get hostKeys() {
      return [own.pinned() ?? sshd.hostKey.publicLine];
    },
    nodePassword: 'ab'.repeat(16),
    serials: [],
    labels: { 'bramble.dev/model': 'pi4' },
  };
  const path = '/api/v1/nodes/worker-kube1';
  const whenNode = (holds: (node: JoinedNode | undefined) => boolean) =>
    awaitNode(cluster, board.name, holds, { clock: systemClock, signal, patience: seconds(60) });
  const taintKeys = async (): Promise<readonly string[]> =>
    must(await cluster.readNode(board.name, signal))?.taints.map((taint) => taint.key) ?? [];

  await refusesForeignName(t, lab, board);

  // A first join, with everybody's arguments being looked at meanwhile.
  const watching = watchArguments();
  must(await joiner.awaitSsh(board, seconds(30), signal));
  must(await joiner.join(board, signal));
  const seen = await watching.stop();
  t.true(seen.text.includes('kubeadm-stand-in'), 'the watch on arguments saw the join itself');
  t.is(secrets.length, 1);
  t.false(seen.text.includes(String(secrets[0])), `no argument holds the token (${seen.rounds} rounds)`);
  t.true((await taintKeys()).includes(quarantine));
  t.deepEqual(await tokens(), [], 'the token is gone as soon as the Node is Ready');
  t.deepEqual(own.told.slice(-1), ['pin']);
  const shown = await readFile(`${sshd.root}/etc/ssh/ssh_host_ed25519_key.pub`, 'utf8');
  t.is(shown.trim(), own.pinned() ?? 'none', 'the key of its image is no key of it any more');
  const keyed = seen.text + JSON.stringify(log.records);
  t.false(keyed.includes('BEGIN OPENSSH'), 'and the new one was never an argument');
  t.false(await isThere(`${sshd.root}/run/bramble/join.yaml`), 'the board keeps no token');

  t.true(cluster.node(board.name)?.ready);
  const uid = cluster.node(board.name)?.uid;
  const foreign = { key: 'owner.example/theirs', value: 'x', effect: 'PreferNoSchedule' };
  const { spec } = await admin.call<ApiObject<{ spec: { taints?: unknown[] } }>>('GET', path);
  await admin.call('PATCH', path, { body: { spec: { taints: [...(spec.taints ?? []), foreign] } }, patch: 'merge' });
  must(await joiner.release(board, signal));
  t.false((await taintKeys()).includes(quarantine));
  t.true((await taintKeys()).includes(foreign.key), "others' taints stay");
  t.deepEqual(await tokens(), []);
  must(await joiner.release(board, signal));

  // A working board is left alone.
  asked.splice(0);
  must(await joiner.join(board, signal));
  t.false(
    asked.some((line) => /^(POST|PUT|PATCH|DELETE)/.test(line)),
    asked.join('\n'),
  );
  t.is(must(await cluster.readNode(board.name, signal))?.uid, uid);

  must(await joiner.leave(board, signal));
  t.is(must(await cluster.readNode(board.name, signal)), undefined);
  t.false(await isThere(`${sshd.root}/etc/kubernetes/kubelet.conf`));
  must(await joiner.leave(board, signal));

  // Half a join, and a Node of an earlier life that nobody keeps: reset, deleted, and joined anew.
  await mkdir(`${sshd.root}/etc/kubernetes/pki`, { recursive: true });
  await writeFile(`${sshd.root}/etc/kubernetes/pki/ca.crt`, 'half');
  // There as soon as a kubelet asks for the certificate that it names.
  await writeFile(`${sshd.root}/etc/kubernetes/kubelet.conf`, 'half');
  const probing = joiner.onBoard(board, signal, async (session) => {
    t.is(must(await kubeadm.probe(session, stepContext)), 'partial');
    return ok(undefined);
  });
  must(await probing);
  const metadata = { name: board.name, labels: { 'bramble.dev/device': board.id } };
  const dead = await admin.call('POST', '/api/v1/nodes', { body: { apiVersion: 'v1', kind: 'Node', metadata } });
  must(await joiner.join(board, signal));
  t.not(must(await cluster.readNode(board.name, signal))?.uid, dead.metadata.uid);
  t.true((await taintKeys()).includes(quarantine));
  t.not(await readFile(`${sshd.root}/etc/kubernetes/pki/ca.crt`, 'utf8'), 'half');
  await whenNode((node) => node?.ready === true);
  must(await joiner.release(board, signal));
  must(await joiner.leave(board, signal));

  // A Node of this name that is not ours is never touched, and no token stays behind.
  const theirs = { apiVersion: 'v1', kind: 'Node', metadata: { name: board.name } };
  const { metadata: kept } = await admin.call('POST', '/api/v1/nodes', { body: theirs });
  const taken = await joiner.join(board, signal);
  t.is(taken.ok ? '' : taken.error.code, 'NODE_NAME_TAKEN');
  must(await joiner.leave(board, signal));
  t.is(must(await cluster.readNode(board.name, signal))?.uid, kept.uid);
  t.deepEqual(await tokens(), []);

  t.is(secrets.length, 2);
  const written = JSON.stringify(log.records);
  for (const secret of secrets) t.false(written.includes(secret), 'no log line holds a token');
  t.deepEqual(
    log.records.filter(({ level }) => level === 'error'),
    [],
  );
});

const assets = await findAssets();
/** The daemon has the account that `bramble cluster install` makes, in the real one. */
const startReal: Start = async (options) => {
  const plane = await startControlPlane({ ...options, assets: assets ?? '' });
  const admin = must(await readKubeconfig(plane.adminKubeconfig));
  const daemonKubeconfig = join(options.directory, 'account.kubeconfig');
  await writeFile(daemonKubeconfig, must(await makeAccount({ ...options, admin, server: plane.server })));
  return { ...plane, daemonKubeconfig };
};
if (assets === undefined) {
  test('the real control plane is here', (t) => {
    t.log('NOT RUN: a join into the real control plane. Run .ci/control-plane once, or set KUBEBUILDER_ASSETS.');
    t.not(process.env['CI'], 'true', 'CI must have the real control plane');
  });
} else {
  test.serial('real control plane: a board joins, is released, and leaves', joins, startReal);
}
test.serial('simulator: a board joins, is released, and leaves', joins, startApiSimulator);
