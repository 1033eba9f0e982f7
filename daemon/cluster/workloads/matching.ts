/** Whether labels and Nodes are what a selector or an affinity asks for, as Kubernetes has it. Pure. */
import type { NodeFacts } from '../nodes.ts';
import type { LabelSelector, Requirement } from './facts.ts';

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
