/**
 * What the keepers (`balance`, `failover`, `drain`) know of pods and of what owns them: slim copies, kept by watches. At 50,000
 * pods every field counts, so all pods of one template share one `PodShape`. Pure: types only.
 */
import type { Instant } from '../../../config/values.ts';
import type { NodeFacts } from '../nodes.ts';

/** `cpu` in thousandths of a core, `memory` in bytes. */
export type Resources = { readonly cpu: number; readonly memory: number };

/** `Running` says nothing of readiness. */
export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';

export type PodFacts = {
  /** `namespace/name`; all names of objects in a namespace are written so. */
  readonly name: string;
  readonly uid: string;
  /** Undefined: not bound yet. */
  readonly node: string | undefined;
  /** Its controller: a ReplicaSet, not the Deployment above it. Undefined: nobody would make it anew. */
  readonly owner: OwnerRef | undefined;
  readonly phase: PodPhase;
  readonly ready: boolean;
  /** When `ready` last changed, by the API's clock. */
  readonly readySince: Instant | undefined;
  /** It has a deletionTimestamp. */
  readonly terminating: boolean;
  readonly created: Instant;
  readonly labels: Readonly<Record<string, string>>;
  readonly shape: PodShape;
  /** By its own annotations: `bramble.dev/balance: "false"`, or the descheduler's. Undefined: none. */
  readonly wish: 'stay' | 'may-move' | undefined;
  /** `controller.kubernetes.io/pod-deletion-cost`; 0 if it has none. */
  readonly deletionCost: number;
  /** Made by a kubelet from a file: nobody can evict it. */
  readonly mirror: boolean;
};

export type OwnerRef = { readonly kind: string; readonly uid: string; readonly name: string };

/** What a scheduler looks at. The same object for pods that say the same: compare with `===`. */
export type PodShape = {
  readonly requests: Resources;
  /** `{ip, port, protocol}` as one text each. */
  readonly hostPorts: readonly string[];
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** requiredDuringScheduling; terms are or-ed, the requirements of one are and-ed. Empty: everywhere. */
  readonly nodeAffinity: readonly (readonly Requirement[])[];
  readonly podAffinity: readonly AffinityTerm[];
  readonly podAntiAffinity: readonly AffinityTerm[];
  readonly spread: readonly SpreadConstraint[];
  readonly tolerations: readonly Toleration[];
  /** Names of PersistentVolumeClaims: `namespace/name`. */
  readonly claims: readonly string[];
  /** An emptyDir or hostPath, which does not move with it. */
  readonly localStorage: boolean;
  /** Its priority is that of system-cluster-critical or above. */
  readonly systemCritical: boolean;
  readonly priority: number;
  readonly hostNetwork: boolean;
  /** Of images, in order: two sets of pods with the same owner may differ in them. */
  readonly images: readonly string[];
};

/** `field`: of the Node itself (`metadata.name`) and not one of its labels. */
export type Requirement = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values: readonly string[];
  readonly field?: true;
};
export type LabelSelector = {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly Requirement[];
};
/** Required ones only. `namespaces` is never empty: its own, where none was named. `undefined` selector: matches nothing. */
export type AffinityTerm = {
  readonly topologyKey: string;
  readonly namespaces: readonly string[] | 'all';
  readonly selector: LabelSelector | undefined;
};
/** `hard`: DoNotSchedule. */
export type SpreadConstraint = {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly hard: boolean;
  readonly selector: LabelSelector | undefined;
};
export type Toleration = {
  /** Undefined with `Exists`: every key. */
  readonly key: string | undefined;
  readonly operator: 'Equal' | 'Exists';
  readonly value: string;
  /** Undefined: every effect. */
  readonly effect: string | undefined;
};

export type OwnerKind = 'ReplicaSet' | 'StatefulSet' | 'ReplicationController' | 'DaemonSet' | 'Job';

/** Of a pod's controller, by its uid. */
export type OwnerFacts = {
  readonly kind: OwnerKind;
  readonly uid: string;
  readonly name: string;
  /** What people know it by: of a ReplicaSet its Deployment (`Deployment default/mijn-httpd`), else itself. */
  readonly title: string;
  /** The Deployment of a ReplicaSet. */
  readonly deployment: { readonly uid: string; readonly name: string } | undefined;
  /** Wanted. 0 of a ReplicaSet that is history. */
  readonly replicas: number;
  readonly minReadySeconds: number;
  /** It, or its Deployment, is in the middle of a change: observedGeneration, updated, available or total do not agree yet, or it is paused. */
  readonly rolling: boolean;
  /** Who else decides about `replicas`: then nobody of us ever scales it. `gitops`: its managed fields or labels name such a tool. */
  readonly scaledBy: 'autoscaler' | 'gitops' | undefined;
  /** As of pods, for all of them. */
  readonly wish: 'stay' | 'may-move' | undefined;
};

/** A PodDisruptionBudget. */
export type BudgetFacts = {
  readonly name: string;
  readonly selector: LabelSelector | undefined;
  /** `status.disruptionsAllowed`, as last heard. */
  readonly allowed: number;
};

/** Where a claim's volume lets a pod run. */
export type ClaimFacts = {
  readonly name: string;
  /** Of the bound volume's nodeAffinity; empty: anywhere. Undefined: not bound. */
  readonly nodeAffinity: readonly (readonly Requirement[])[] | undefined;
  /** ReadWriteOnce or ReadWriteOncePod: it has to be let go of before another Node can have it. */
  readonly single: boolean;
};

/** Everything that is decided on, at one moment. `owners` and `claims` by uid and by name. */
export type World = {
  readonly nodes: readonly NodeFacts[];
  readonly pods: ReadonlyMap<string, PodFacts>;
  readonly owners: ReadonlyMap<string, OwnerFacts>;
  readonly budgets: readonly BudgetFacts[];
  readonly claims: ReadonlyMap<string, ClaimFacts>;
};
