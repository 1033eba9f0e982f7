/** Plans what balance moves (facts 4.3): a function of the world alone, whatever order it was told in. */
import type { World } from '../workloads/facts.ts';
import { type Draft, takeBack } from './draft.ts';
import { planEven, slotsTouched } from './even.ts';
import { trimLog } from './ledger.ts';
import { loadsOf } from './load.ts';
import { planMisplaced } from './misplaced.ts';
import { createModel, type Model } from './model.ts';
import type { Goal, Objective, Plan, Planner, PlanOptions } from './plan.ts';
import { planSpread } from './spread.ts';

const steps: readonly (readonly [Goal, (draft: Draft) => void])[] = [
  ['ineligible', planMisplaced],
  ['spread', planSpread],
  ['even', planEven],
];

export function createPlanner(): Planner {
  const kept = createModel();
  return { take: kept.take, changed: kept.changed, plan: (options = {}) => planFor(kept.current(), options) };
}

/** Once, for a world that is not followed. */
export function planBalance(world: World, options: PlanOptions = {}): Plan {
  const planner = createPlanner();
  planner.take(world);
  return planner.plan(options);
}

function planFor(model: Model, options: PlanOptions): Plan {
  const loads = loadsOf(model);
  const draft: Draft = {
    ...{ model, options, loads, moves: [], skipped: [], rosters: new Map(), candidates: new Map() },
    ...{ moved: new Map(), uneven: new Set(), excused: new Set(), opened: new Map() },
    reached: { misplaced: model.misplaced, uneven: model.squares },
    settled: settledSlots(model, options),
  };
  const before: Objective = { misplaced: model.misplaced, uneven: model.squares, load: loads.objective() };
  for (const [goal, plan] of steps) if (options.goals?.includes(goal) !== false) plan(draft);
  for (const slot of slotsTouched(draft)) loads.changed(slot);
  const after: Objective = { ...draft.reached, load: loads.objective() };
  takeBack(draft);
  trimLog(model.ledger);
  return { moves: draft.moves, skipped: draft.skipped, objective: { before, after } };
}

function settledSlots({ ledger: { nodes } }: Model, { settled }: PlanOptions): Draft['settled'] {
  if (settled === undefined) return () => true;
  const steady = nodes.map((node) => node !== undefined && settled(node.name));
  return (slot) => steady[slot] === true;
}
