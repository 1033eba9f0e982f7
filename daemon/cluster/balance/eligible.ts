/**
 * Which Nodes a pod may be on by what does not depend on other pods: readiness, cordon, taints, selectors, node affinity. What
 * does is in `landing.ts` and `neighbours.ts`. As the scheduler has it (facts 4.3). Pure.
 */
import type { NodeFacts, Taint } from '../nodes.ts';
import type { LabelSelector, PodShape, Requirement, Toleration } from '../workloads/facts.ts';

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

type Labels = Readonly<Record<string, string>>;

export function matchesLabels(wanted: Labels, labels: Labels): boolean {
  for (const key in wanted) if (labels[key] !== wanted[key]) return false;
  return true;
}

/** Undefined matches nothing, an empty one everything. */
export const matchesSelector = (selector: LabelSelector | undefined, labels: Labels): boolean =>
  selector !== undefined &&
  matchesLabels(selector.matchLabels, labels) &&
  selector.matchExpressions.every((one) => meets(one, labels[one.key]));

/** Terms are or-ed; none at all matches every Node. */
export const matchesTerms = (terms: readonly (readonly Requirement[])[], node: NodeFacts): boolean =>
  terms.length === 0 ||
  terms.some((all) =>
    all.every((one) => meets(one, one.field === true ? fieldOf(node, one.key) : node.labels[one.key])),
  );

const fieldOf = ({ name }: NodeFacts, key: string): string | undefined => (key === 'metadata.name' ? name : undefined);

function meets({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return isInteger(value) && isInteger(values[0]) && BigInt(value) > BigInt(values[0]);
    case 'Lt':
      return isInteger(value) && isInteger(values[0]) && BigInt(value) < BigInt(values[0]);
  }
}
const isInteger = (text: string | undefined): text is string => text !== undefined && /^-?\d{1,19}$/.test(text);
