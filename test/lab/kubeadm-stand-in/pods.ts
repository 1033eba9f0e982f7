/** The Pods of one node: those bound to it run after the start delay, those being deleted are gone after another. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, ApiError, type ApiObject } from '../control-plane/api-client.ts';
import { type PageServers, servesPage } from './page-server.ts';
import { isRunningSince, type Pod, runningStatus } from './pod-status.ts';
import { intervals, isPassing } from './retry.ts';

type PodsOptions = {
  readonly api: ApiClient;
  readonly nodeName: string;
  readonly hostIp: string;
  readonly bootId: string;
  readonly startDelayMs: number;
  readonly stopDelayMs: number;
  /** Without it no Pod serves a page. */
  readonly pages?: PageServers;
  readonly signal: AbortSignal;
  /** Aborted by the heartbeat when the API server was away: an old connection may be dead without a sign. */
  readonly connection: () => AbortSignal;
  readonly log: (line: string) => void;
};

/** Per uid, what was begun: each of the two happens once per Pod. */
type Begun = 'start' | 'stop';

/**
 * A web server that is told to end goes on for a little: kube-proxy may send somebody there for a second or two more. The
 * article's would take its whole 30 s: as process 1 of its container busybox does not hear SIGTERM.
 */
const drainMs = 5000;

/** Runs until the signal. */
export async function followPods(options: PodsOptions): Promise<void> {
  const { api, nodeName, pages, signal, log } = options;
  const begun = new Map<string, Begun>();
  const latest = new Map<string, Pod>();
  const selector = `fieldSelector=spec.nodeName%3D${nodeName}`;
  const podIp = addressPool(options.hostIp, latest);

  const settle = (pod: Pod): void => {
    const uid = pod.metadata.uid ?? '';
    latest.set(uid, pod);
    const wanted: Begun = pod.metadata.deletionTimestamp === undefined ? 'start' : 'stop';
    if (begun.get(uid) === wanted || begun.get(uid) === 'stop') return;
    begun.set(uid, wanted);
    if (wanted === 'start' && isRunningSince(pod, options.bootId)) return;
    const drain = pages !== undefined && servesPage(pod) ? drainMs : 0;
    void carryOut(uid, wanted, wanted === 'start' ? options.startDelayMs : options.stopDelayMs + drain);
  };

  const carryOut = async (uid: string, step: Begun, delayMs: number): Promise<void> => {
    await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    let chosen: string | undefined;
    for (const wait of intervals()) {
      const pod = latest.get(uid);
      if (signal.aborted || pod === undefined || begun.get(uid) !== step) return;
      const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
      try {
        if (step === 'stop') {
          await pages?.end(uid);
          const body = { gracePeriodSeconds: 0, preconditions: { uid } };
          await api.call('DELETE', path, { body });
        } else {
          chosen ??= pod.status?.podIP ?? podIp();
          const address = pod.spec.hostNetwork === true ? options.hostIp : chosen;
          if (pages !== undefined && address === chosen && servesPage(pod)) await pages.serve(pod, address);
          const running = { bootId: options.bootId, hostIp: options.hostIp, podIp: address, now: new Date() };
          const body = { metadata: { uid }, status: runningStatus(pod, running) };
          await api.call('PATCH', `${path}/status`, { body, patch: 'strategic-merge' });
        }
        return;
      } catch (error) {
        // Gone, or another Pod of this name by now: nothing of ours is left to do.
        if (error instanceof ApiError && (error.status === 404 || error.status === 409)) return;
        log(`${step} of ${path}: ${error instanceof Error ? error.message : error}`);
        await sleep(wait, undefined, { signal }).catch(() => undefined);
      }
    }
  };

  const forget = (uid: string): void => {
    latest.delete(uid);
    begun.delete(uid);
    void pages?.end(uid);
  };

  const relist = async (): Promise<string> => {
    const list = await api.call<{ items: Pod[] }>('GET', `/api/v1/pods?${selector}`);
    const uids = new Set(list.items.map((pod) => pod.metadata.uid ?? ''));
    for (const uid of latest.keys()) if (!uids.has(uid)) forget(uid);
    await pages?.endOthers(uids);
    for (const pod of list.items) settle(pod);
    return list.metadata.resourceVersion ?? '';
  };

  let version = '';
  let backoff = intervals();
  while (!signal.aborted) {
    const link = options.connection();
    try {
      if (version === '') version = await relist();
      const path = `/api/v1/pods?watch=true&allowWatchBookmarks=true&${selector}&resourceVersion=${version}`;
      await api.watch(path, AbortSignal.any([signal, link]), ({ type, object }) => {
        backoff = intervals();
        version = object.metadata.resourceVersion ?? version;
        if (type === 'DELETED') forget(object.metadata.uid ?? '');
        else if (type !== 'BOOKMARK') settle(object as ApiObject as Pod);
      });
    } catch (error) {
      // 410: too long away for the server's memory.
      if (error instanceof ApiError && !isPassing(error)) version = '';
      if (!signal.aborted && !link.aborted) log(`pods: ${error instanceof Error ? error.message : error}`);
    }
    await sleep(backoff.next().value, undefined, { signal }).catch(() => undefined);
  }
}

/** Addresses of the Node's part of the Pod network: 10.42.<last number of the node's address>.2 and on, each once. */
function addressPool(hostIp: string, pods: ReadonlyMap<string, Pod>): () => string {
  let last = 0;
  return () => {
    const taken = new Set(Array.from(pods.values(), ({ status }) => status?.podIP));
    for (;;) {
      last = (last % 250) + 1;
      const address = `10.42.${hostIp.split('.')[3] ?? '0'}.${last + 1}`;
      if (!taken.has(address) || taken.size > 250) return address;
    }
  };
}
