/** The cluster as the daemon sees it: one connection, one watch on Nodes for everybody, and the few things we change. */
import type { Problem, Result } from '../../config/result.ts';
import { seconds } from '../../config/values.ts';
import type { Clock, Log, Random } from '../ports.ts';
import { createRests } from '../rests.ts';
import type { ApiCounts, ApiProblem, CallOptions, RequestMethod } from './api.ts';
import { type ApiEndpoint, connectCluster } from './connect.ts';
import { type CsrFacts, watchCsrs } from './csrs.ts';
import type { Gate } from './gate.ts';
import { createGate } from './gate-api.ts';
import { fetchNode, type NodeFacts, watchNodes } from './nodes.ts';
import { connectPlain } from './plain.ts';
import { deleteNode, putQuarantine, releaseQuarantine } from './taints.ts';
import type { Change, Reflector } from './watch.ts';
import { type ServiceFacts, watchServices } from './workloads/services.ts';
import { openWorkloads, type Workloads } from './workloads/workloads.ts';

export type ClusterOptions = {
  /** A file that may not be there yet. */
  readonly kubeconfig: string;
  /** In its place: a server without TLS and accounts, whose address may not be known yet. */
  readonly plainServer?: (() => string | undefined) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export type Cluster = {
  readonly request: (method: RequestMethod, path: string, options: CallOptions) => Promise<Result<unknown, ApiProblem>>;
  readonly endpoint: () => Promise<Result<ApiEndpoint, ApiProblem>>;
  /** The server's version, if it answers. */
  readonly reachable: (signal: AbortSignal) => Promise<Result<string, ApiProblem>>;
  /** Asks the server. Not there is a value. */
  readonly readNode: (name: string, signal: AbortSignal) => Promise<Result<NodeFacts | undefined, ApiProblem>>;
  /** From the watch's copy. */
  readonly node: (name: string) => NodeFacts | undefined;
  readonly nodes: () => readonly NodeFacts[];
  /** Whether Nodes have been listed at least once. */
  readonly synced: () => boolean;
  /** Every real change of a Node, until the returned function is called. */
  readonly onNodes: (listener: (change: Change<NodeFacts>) => void) => () => void;
  readonly watchCsrs: (options: { signal: AbortSignal; onRequest: (csr: CsrFacts) => void }) => Promise<void>;
  readonly putQuarantine: (name: string, uid: string, signal: AbortSignal) => Promise<Result<void, Problem>>;
  readonly releaseQuarantine: (name: string, uid: string, signal: AbortSignal) => Promise<Result<void, Problem>>;
  readonly deleteNode: (name: string, uid: string, signal: AbortSignal) => Promise<Result<void, Problem>>;
  /** Pods, and what owns and binds them. Watched from the first call on; undefined where nothing is kept (Kubernetes 1.3). */
  readonly workloads: () => Workloads | undefined;
  /** Watched as pods are, and nothing is decided on them. */
  readonly services: () => readonly ServiceFacts[];
  readonly gate: Gate;
  /** What the server was asked since the start. */
  readonly asked: () => ApiCounts;
  /** Settles once the signal is aborted and every connection is closed. */
  readonly done: Promise<void>;
};

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Returns at once; a cluster that cannot be reached yet is asked again for as long as it takes. */
export function openCluster({ kubeconfig, plainServer, clock, random, log, signal }: ClusterOptions): Cluster {
  const connection = plainServer ? connectPlain({ server: plainServer }) : connectCluster({ kubeconfig });
  const listeners = new Set<(change: Change<NodeFacts>) => void>();
  const rests = createRests(clock, seconds(1));
  const watching = { api: connection, clock, rests, random, log };
  const nodes = watchNodes({
    ...watching,
    signal,
    onChange: (change) => {
      for (const listener of [...listeners]) listener(change);
    },
  });
  let workloads: Workloads | undefined;
  let services: Reflector<ServiceFacts> | undefined;
  const onNodes: Cluster['onNodes'] = (listener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  return {
    request: connection.request,
    endpoint: connection.endpoint,
    reachable: connection.reachable,
    readNode: (name, until) => fetchNode(connection, name, until),
    node: (name) => nodes.items.get(name),
    nodes: () => [...nodes.items.values()],
    synced: nodes.synced,
    onNodes,
    // Kubernetes 1.3 has none.
    watchCsrs: plainServer
      ? ({ signal: until }) => untilAborted(until)
      : (options) => watchCsrs({ ...watching, ...options, signal: AbortSignal.any([signal, options.signal]) }).done,
    putQuarantine: (name, uid, until) => putQuarantine(connection, name, uid, until),
    releaseQuarantine: (name, uid, until) => releaseQuarantine(connection, name, uid, until),
    deleteNode: (name, uid, until) => deleteNode(connection, name, uid, until),
    workloads: () => {
      if (plainServer === undefined) workloads ??= openWorkloads({ ...watching, nodes, onNodes, signal });
      return workloads;
    },
    services: () => {
      if (plainServer === undefined) services ??= watchServices({ ...watching, signal });
      return [...(services?.items.values() ?? [])];
    },
    gate: createGate(connection, { clock, log }),
    asked: connection.asked,
    done: Promise.all([rests.follow(signal), nodes.done])
      .then(() => Promise.all([workloads?.done, services?.done]))
      .then(() => undefined)
      .finally(connection.close),
  };
}
