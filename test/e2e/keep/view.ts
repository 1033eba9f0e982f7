/** What the cluster looks like, from watches of its own: never the daemon's word for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from '../../lab/admin.ts';
import { ApiError, type ApiObject } from '../../lab/control-plane/api-client.ts';

type Condition = { readonly type: string; readonly status: string; readonly reason?: string };
export type PodView = ApiObject<{
  readonly spec: { readonly nodeName?: string };
  readonly status?: { readonly phase?: string; readonly conditions?: readonly Condition[] };
}>;
export type NodeView = ApiObject<{
  readonly spec: {
    readonly unschedulable?: boolean;
    readonly taints?: ReadonlyArray<{ readonly key: string; readonly effect: string }>;
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}>;
type DeploymentView = ApiObject<{ readonly status?: { readonly availableReplicas?: number } }>;

export type View = {
  readonly pods: () => readonly PodView[];
  readonly nodes: () => readonly NodeView[];
  /** Every version of a Pod that there was, with the moment it was heard of (monotonic milliseconds). */
  readonly history: ReadonlyArray<{ readonly at: number; readonly pod: PodView }>;
  /** The fewest available replicas of each Deployment since `from`, an index that `moment()` gave. */
  readonly fewest: (from: number) => ReadonlyMap<string, number>;
  readonly moment: () => number;
  /** Asked again after each thing heard, and at least each second. */
  readonly until: (what: string, seconds: number, holds: () => boolean | Promise<boolean>) => Promise<void>;
};

/** Of a Pod that is not on its way out. */
export const isReady = ({ metadata, status }: PodView): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;

/** Held gone by bramble; Kubernetes has a taint of its own for what is silent. */
export const isFenced = ({ spec }: NodeView): boolean =>
  spec.taints?.some(({ key }) => key === 'bramble.dev/unreachable') === true;

/** Nothing keeps Pods away from it. */
export const isOpen = ({ spec }: NodeView): boolean => spec.unschedulable !== true && (spec.taints ?? []).length === 0;

export const appOf = ({ metadata }: ApiObject): string => metadata.labels?.['app'] ?? '';

/** How many Ready Pods of an app (or of any) each Node has: `{ 'worker-kube1': 5, 'worker-kube2': 5 }`. */
export function spreadOf(pods: readonly PodView[], app?: string): Partial<Record<string, number>> {
  const spread: Partial<Record<string, number>> = {};
  for (const pod of pods) {
    if (!isReady(pod) || (app !== undefined && appOf(pod) !== app)) continue;
    const node = pod.spec.nodeName ?? '';
    spread[node] = (spread[node] ?? 0) + 1;
  }
  return spread;
}

const lookMs = 1000;

/** Follows Pods and Deployments of the default namespace, and Nodes, until the signal is aborted. */
export function openView(admin: Admin, now: () => number, signal: AbortSignal): View {
  const wakes = new Set<() => void>();
  const history: { at: number; pod: PodView }[] = [];
  const available: { name: string; count: number }[] = [];

  const follow = <T extends ApiObject>(path: string, onChange: (object: T) => void = () => undefined) => {
    const all = new Map<string, T>();
    const run = async (): Promise<void> => {
      while (!signal.aborted) {
        try {
          const list = await admin.call<{ readonly items: readonly T[] }>('GET', path);
          all.clear();
          for (const object of list.items) all.set(object.metadata.uid ?? '', object);
          const version = list.metadata.resourceVersion ?? '';
          await admin.watch(`${path}?watch=true&resourceVersion=${version}`, signal, ({ type, object }) => {
            const uid = object.metadata.uid ?? '';
            if (type === 'DELETED') all.delete(uid);
            else all.set(uid, object as T);
            if (type !== 'DELETED') onChange(object as T);
            for (const wake of wakes) wake();
          });
        } catch (error) {
          if (signal.aborted || !(error instanceof ApiError || error instanceof Error)) return;
        }
        await sleep(200, undefined, { signal }).catch(() => undefined);
      }
    };
    void run();
    return () => [...all.values()];
  };

  const pods = follow<PodView>('/api/v1/namespaces/default/pods', (pod) => history.push({ at: now(), pod }));
  const nodes = follow<NodeView>('/api/v1/nodes');
  follow<DeploymentView>('/apis/apps/v1/namespaces/default/deployments', ({ metadata, status }) =>
    available.push({ name: metadata.name ?? '', count: status?.availableReplicas ?? 0 }),
  );
  return {
    ...{ pods, nodes, history },
    moment: () => available.length,
    fewest: (from) => {
      const fewest = new Map<string, number>();
      for (const { name, count } of available.slice(from))
        fewest.set(name, Math.min(count, fewest.get(name) ?? Number.POSITIVE_INFINITY));
      return fewest;
    },
    until: async (what, seconds, holds) => {
      const deadline = now() + seconds * 1000;
      while (!(await holds())) {
        if (now() > deadline) throw new Error(`${seconds} s went by without: ${what}`);
        const { promise, resolve } = Promise.withResolvers<void>();
        wakes.add(resolve);
        const timer = setTimeout(resolve, lookMs);
        await promise;
        clearTimeout(timer);
        wakes.delete(resolve);
      }
    },
  };
}
