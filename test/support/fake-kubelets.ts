/**
 * Kubelets of a whole rack in one process (stand-ins; facts 6.5): their Nodes register and stay Ready, pods bound to them "run"
 * after a delay, and go after another. A cable that is pulled silences one, with its containers still "running".
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, ApiError, type ApiObject } from '../lab/control-plane/api-client.ts';
import { leaseObject, microTime, type NodeFacts, nodeObject, nodeStatus } from '../lab/kubeadm-stand-in/node-object.ts';
import { type Pod, runningStatus } from '../lab/kubeadm-stand-in/pod-status.ts';

type BoundPod = Pod & { readonly spec: { readonly nodeName?: string } };
type Taint = NodeFacts['taints'][number];

export type FakeKubelets = {
  /** A new board; settles once its Node is Ready. */
  readonly add: (name: string, how?: { readonly taints?: readonly Taint[] }) => Promise<void>;
  /** Silence: no heartbeat, and nothing of its pods is told or done. */
  readonly pull: (name: string) => void;
  /** It tells of itself at once, and does what it was asked to meanwhile. */
  readonly plug: (name: string) => Promise<void>;
  /** Settles once every loop has ended; the signal has to be aborted. */
  readonly done: Promise<unknown>;
};

type Board = { readonly facts: NodeFacts; uid: string; since: Date; isPlugged: boolean };

export type FakeKubeletsOptions = {
  readonly api: ApiClient;
  readonly signal: AbortSignal;
  readonly startDelayMs?: number;
  readonly stopDelayMs?: number;
  readonly heartbeatMs?: number;
  readonly onError?: (what: string) => void;
};

export function startFakeKubelets(options: FakeKubeletsOptions): FakeKubelets {
  const { api, signal, startDelayMs = 100, stopDelayMs = 100, heartbeatMs = 5000, onError = () => undefined } = options;
  const boards = new Map<string, Board>();
  const pods = new Map<string, BoundPod>();
  /** Each of the two once per pod. */
  const begun = new Map<string, 'start' | 'stop'>();
  let addresses = 0;

  async function heartbeat(board: Board): Promise<void> {
    const { facts, since } = board;
    const body = { status: nodeStatus(facts, since, new Date()) };
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const renewal = { spec: { renewTime: microTime(new Date()) } };
    await api.call('PATCH', `/api/v1/nodes/${facts.name}/status`, { body, patch: 'strategic-merge' });
    await api.call('PATCH', `${leases}/${facts.name}`, { body: renewal, patch: 'merge' }).catch(async (error) => {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      await api.call('POST', leases, { body: leaseObject(facts.name, board.uid, new Date()) });
    });
  }

  async function carryOut(uid: string, step: 'start' | 'stop'): Promise<void> {
    await sleep(step === 'start' ? startDelayMs : stopDelayMs, undefined, { signal }).catch(() => undefined);
    const pod = pods.get(uid);
    const board = boards.get(pod?.spec.nodeName ?? '');
    if (signal.aborted || pod === undefined || board === undefined) return;
    // Asked for again when it is plugged in.
    if (!board.isPlugged) return void begun.delete(uid);
    const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
    const podIp = `10.42.${(addresses >> 8) & 255}.${addresses++ & 255}`;
    const { address: hostIp, bootId } = board.facts;
    const status = runningStatus(pod, { bootId, hostIp, podIp: pod.status?.podIP ?? podIp, now: new Date() });
    const call =
      step === 'stop'
        ? api.call('DELETE', path, { body: { gracePeriodSeconds: 0, preconditions: { uid } } })
        : api.call('PATCH', `${path}/status`, { body: { metadata: { uid }, status }, patch: 'strategic-merge' });
    await call.catch((error) => {
      if (error instanceof ApiError && (error.status === 404 || error.status === 409)) return;
      onError(`${step} ${path}: ${error}`);
      begun.delete(uid);
    });
  }

  function settle(pod: BoundPod): void {
    const { uid = '', deletionTimestamp } = pod.metadata;
    const step = deletionTimestamp === undefined ? 'start' : 'stop';
    if (boards.get(pod.spec.nodeName ?? '')?.isPlugged !== true) return;
    if (begun.get(uid) === step || begun.get(uid) === 'stop') return;
    begun.set(uid, step);
    void carryOut(uid, step);
  }

  function note(type: string, pod: BoundPod): void {
    const { uid = '' } = pod.metadata;
    if (type === 'DELETED') {
      pods.delete(uid);
      begun.delete(uid);
    } else {
      pods.set(uid, pod);
      settle(pod);
    }
  }

  async function followPods(): Promise<void> {
    while (!signal.aborted) {
      try {
        const list = await api.call<{ items: BoundPod[] }>('GET', '/api/v1/pods');
        const there = new Set(list.items.map(({ metadata }) => metadata.uid));
        for (const [uid, pod] of pods) if (!there.has(uid)) note('DELETED', pod);
        for (const pod of list.items) note('ADDED', pod);
        const path = `/api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion=${list.metadata.resourceVersion}`;
        await api.watch(path, signal, ({ type, object }) => {
          if (type !== 'BOOKMARK') note(type, object as ApiObject as BoundPod);
        });
      } catch (error) {
        if (!signal.aborted) onError(`pods: ${error}`);
      }
      await sleep(100, undefined, { signal }).catch(() => undefined);
    }
  }

  async function keepAlive(): Promise<void> {
    while (!signal.aborted) {
      await sleep(heartbeatMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const alive = [...boards.values()].filter(({ isPlugged }) => isPlugged);
      await Promise.all(alive.map((board) => heartbeat(board).catch((error) => onError(`heartbeat: ${error}`))));
      for (const pod of pods.values()) settle(pod);
    }
  }

  async function add(name: string, { taints = [] }: { readonly taints?: readonly Taint[] } = {}): Promise<void> {
    const number = boards.size + 1;
    const facts: NodeFacts = {
      ...{ name, address: `10.77.${number >> 8}.${number & 255}`, taints, arch: 'arm64', port: 10250 },
      labels: { 'topology.kubernetes.io/zone': 'rack' },
      ...{ machineId: randomUUID().replaceAll('-', ''), bootId: randomUUID() },
    };
    const made = await api.call('POST', '/api/v1/nodes', { body: nodeObject(facts) });
    const board: Board = { facts, uid: made.metadata.uid ?? '', since: new Date(), isPlugged: true };
    await heartbeat(board);
    boards.set(name, board);
    await untilOpen(name);
  }

  /** Kubernetes takes its own taint off a new Node when it has seen that it is Ready. */
  async function untilOpen(name: string): Promise<void> {
    for (const end = performance.now() + 30_000; performance.now() < end; ) {
      const { spec } = await api.call<{ spec: { taints?: readonly Taint[] } }>('GET', `/api/v1/nodes/${name}`);
      if (spec.taints?.some(({ key }) => key === 'node.kubernetes.io/not-ready') !== true) return;
      await sleep(50, undefined, { signal });
    }
    throw new Error(`${name} is not open for pods`);
  }

  const boardOf = (name: string): Board => {
    const board = boards.get(name);
    if (board === undefined) throw new Error(`no board ${name}`);
    return board;
  };
  return {
    add,
    pull: (name) => {
      boardOf(name).isPlugged = false;
    },
    plug: async (name) => {
      const board = boardOf(name);
      board.isPlugged = true;
      await heartbeat(board);
      for (const pod of pods.values()) settle(pod);
    },
    done: Promise.all([followPods(), keepAlive()]),
  };
}
