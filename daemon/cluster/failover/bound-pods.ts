/**
 * Pods that must never run twice: those of a StatefulSet, and those whose volume only one Node may have. On a board that is
 * silent they are let go of only with proof that it is off. Pure.
 */
import type { NodeFacts } from '../nodes.ts';
import type { PodFacts, World } from '../workloads/facts.ts';
import { matchesTerms } from '../workloads/matching.ts';

/** Those on this Node that could run on another one, if they were let go of. Data that is on the board's own disk waits for the board. */
export function boundPods(world: World, node: NodeFacts): readonly PodFacts[] {
  const others = world.nodes.filter(({ uid }) => uid !== node.uid);
  return [...world.pods.values()].filter(
    (pod) =>
      pod.node === node.name &&
      isUnfinished(pod) &&
      isBound(pod, world) &&
      others.some((other) => mayHave(pod, other, world)),
  );
}

/** The kubelet's own, and those of a DaemonSet, belong to the board. */
const isUnfinished = ({ mirror, owner, phase }: PodFacts): boolean =>
  !mirror && owner?.kind !== 'DaemonSet' && phase !== 'Succeeded' && phase !== 'Failed';

const isBound = ({ owner, shape }: PodFacts, { claims }: World): boolean =>
  owner?.kind === 'StatefulSet' || shape.claims.some((name) => claims.get(name)?.single === true);

const mayHave = ({ shape }: PodFacts, node: NodeFacts, { claims }: World): boolean =>
  shape.claims.every((name) => matchesTerms(claims.get(name)?.nodeAffinity ?? [], node));
