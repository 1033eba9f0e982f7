/** The master of k3s boards: the stand-in for a k3s server in front of the real control plane, k3s's files, and our joiner. */
import { ok } from '../../../config/result.ts';
import { type DeviceId, millis, minutes } from '../../../config/values.ts';
import { openCluster } from '../../../daemon/cluster/index.ts';
import type { JoinCluster } from '../../../daemon/join/cluster-port.ts';
import type { JoinBoard, SshSession, StepContext } from '../../../daemon/join/driver.ts';
import type { OwnKeys } from '../../../daemon/join/host-key.ts';
import { caHash, createJoiner, k3sDriver } from '../../../daemon/join/index.ts';
import { mintToken, revokeTokens } from '../../../daemon/join/tokens.ts';
import { systemClock } from '../../../daemon/system/clock.ts';
import { systemRandom } from '../../../daemon/system/random.ts';
import { startFileServer } from '../../integration/k3s-file-server.ts';
import { type ApiObject, connect } from '../../lab/control-plane/api-client.ts';
import { findAssets } from '../../lab/control-plane/start.ts';
import { createLogDouble } from '../../support/doubles.ts';
import { startK3sSupervisor } from '../../support/k3s-supervisor-stand-in.ts';
import { anyTime, ownKeysDouble } from '../../unit/join/own-keys-double.ts';
import { k3sProgram } from './board.ts';

type Node = ApiObject<{ spec: { readonly taints?: ReadonlyArray<{ readonly key: string }> } }>;
type List<T> = { readonly items: readonly T[] };
const address = '10.77.0.1';
const secretsPath = '/api/v1/namespaces/kube-system/secrets';

/** On this network namespace's 10.77.0.1. */
export async function startMaster(directory: string, privateKey: string) {
  const assets = await findAssets();
  if (assets === undefined) throw new Error('there is no control plane: run .ci/control-plane');
  const closing = new AbortController();
  const { signal } = closing;
  const server = await startK3sSupervisor({
    ...{ assets, directory, address, port: 6443, log: () => undefined },
    signal: new AbortController().signal,
  });
  const ends: (() => unknown)[] = [];
  const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const contents = [
    { kind: 'binary', bytes: Buffer.from(k3sProgram) },
    { kind: 'images', bytes: Buffer.alloc(5_000_000, 'images') },
  ] as const;
  const served = await startFileServer({ teardown: (end) => void ends.push(end) }, arch, contents, address);

  const deps = { clock: systemClock, random: systemRandom, log: createLogDouble(), signal };
  const cluster = openCluster({ kubeconfig: server.daemonKubeconfig, ...deps });
  /** Of every token that was minted. */
  const secrets: string[] = [];
  const request: JoinCluster['request'] = (method, path, how) => {
    const { stringData }: { stringData?: Readonly<Record<string, string>> } = Object(how.body ?? {});
    if (stringData?.['token-secret'] !== undefined) secrets.push(stringData['token-secret']);
    return cluster.request(method, path, how);
  };
  const { baseUrl, files } = served;
  const config = { server: server.server, version: 'v1.34.2+k3s1', files, baseUrl };
  const driver = k3sDriver({ ...config, caHash: caHash(server.caPem) });
  const owned = new Map<DeviceId, ReturnType<typeof ownKeysDouble>>();
  const keysOf = (id: DeviceId): ReturnType<typeof ownKeysDouble> => {
    const known = owned.get(id) ?? ownKeysDouble();
    owned.set(id, known);
    return known;
  };
  const ownKeys: OwnKeys = {
    pinned: (id) => keysOf(id).keys.pinned(id),
    plan: (board) => keysOf(board.id).keys.plan(board),
    pin: (id) => keysOf(id).keys.pin(id),
  };
  /** With the key that it shows by now. */
  const asKnown = (board: JoinBoard): JoinBoard => {
    const pinned = ownKeys.pinned(board.id);
    return pinned === undefined ? board : { ...board, hostKeys: [pinned] };
  };
  const joiner = createJoiner({
    ...deps,
    cluster: { ...cluster, request },
    driver: async () => ok(driver),
    privateKey,
    ownKeys,
    earliest: anyTime,
  });
  const admin = connect({ server: server.server, caPem: server.caPem, token: server.adminToken });

  /** The driver alone: neither Node nor Secret is touched before, as if somebody else had sent the board. */
  const driverJoins = async (
    session: SshSession,
    board: JoinBoard,
    how: { lifetime?: number; caHash?: string } = {},
  ) => {
    const context: StepContext = { signal, transfer: (work) => work() };
    const lifetime = how.lifetime === undefined ? minutes(10) : millis(how.lifetime);
    const { tokenGroups: groups } = driver;
    const wanted = { device: board.id, run: 'e2e', name: board.name, groups, lifetime };
    const token = await mintToken({ request, random: systemRandom, clock: systemClock }, wanted, signal);
    if (!token.ok) return token;
    const stranger = k3sDriver({ ...config, caHash: how.caHash ?? caHash(server.caPem) });
    const left = await stranger.leave(session, context);
    if (!left.ok) return left;
    const installed = await stranger.install(session, board, context);
    if (!installed.ok) return installed;
    const end = await stranger.join(session, board, token.value, context);
    if (!end.ok) await stranger.giveUp?.(session, context);
    const revoked = await revokeTokens(request, board.id, signal);
    return revoked.ok ? end : revoked;
  };
  const close = async (): Promise<void> => {
    closing.abort();
    await Promise.all([joiner.done, cluster.done]);
    for (const end of ends) await end();
    await server.stop();
  };
  const list = async <T>(path: string): Promise<readonly T[]> => (await admin.call<List<T>>('GET', path)).items;
  const api = {
    nodes: () => list<Node>('/api/v1/nodes'),
    /** By the beginning of their name. */
    secrets: async (prefix: string) =>
      (await list<ApiObject>(secretsPath)).flatMap(({ metadata: { name = '' } }) =>
        name.startsWith(prefix) ? [name] : [],
      ),
  };
  const flashed = (id: DeviceId): void => void owned.delete(id);
  return { joiner, asKnown, flashed, cluster, driverJoins, secrets, signal, api, asked: served.asked, close };
}
