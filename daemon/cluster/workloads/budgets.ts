/** The slim copy of a PodDisruptionBudget (policy/v1). Pure. */
import { field, nameOf } from '../watch-event.ts';
import type { BudgetFacts } from './facts.ts';
import { readSelector } from './selectors.ts';

export function readBudget(object: unknown): BudgetFacts | undefined {
  const name = nameOf(object);
  if (name === undefined) return undefined;
  const allowed = field(field(object, 'status'), 'disruptionsAllowed');
  return {
    name,
    selector: readSelector(field(field(object, 'spec'), 'selector')),
    // Not counted yet by its controller: the Eviction API refuses, too.
    allowed: typeof allowed === 'number' ? allowed : 0,
  };
}
