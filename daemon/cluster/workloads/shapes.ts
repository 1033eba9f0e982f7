/** What a scheduler looks at in a pod's spec. Pods of one template say the same, and share one object. Pure. */
import { field, isJson, list, text, textsOf } from '../watch-event.ts';
import type { AffinityTerm, PodShape, SpreadConstraint, Toleration } from './facts.ts';
import { podRequests } from './requests.ts';
import { readNodeTerms, readSelector } from './selectors.ts';

/** Of a pod's `spec`; the rest is what some of its parts refer to. */
export type ShapeSource = {
  readonly spec: unknown;
  readonly namespace: string;
  readonly pod: string;
  readonly labels: Readonly<Record<string, string>>;
};

/** The value of system-cluster-critical; system-node-critical is higher. */
const SYSTEM_CRITICAL = 2_000_000_000;

export function readShape({ spec, namespace, pod, labels }: ShapeSource): PodShape {
  const affinity = field(spec, 'affinity');
  const required = (kind: string): unknown =>
    field(field(affinity, kind), 'requiredDuringSchedulingIgnoredDuringExecution');
  const terms = (kind: string): readonly AffinityTerm[] =>
    list(required(kind)).map((term) => readAffinityTerm(term, namespace));
  const volumes = list(field(spec, 'volumes'));
  const priority = numberOf(field(spec, 'priority'));
  const containers = list(field(spec, 'containers'));
  return {
    requests: podRequests(spec),
    hostPorts: [...containers, ...list(field(spec, 'initContainers')).filter(isSidecar)].flatMap(readHostPorts).sort(),
    nodeSelector: textsOf(field(spec, 'nodeSelector')),
    nodeAffinity: readNodeTerms(field(required('nodeAffinity'), 'nodeSelectorTerms')),
    podAffinity: terms('podAffinity'),
    podAntiAffinity: terms('podAntiAffinity'),
    spread: list(field(spec, 'topologySpreadConstraints')).map((one) => readSpread(one, labels)),
    tolerations: list(field(spec, 'tolerations')).map(readToleration),
    claims: volumes.flatMap((volume) => claimsOf(volume, pod)).map((claim) => `${namespace}/${claim}`),
    localStorage: volumes.some((volume) => isJson(field(volume, 'emptyDir')) || isJson(field(volume, 'hostPath'))),
    systemCritical: priority >= SYSTEM_CRITICAL,
    priority,
    hostNetwork: field(spec, 'hostNetwork') === true,
    images: containers.map((container) => text(field(container, 'image')) ?? ''),
  };
}

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);

/** An init container that goes on running beside the others (Kubernetes 1.29). */
const isSidecar = (container: unknown): boolean => field(container, 'restartPolicy') === 'Always';

/** With hostNetwork the API server fills in `hostPort` by itself. */
const readHostPorts = (container: unknown): readonly string[] =>
  list(field(container, 'ports')).flatMap((port) => {
    const number = numberOf(field(port, 'hostPort'));
    if (number === 0) return [];
    return [`${text(field(port, 'hostIP')) || '0.0.0.0'}:${number}/${text(field(port, 'protocol')) ?? 'TCP'}`];
  });

/** A generic ephemeral volume has a claim that is called after the pod. */
const claimsOf = (volume: unknown, pod: string): readonly string[] => {
  const claim = text(field(field(volume, 'persistentVolumeClaim'), 'claimName'));
  if (claim !== undefined) return [claim];
  return isJson(field(volume, 'ephemeral')) ? [`${pod}-${text(field(volume, 'name'))}`] : [];
};

/** Which namespaces have a label is not known here: `namespaceSelector` is taken for all of them. */
const readAffinityTerm = (term: unknown, namespace: string): AffinityTerm => {
  const named = list(field(term, 'namespaces')).filter((one) => typeof one === 'string');
  return {
    topologyKey: text(field(term, 'topologyKey')) ?? '',
    namespaces: isJson(field(term, 'namespaceSelector')) ? 'all' : named.length > 0 ? named : [namespace],
    selector: readSelector(field(term, 'labelSelector')),
  };
};

/** `matchLabelKeys`: as if the selector asked for the pod's own values (a rollout's pods are counted by themselves). */
const readSpread = (constraint: unknown, labels: ShapeSource['labels']): SpreadConstraint => {
  const selector = readSelector(field(constraint, 'labelSelector'));
  const own = list(field(constraint, 'matchLabelKeys')).flatMap((key) => {
    const value = typeof key === 'string' ? labels[key] : undefined;
    return typeof key === 'string' && value !== undefined ? [{ key, operator: 'In' as const, values: [value] }] : [];
  });
  return {
    topologyKey: text(field(constraint, 'topologyKey')) ?? '',
    maxSkew: numberOf(field(constraint, 'maxSkew')),
    hard: field(constraint, 'whenUnsatisfiable') !== 'ScheduleAnyway',
    selector: selector && { ...selector, matchExpressions: [...selector.matchExpressions, ...own] },
  };
};

const readToleration = (toleration: unknown): Toleration => ({
  key: text(field(toleration, 'key')) || undefined,
  operator: field(toleration, 'operator') === 'Exists' ? 'Exists' : 'Equal',
  value: text(field(toleration, 'value')) ?? '',
  effect: text(field(toleration, 'effect')) || undefined,
});
