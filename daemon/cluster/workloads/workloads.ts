/** The World, kept by watches: one for each kind of object that something is decided on, and no other. */
import type { Problem } from '../../../config/result.ts';
import { type Millis, millis } from '../../../config/values.ts';
import type { NodeFacts, WatchOptions } from '../nodes.ts';
import { type Change, type Reflector, reflect } from '../watch.ts';
import { readBudget } from './budgets.ts';
import { createClaimTable, readClaim, readVolume } from './claims.ts';
import type { PodFacts, World } from './facts.ts';
import { createLeaseTable, type LeaseFacts, leaseNamespace, readLease } from './leases.ts';
import { createOwnerTable } from './owner-table.ts';
import { readAutoscaler, type Scaled, scaledReader } from './owners.ts';
import { createPodReader } from './pods.ts';

/** `name`: under which the World has it; of an owner its uid. */
export type WorldChange = { readonly kind: 'pod' | 'node' | 'owner' | 'budget' | 'claim'; readonly name: string };

export type Workloads = {
  /** As it is now. Its maps go on living: whoever awaits something asks again. */
  readonly world: () => World;
  /** Whether everything has been listed at least once. */
  readonly synced: () => boolean;
  /**
   * How old the oldest part of it is, in rests; undefined before it is synced. While a watch stands, a word on any other vouches for
   * it: a quiet one has nothing but a bookmark a minute to say.
   */
  readonly age: () => Millis | undefined;
  /** Why a part of it cannot be read, if that is so. */
  readonly trouble: () => Problem | undefined;
  /** Every real change, until the returned function is called. */
  readonly onChange: (listener: (change: WorldChange) => void) => () => void;
  /** Of a Node's kubelet; undefined if it has none. */
  readonly lease: (node: string) => LeaseFacts | undefined;
  /** Settles once the signal is aborted and every watch is closed. */
  readonly done: Promise<void>;
};

/** What is watched already for everybody. */
type NodesPort = {
  readonly nodes: Reflector<NodeFacts>;
  readonly onNodes: (listener: (change: Change<NodeFacts>) => void) => () => void;
};

/** Of DaemonSets and Jobs there is nothing to know but that a pod is theirs, and that stands in the pod. */
const scaled: readonly (readonly [Scaled['kind'], path: string])[] = [
  ['Deployment', '/apis/apps/v1/deployments'],
  ['ReplicaSet', '/apis/apps/v1/replicasets'],
  ['StatefulSet', '/apis/apps/v1/statefulsets'],
  ['ReplicationController', '/api/v1/replicationcontrollers'],
];
const leases = `/apis/coordination.k8s.io/v1/namespaces/${leaseNamespace}/leases`;

/** Returns at once, and begins to watch. */
export function openWorkloads({ nodes, onNodes, ...options }: WatchOptions & NodesPort): Workloads {
  const listeners = new Set<(change: WorldChange) => void>();
  const tell = (change: WorldChange): void => {
    for (const listener of [...listeners]) listener(change);
  };
  const owners = createOwnerTable((name) => tell({ kind: 'owner', name }));
  const claims = createClaimTable((name) => tell({ kind: 'claim', name }));
  const renewals = createLeaseTable(options.rests);
  const watch = <T extends { readonly name: string }>(
    path: string,
    project: (object: unknown) => T | undefined,
    put: (item: T) => void,
    remove: (item: T) => void,
    isSame?: (a: T, b: T) => boolean,
  ): Reflector<T> =>
    reflect({
      ...{ ...options, path, project, mayBeUnknown: true },
      ...(isSame && { isSame }),
      onChange: ({ type, item }) => (type === 'removed' ? remove(item) : put(item)),
    });
  /** Where the slim copy is all there is to know. */
  const plain = <T extends { readonly name: string }>(
    kind: WorldChange['kind'],
    path: string,
    project: (object: unknown) => T | undefined,
    isSame?: (a: T, b: T) => boolean,
  ): Reflector<T> => {
    const changed = ({ name }: T): void => tell({ kind, name });
    return watch(path, project, changed, changed, isSame);
  };

  const pods = plain('pod', '/api/v1/pods', createPodReader(), samePod);
  const budgets = plain('budget', '/apis/policy/v1/poddisruptionbudgets', readBudget);
  const autoscaled = (): void => owners.autoscale(autoscalers.items.values());
  const autoscalers = watch('/apis/autoscaling/v2/horizontalpodautoscalers', readAutoscaler, autoscaled, autoscaled);
  const all: readonly Omit<Reflector<unknown>, 'items'>[] = [
    ...[nodes, pods, budgets, autoscalers],
    ...scaled.map(([kind, path]) => watch(path, scaledReader(kind), owners.put, owners.remove)),
    watch('/api/v1/persistentvolumeclaims', readClaim, claims.putClaim, claims.removeClaim),
    watch('/api/v1/persistentvolumes', readVolume, claims.putVolume, claims.removeVolume),
    watch(leases, readLease, renewals.put, renewals.remove),
  ];
  const unsubscribe = onNodes(({ item }) => tell({ kind: 'node', name: item.name }));

  const age = (): Millis | undefined => {
    if (!synced()) return undefined;
    const newest = Math.min(...all.map(ageOf));
    return millis(Math.max(...all.map((one) => (one.isOpen() ? newest : ageOf(one)))));
  };
  const synced = (): boolean => all.every((one) => one.synced());

  return {
    world: () => ({
      nodes: [...nodes.items.values()],
      pods: pods.items,
      owners: owners.owners,
      budgets: [...budgets.items.values()],
      claims: claims.claims,
    }),
    synced,
    age,
    trouble: () => all.map((one) => one.trouble()).find((problem) => problem !== undefined),
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    lease: renewals.of,
    done: Promise.all(all.map((one) => one.done))
      .then(() => undefined)
      .finally(unsubscribe),
  };
}

const ageOf = (one: Pick<Reflector<unknown>, 'age'>): number => one.age() ?? Number.POSITIVE_INFINITY;

const podFields = [
  ...(['uid', 'node', 'owner', 'phase', 'ready', 'readySince', 'terminating', 'labels', 'shape'] as const),
  ...(['wish', 'deletionCost', 'mirror'] as const),
];
/** What pods have in common they share, so that everything compares at a glance. */
const samePod = (a: PodFacts, b: PodFacts): boolean => podFields.every((name) => a[name] === b[name]);
