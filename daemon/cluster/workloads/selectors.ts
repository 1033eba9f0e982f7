/** Selectors of labels and Nodes, as objects of the API have them. Pure. */
import { field, isJson, list, text, textsOf } from '../watch-event.ts';
import type { LabelSelector, Requirement } from './facts.ts';

const operators: readonly string[] = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'];
const isOperator = (value: unknown): value is Requirement['operator'] =>
  typeof value === 'string' && operators.includes(value);

/** No node and no label is one of none: what has to be understood to be met is met by nothing. */
const impossible: Requirement = { key: '', operator: 'In', values: [] };

const readRequirement = (value: unknown): Requirement => {
  const [key, operator] = [text(field(value, 'key')), field(value, 'operator')];
  if (key === undefined || !isOperator(operator)) return impossible;
  return { key, operator, values: list(field(value, 'values')).filter((one) => typeof one === 'string') };
};

/** Undefined where there is none: it selects nothing. An empty one selects everything. */
export function readSelector(value: unknown): LabelSelector | undefined {
  if (!isJson(value)) return undefined;
  return {
    matchLabels: textsOf(value['matchLabels']),
    matchExpressions: list(value['matchExpressions']).map(readRequirement),
  };
}

/** `nodeSelectorTerms`: or-ed, each of them and-ed. A term without requirements matches no Node, as the API has it. */
export function readNodeTerms(terms: unknown): readonly (readonly Requirement[])[] {
  return list(terms).map((term) => {
    const all = [
      ...list(field(term, 'matchExpressions')).map(readRequirement),
      ...list(field(term, 'matchFields')).map((one) => ({ ...readRequirement(one), field: true as const })),
    ];
    return all.length === 0 ? [impossible] : all;
  });
}
