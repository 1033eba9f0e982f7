/**
 * Which Nodes a pod may be on by what does not depend on other pods: readiness, cordon, taints, selectors, node affinity. What
 * does is in `landing.ts` and `neighbours.ts`. As the scheduler has it (facts 4.3). Pure.
 */
import type { NodeFacts, Taint } from '../nodes.ts';
import type { PodShape, Toleration } from '../workloads/facts.ts';
import { matchesLabels, matchesTerms } from '../workloads/matching.ts';

/** `closed`: to everything or for now, and what is there stays. `not-meant`: its pods belong elsewhere. */
export type Standing = 'open' | 'closed' | 'not-meant';

/** Why a pod of this shape may not be put there, in words; undefined: it may. */
export type Barrier = { readonly standing: Exclude<Standing, 'open'>; readonly why: string };

export function barrier(shape: PodShape, node: NodeFacts): Barrier | undefined {
  if (!node.ready) return { standing: 'closed', why: 'is not Ready' };
  if (node.unschedulable) return { standing: 'closed', why: 'is cordoned' };
  const taints = node.taints.filter((taint) => isHard(taint) && !isTolerated(taint, shape.tolerations));
  const passing = taints.find(isPassing);
  if (passing !== undefined) return { standing: 'closed', why: `has the taint ${passing.key}` };
  const [lasting] = taints;
  if (lasting !== undefined) return { standing: 'not-meant', why: `has the taint ${lasting.key}` };
  if (!matchesLabels(shape.nodeSelector, node.labels))
    return { standing: 'not-meant', why: 'has not the labels that it wants' };
  if (!matchesTerms(shape.nodeAffinity, node))
    return { standing: 'not-meant', why: 'is not one that its affinity allows' };
  return undefined;
}

/** How many PreferNoSchedule taints speak against it: the scheduler's TaintToleration score. */
export const softTaints = ({ tolerations }: PodShape, { taints }: NodeFacts): number =>
  taints.filter((taint) => taint.effect === 'PreferNoSchedule' && !isTolerated(taint, tolerations)).length;

const isHard = ({ effect }: Taint): boolean => effect === 'NoSchedule' || effect === 'NoExecute';

/** Kubernetes' own conditions (pressure, not ready, unschedulable) and our quarantine and fence come and go. */
const isPassing = ({ key }: Taint): boolean => key.startsWith('node.kubernetes.io/') || key.startsWith('bramble.dev/');

const isTolerated = (taint: Taint, tolerations: readonly Toleration[]): boolean =>
  tolerations.some(
    ({ key, operator, value, effect }) =>
      (effect === undefined || effect === taint.effect) &&
      (key === undefined ? operator === 'Exists' : key === taint.key) &&
      (operator === 'Exists' || value === taint.value),
  );
