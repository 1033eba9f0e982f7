/** Which pods stay where they are, whatever would be gained. Pure. */
import type { ClaimFacts, OwnerFacts, PodFacts } from '../workloads/facts.ts';

/**
 * Why this pod is never moved, in words; undefined: it may be. `bramble.dev/balance: "false"` beats everything; the descheduler's
 * `evict` lets through what would only be inconvenient (facts 4.2), never what nobody would make anew.
 */
export function protection(
  pod: PodFacts,
  owner: OwnerFacts | undefined,
  claims: ReadonlyMap<string, ClaimFacts>,
): string | undefined {
  if (pod.mirror) return 'it is made by the kubelet of its Node from a file';
  if (pod.owner === undefined) return 'nobody would make it anew: it has no controller';
  if (owner === undefined) return `it belongs to a ${pod.owner.kind}, whose ways are not known here`;
  if (owner.kind === 'DaemonSet') return 'its DaemonSet wants one on each Node';
  if (owner.kind === 'Job') return 'a Job would begin anew';
  if (pod.wish === 'stay') return 'its annotation says that it stays';
  const mayMove = pod.wish === 'may-move' || (pod.wish === undefined && owner.wish === 'may-move');
  if (owner.wish === 'stay' && pod.wish === undefined) return `the annotation of its ${owner.kind} says that it stays`;
  const tied = tiedBy(pod, owner, claims);
  if (tied !== undefined) return tied;
  if (mayMove) return undefined;
  if (pod.shape.systemCritical) return 'the cluster itself needs it: its priority is system-critical';
  if (pod.shape.localStorage) return 'it keeps files on its Node (emptyDir or hostPath)';
  return undefined;
}

/** Its volumes are where it is. */
function tiedBy(
  { shape }: PodFacts,
  { kind }: OwnerFacts,
  claims: ReadonlyMap<string, ClaimFacts>,
): string | undefined {
  for (const name of shape.claims) {
    const claim = claims.get(name);
    if (claim?.nodeAffinity === undefined) return `its volume claim ${name} is not bound yet`;
    if (claim.nodeAffinity.length > 0) return `the volume of ${name} can be had on certain Nodes only`;
    // The one that comes would wait for the volume until the one that goes has let go of it; a StatefulSet does that in order.
    if (claim.single && kind !== 'StatefulSet') return `the volume of ${name} can be on one Node at a time`;
  }
  return undefined;
}

/** It takes part in the spread of its owner: it is, or will be, on a Node. */
export const isAlive = ({ phase, terminating }: PodFacts): boolean =>
  !terminating && phase !== 'Succeeded' && phase !== 'Failed';

/** What a scheduler counts on a Node: also what is on its way out. */
export const isSeated = ({ phase, node }: PodFacts): boolean =>
  node !== undefined && phase !== 'Succeeded' && phase !== 'Failed';

/** Which goes first of those of one owner on one Node: the least loss. */
export const byLeastLoss =
  (owner: OwnerFacts) =>
  (a: PodFacts, b: PodFacts): number =>
    (owner.kind === 'StatefulSet' ? ordinalOf(b) - ordinalOf(a) : 0) ||
    Number(a.ready) - Number(b.ready) ||
    a.shape.priority - b.shape.priority ||
    a.deletionCost - b.deletionCost ||
    b.created - a.created ||
    (a.name < b.name ? -1 : 1);

const ordinalOf = ({ name }: PodFacts): number => Number(/-(\d{1,9})$/.exec(name)?.[1] ?? -1);
