/** The master of a real kubelet: the real control plane with what a real kubeadm reads there, and our joiner. */
import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { ok } from '../../../config/result.ts';
import { openCluster } from '../../../daemon/cluster/index.ts';
import type { JoinCluster } from '../../../daemon/join/cluster-port.ts';
import { caCertHashes, createJoiner, kubeadmDriver } from '../../../daemon/join/index.ts';
import { systemClock } from '../../../daemon/system/clock.ts';
import { systemRandom } from '../../../daemon/system/random.ts';
import { type ApiClient, type ApiObject, connect } from '../../lab/control-plane/api-client.ts';
import { findAssets, startControlPlane } from '../../lab/control-plane/start.ts';
import { createLogDouble } from '../../support/doubles.ts';
import { anyTime, ownKeysDouble } from '../../unit/join/own-keys-double.ts';

export type Master = Awaited<ReturnType<typeof startMaster>>;

type Node = ApiObject<{
  status: {
    readonly nodeInfo: { readonly kubeletVersion: string; readonly containerRuntimeVersion: string };
    readonly addresses: ReadonlyArray<{ readonly type: string; readonly address: string }>;
    readonly conditions: ReadonlyArray<{ readonly type: string; readonly lastHeartbeatTime: string }>;
  };
}>;
type CertificateRequest = ApiObject<{
  spec: { readonly username: string };
  status?: { readonly conditions?: ReadonlyArray<{ readonly type: string; readonly reason: string }> };
}>;
type Pod = ApiObject<{
  status: {
    readonly phase: string;
    readonly conditions?: ReadonlyArray<{ readonly reason?: string; readonly message?: string }>;
  };
}>;
type List<T> = { readonly items: readonly T[] };

/** On this network namespace's 10.77.0.1. */
export async function startMaster(directory: string, privateKey: string, hostKey: string) {
  const assets = await findAssets();
  if (assets === undefined) throw new Error('there is no control plane: run .ci/control-plane');
  const closing = new AbortController();
  const { signal } = closing;
  const server = await startControlPlane({
    ...{ assets, directory, address: '10.77.0.1', port: 6443, log: () => undefined },
    signal: new AbortController().signal,
  });
  const client = connect({ server: server.server, caPem: server.caPem, token: server.adminToken });
  await addWhatKubeadmReads(client, server.version);

  const log = createLogDouble();
  const deps = { clock: systemClock, random: systemRandom, log, signal };
  const cluster = openCluster({ kubeconfig: server.daemonKubeconfig, ...deps });
  /** Of every token that was minted. */
  const secrets: string[] = [];
  const request: JoinCluster['request'] = (method, path, how) => {
    const { stringData }: { stringData?: Readonly<Record<string, string>> } = Object(how.body ?? {});
    if (stringData !== undefined) secrets.push(String(stringData['token-secret']));
    return cluster.request(method, path, how);
  };
  const driver = kubeadmDriver({
    apiServerEndpoint: new URL(server.server).host,
    caCertHashes: caCertHashes(server.caPem),
  });
  /** While it is set nobody's request is seen. */
  const deaf: { isSet: boolean } = { isSet: false };
  const watchCsrs: JoinCluster['watchCsrs'] = (how) =>
    cluster.watchCsrs({ ...how, onRequest: (csr) => (deaf.isSet ? undefined : how.onRequest(csr)) });
  const joiner = createJoiner({
    ...deps,
    cluster: { ...cluster, request, watchCsrs },
    driver: async () => ok(driver),
    privateKey,
    ownKeys: ownKeysDouble(hostKey).keys,
    earliest: anyTime,
  });
  const close = async (): Promise<void> => {
    closing.abort();
    await Promise.all([joiner.done, cluster.done]);
    await server.stop();
  };
  return {
    joiner,
    driver,
    cluster,
    log,
    deaf,
    secrets,
    signal,
    version: server.version,
    api: questions(client),
    close,
  };
}

/** The lab's control plane has what its stand-in of kubeadm reads; the real one wants to see more. */
async function addWhatKubeadmReads(client: ApiClient, version: string): Promise<void> {
  const paths: Readonly<Record<string, string>> = {
    ConfigMap: '/api/v1/namespaces/kube-system/configmaps',
    Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles',
    RoleBinding: '/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings',
  };
  const text = await readFile(new URL('./cluster.yaml', import.meta.url), 'utf8');
  for (const document of parseAllDocuments(text.replaceAll('KUBERNETES_VERSION', version))) {
    const object: ApiObject = document.toJS();
    await client.call('POST', paths[object.kind ?? ''] ?? '', { body: object });
  }
}

/** What the scenario wants to know or to have, as the cluster's administrator. */
function questions(client: ApiClient) {
  const pods = '/api/v1/namespaces/default/pods';
  const pod = (name: string): Promise<Pod> => client.call<Pod>('GET', `${pods}/${name}`);
  const list = async <T>(path: string): Promise<readonly T[]> => (await client.call<List<T>>('GET', path)).items;
  return {
    nodes: () => list<Node>('/api/v1/nodes'),
    certificateRequests: () => list<CertificateRequest>('/apis/certificates.k8s.io/v1/certificatesigningrequests'),
    tokens: async () =>
      (await list<ApiObject<{ type: string }>>('/api/v1/namespaces/kube-system/secrets'))
        .filter(({ type }) => type === 'bootstrap.kubernetes.io/token')
        .map(({ metadata }) => metadata.name),
    createPod: async (name: string) => {
      const container = { name: 'sleep', image: 'bramble.invalid/busybox:lab', imagePullPolicy: 'Never' };
      const spec = { containers: [container], automountServiceAccountToken: false, terminationGracePeriodSeconds: 0 };
      await client.call('POST', pods, { body: { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec } });
    },
    podPhase: async (name: string) => (await pod(name)).status.phase,
    /** Why it has no Node; empty if the scheduler has not looked, or has found one. */
    unschedulable: async (name: string) =>
      (await pod(name)).status.conditions?.find(({ reason }) => reason === 'Unschedulable')?.message ?? '',
    /** When the kubelet last said that it is Ready, or not: RFC 3339, which sorts as text. */
    lastHeard: async (name: string) =>
      (await client.call<Node>('GET', `/api/v1/nodes/${name}`)).status.conditions.find(({ type }) => type === 'Ready')
        ?.lastHeartbeatTime ?? '',
  };
}
