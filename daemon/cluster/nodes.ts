/** What we know of the cluster's Nodes: a slim copy, kept by a watch. */
import { ok, type Result } from '../../config/result.ts';
import type { Clock, Log, Random } from '../ports.ts';
import type { Rests } from '../rests.ts';
import type { Api, ApiProblem } from './api.ts';
import { type Change, type ReflectLimits, type Reflector, reflect } from './watch.ts';
import { field, isJson, list, text, textsOf } from './watch-event.ts';
import { bytesOf, cpuOf } from './workloads/quantity.ts';

export type Taint = { readonly key: string; readonly value: string; readonly effect: string };

export type NodeFacts = {
  readonly name: string;
  readonly uid: string;
  /** Its condition Ready is True; Unknown is not. */
  readonly ready: boolean;
  readonly internalIp: string | undefined;
  /** The label `bramble.dev/device`. Its kubelet set it: it tells whom the Node belongs to, and proves nothing. */
  readonly device: string | undefined;
  /** It carries the control plane, as k3s and kubeadm label it. */
  readonly controlPlane: boolean;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
  /** When `ready` last changed, as the Node says: RFC 3339. */
  readonly lastTransition: string | undefined;
  /** Another one with each start of its board (`nodeInfo.bootID`). */
  readonly bootId: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** `cordonAnnotation`; undefined: not by us. */
  readonly cordonedBy: string | undefined;
  /** What pods may ask for in all: `cpu` in thousandths of a core, `memory` in bytes. */
  readonly allocatable: { readonly cpu: number; readonly memory: number; readonly pods: number };
};

export const nodesPath = '/api/v1/nodes';

const controlPlaneRoles = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

export function readNode(object: unknown): NodeFacts | undefined {
  const metadata = field(object, 'metadata');
  const [name, uid] = [text(field(metadata, 'name')), text(field(metadata, 'uid'))];
  if (name === undefined || uid === undefined) return undefined;
  const labels = field(metadata, 'labels');
  const [spec, status] = [field(object, 'spec'), field(object, 'status')];
  const ready = list(field(status, 'conditions')).find((condition) => field(condition, 'type') === 'Ready');
  const address = list(field(status, 'addresses')).find((entry) => field(entry, 'type') === 'InternalIP');
  return {
    ...{ name, uid },
    ready: field(ready, 'status') === 'True',
    internalIp: text(field(address, 'address')),
    device: text(field(labels, 'bramble.dev/device')),
    controlPlane: controlPlaneRoles.some((role) => text(field(labels, role)) !== undefined),
    taints: list(field(spec, 'taints')).filter(isJson).map(readTaint),
    unschedulable: field(spec, 'unschedulable') === true,
    lastTransition: text(field(ready, 'lastTransitionTime')),
    bootId: text(field(field(status, 'nodeInfo'), 'bootID')),
    labels: textsOf(labels),
    cordonedBy: text(field(field(metadata, 'annotations'), cordonAnnotation)),
    allocatable: readAllocatable(field(status, 'allocatable')),
  };
}

/** Who cordoned a Node, where that was bramble: what we did not cordon we never uncordon. */
export const cordonAnnotation = 'bramble.dev/cordoned-by';

const readAllocatable = (value: unknown): NodeFacts['allocatable'] => ({
  cpu: cpuOf(field(value, 'cpu')),
  memory: bytesOf(field(value, 'memory')),
  pods: bytesOf(field(value, 'pods')),
});

/** One Node as it is now; undefined if there is none of that name. */
export async function fetchNode(
  api: Pick<Api, 'request'>,
  name: string,
  signal: AbortSignal,
): Promise<Result<NodeFacts | undefined, ApiProblem>> {
  const answer = await api.request('GET', `${nodesPath}/${encodeURIComponent(name)}`, { signal });
  if (answer.ok) return ok(readNode(answer.value));
  return answer.error.code === 'API_NOT_FOUND' ? ok(undefined) : answer;
}

export const readTaint = (taint: unknown): Taint => ({
  key: text(field(taint, 'key')) ?? '',
  value: text(field(taint, 'value')) ?? '',
  effect: text(field(taint, 'effect')) ?? '',
});

export type WatchOptions = {
  readonly api: Api;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Of a second each. */
  readonly rests: Pick<Rests, 'elapsed'>;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly limits?: Partial<ReflectLimits>;
};

/** `onChange` is called for real changes only: heartbeats change nothing in NodeFacts. */
export const watchNodes = (
  options: WatchOptions & { readonly onChange: (change: Change<NodeFacts>) => void },
): Reflector<NodeFacts> => reflect({ ...options, path: nodesPath, project: readNode });
