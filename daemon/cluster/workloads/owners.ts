/** Controllers of pods, and what stands above them: Deployments, autoscalers. Pure. */
import { field, nameOf, text } from '../watch-event.ts';
import type { OwnerFacts, OwnerKind, OwnerRef } from './facts.ts';
import { readController } from './pods.ts';
import { isGitops, readWish } from './wishes.ts';

/** What has `spec.replicas`, as it says of itself. */
export type Scaled = {
  readonly kind: OwnerKind | 'Deployment';
  readonly name: string;
  readonly uid: string;
  /** What made it; of a ReplicaSet mostly a Deployment. */
  readonly controller: OwnerRef | undefined;
  readonly replicas: number;
  readonly minReadySeconds: number;
  readonly rolling: boolean;
  readonly gitops: boolean;
  readonly wish: OwnerFacts['wish'];
};

/** For one kind: lists do not say it of each object. Undefined of a ReplicaSet that is history. */
export const scaledReader =
  (kind: Scaled['kind']) =>
  (object: unknown): Scaled | undefined => {
    const metadata = field(object, 'metadata');
    const [name, uid] = [nameOf(object), text(field(metadata, 'uid'))];
    if (name === undefined || uid === undefined) return undefined;
    const spec = field(object, 'spec');
    // The API server fills in 1 where nothing is said.
    const replicas = countOf(field(spec, 'replicas'), 1);
    const scaled = {
      ...{ kind, name, uid, replicas },
      controller: readController(metadata),
      minReadySeconds: countOf(field(spec, 'minReadySeconds'), 0),
      rolling: isRolling(kind, object, replicas) || field(spec, 'paused') === true,
      gitops: isGitops(metadata),
      wish: readWish(metadata),
    };
    return isHistory(scaled) ? undefined : scaled;
  };

const countOf = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);

/** Not all of what is wanted is there, is of the newest template, and has been available for long enough. */
function isRolling(kind: Scaled['kind'], object: unknown, replicas: number): boolean {
  const status = field(object, 'status');
  const generation = countOf(field(field(object, 'metadata'), 'generation'), 0);
  if (countOf(field(status, 'observedGeneration'), 0) < generation) return true;
  const counts = ['replicas', 'availableReplicas', ...(kind === 'Deployment' ? ['updatedReplicas'] : [])];
  if (counts.some((name) => countOf(field(status, name), 0) !== replicas)) return true;
  // Of a StatefulSet, updatedReplicas says nothing once a roll-out is through; its two revisions do.
  const [current, next] = [field(status, 'currentRevision'), field(status, 'updateRevision')];
  return kind === 'StatefulSet' && next !== undefined && current !== next;
}

/** History: a Deployment keeps ten of them, without pods. */
const isHistory = ({ kind, replicas, rolling }: Scaled): boolean => kind === 'ReplicaSet' && replicas === 0 && !rolling;

/** What an autoscaler decides about: `Deployment default/web`. `name`: its own. */
export type AutoscalerFacts = { readonly name: string; readonly target: string };

export function readAutoscaler(object: unknown): AutoscalerFacts | undefined {
  const [name, reference] = [nameOf(object), field(field(object, 'spec'), 'scaleTargetRef')];
  const namespace = text(field(field(object, 'metadata'), 'namespace'));
  const [kind, target] = [text(field(reference, 'kind')), text(field(reference, 'name'))];
  if (name === undefined || kind === undefined || target === undefined) return undefined;
  return { name, target: `${kind} ${namespace}/${target}` };
}

/** Everything about one owner. `deployment`: the one above it, if that is known. */
export function ownerFacts(
  owner: Scaled & { readonly kind: OwnerKind },
  deployment: Scaled | undefined,
  isAutoscaled: (target: string) => boolean,
): OwnerFacts {
  const { kind, uid, name, replicas, minReadySeconds, controller } = owner;
  const namespace = name.slice(0, name.indexOf('/'));
  const above = controller && { ...controller, name: `${namespace}/${controller.name}` };
  const titles = [`${kind} ${name}`, ...(above === undefined ? [] : [`${above.kind} ${above.name}`])];
  const both = deployment === undefined ? [owner] : [owner, deployment];
  const isGitopsOwned = both.some(({ gitops }) => gitops);
  return {
    ...{ kind, uid, name, replicas, minReadySeconds },
    title: titles.at(-1) ?? '',
    deployment: above?.kind === 'Deployment' ? { uid: above.uid, name: above.name } : undefined,
    // Of a Deployment that was not heard of yet nothing is known.
    rolling: both.some(({ rolling }) => rolling) || (above?.kind === 'Deployment' && deployment === undefined),
    scaledBy: titles.some(isAutoscaled) ? 'autoscaler' : isGitopsOwned ? 'gitops' : undefined,
    wish: owner.wish ?? deployment?.wish,
  };
}
