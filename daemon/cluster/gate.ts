/**
 * The only place from which the keepers change the cluster. Each call is one deed, tied to the uid it was decided on, and
 * idempotent: what is so already is a success. Types; `keeping` makes one, tests hold a double to the same contract.
 */
import type { Problem, Result } from '../../config/result.ts';
import type { Millis } from '../../config/values.ts';
import type { ApiProblem } from './api.ts';
import type { Taint } from './nodes.ts';
import type { PodFacts } from './workloads/facts.ts';

/**
 * `BUDGET`: a PodDisruptionBudget says not now; `retryAfter` where the server named it. `SEVERAL_BUDGETS`: more than one covers the
 * pod, which the Eviction API cannot do. `REPLACED`: it is another one by now: decide again. `CHANGED`: somebody else changed what
 * was to be changed: decide again.
 */
export type GateProblem =
  | ApiProblem
  | (Problem<'BUDGET'> & { readonly retryAfter?: Millis })
  | Problem<'SEVERAL_BUDGETS' | 'REPLACED' | 'CHANGED'>;

export type PodRef = Pick<PodFacts, 'name' | 'uid'>;
export type NodeRef = { readonly name: string; readonly uid: string };
type Deed<Args extends readonly unknown[]> = (...args: [...Args, AbortSignal]) => Promise<Result<void, GateProblem>>;

export type Gate = {
  /** Through the Eviction API (policy/v1), with the uid as precondition. Gone already is a success. */
  readonly evict: Deed<[pod: PodRef]>;
  /** Grace period 0: only for a board that is proven to be off (facts 3.2). */
  readonly forceDelete: Deed<[pod: PodRef]>;
  /** By JSON patch with a test; other taints are untouched (facts 5.4). */
  readonly putTaint: Deed<[node: NodeRef, taint: Taint]>;
  readonly removeTaint: Deed<[node: NodeRef, taint: Pick<Taint, 'key' | 'effect'>]>;
  /** Unschedulable, with `cordonAnnotation` = `by`. One that somebody else cordoned stays his: `ok`, and nothing is written. */
  readonly cordon: Deed<[node: NodeRef, by: string]>;
  /** Only what we cordoned; anything else is `ok` and stays. */
  readonly uncordon: Deed<[node: NodeRef]>;
  /** Takes `cordonAnnotation` off a Node that somebody else uncordoned: the next cordon may be his. A cordoned one stays as it is. */
  readonly disownCordon: Deed<[node: NodeRef]>;
  /** status.conditions Ready=Unknown with this reason, so that Kubernetes takes its turn (facts 3.2). */
  readonly markUnknown: Deed<[node: NodeRef, reason: string, message: string]>;
  /** A Deployment's `spec.replicas` from `from` to `to`, only if it still is `from`. `note`: an annotation that goes with it; null takes it off. */
  readonly scale: Deed<
    [deployment: { readonly name: string; readonly uid: string }, from: number, to: number, note: SurgeNote | null]
  >;
  /** `controller.kubernetes.io/pod-deletion-cost`: the lowest goes first when its owner is scaled down (Kubernetes 1.22 and newer). */
  readonly setDeletionCost: Deed<[pod: PodRef, cost: number]>;
  /** An Event on the Node, as `kubectl describe node` shows it. Never a reason to stop: told to the log if it fails. */
  readonly note: (node: NodeRef, event: NodeNote, signal: AbortSignal) => Promise<void>;
};

/** `bramble.dev/surge` on a Deployment: it was scaled up by one so that this pod may go; whoever finds it ends that. */
export type SurgeNote = { readonly pod: string; readonly uid: string; readonly from: number };

/** `reason`: one CamelCase word, such as `BrambleFenced`. */
export type NodeNote = { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };
