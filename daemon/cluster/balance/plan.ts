/** What balance wants to move, and what it leaves alone and why. Pure: types only; `planner.ts` makes them. */
import type { World } from '../workloads/facts.ts';

/**
 * In this order, each before the next: no pod where it may not be (`ineligible`: this empties the master); the replicas of each
 * owner even over the Nodes they may be on (`spread`); pods and requests even over the Nodes (`even`: so that a new board takes
 * its share of applications with one replica).
 */
export type Goal = 'ineligible' | 'spread' | 'even';

/** Pods of one owner by Node. */
export type Counts = Readonly<Record<string, number>>;

type OnBoth = { readonly from: number; readonly to: number };

export type Move = {
  /** The uid of the pod's controller. */
  readonly owner: string;
  readonly title: string;
  readonly pod: { readonly name: string; readonly uid: string };
  readonly from: string;
  /** Where the scheduler is expected to put the one that takes its place. */
  readonly to: string;
  readonly goal: Goal;
  /** `surge`: its Deployment has one replica, which never goes before another is Ready. */
  readonly method: 'evict' | 'surge';
  /** The PodDisruptionBudget that covers the pod: as many evictions at once as it allows. Undefined: none. */
  readonly budget: string | undefined;
  /** In plain words, without the names of the pod and of its owner. */
  readonly why: string;
  /** Pods of the owner on the two Nodes. */
  readonly before: OnBoth;
  readonly after: OnBoth;
};

/** `landing`: the scheduler would put it where it helps nobody. `settling`: a pod of it is being made, or is on its way out. */
export type SkipCode =
  | 'budget'
  | 'cooling'
  | 'landing'
  | 'no-room'
  | 'protected'
  | 'rolling'
  | 'settling'
  | 'several-budgets'
  | 'single';

/** An owner that is not as it should be, and is left so. */
export type Skip = {
  readonly owner: string;
  readonly title: string;
  readonly goal: Goal;
  readonly code: SkipCode;
  /** In plain words, without the name of the owner. */
  readonly reason: string;
};

/** Lower is better, the first first: pods where they may not be, the sum of squares of each owner's counts, that of the Nodes' loads. */
export type Objective = { readonly misplaced: number; readonly uneven: number; readonly load: number };

/** Of an owner that something is moved of: see `outcome.ts`. */
export type Spread = {
  readonly owner: string;
  readonly title: string;
  readonly before: Counts;
  readonly after: Counts;
};

export type Plan = {
  /**
   * In the order in which they are to be done, each on top of the ones before it. First one of each owner, then the second of
   * each: the moves at the beginning, up to the first owner that comes again, may be under way together.
   */
  readonly moves: readonly Move[];
  readonly skipped: readonly Skip[];
  /** Now, and when all moves are done. */
  readonly objective: { readonly before: Objective; readonly after: Objective };
};

export type PlanOptions = {
  /** The Node has been steady long enough to be given something. Default: every Node. */
  readonly settled?: (node: string) => boolean;
  /** A pod of this owner came to this Node (`from`: none is taken from it again) or left it (`to`) not long ago. Default: none. */
  readonly cooling?: (owner: string, node: string, as: 'from' | 'to') => boolean;
  /** Not more moves than this: the same ones, only that it is not thought on. Default: all. */
  readonly limit?: number;
  /** The goals that are planned for. Default: all. */
  readonly goals?: readonly Goal[];
};

/** As the watches tell it; `name` of an owner is its uid. */
export type WorldChange = {
  readonly kind: 'pod' | 'node' | 'owner' | 'budget' | 'claim';
  readonly name: string;
};

/** Keeps its counts from one plan to the next, so that a plan after one change costs next to nothing. */
export type Planner = {
  /** Everything anew. */
  readonly take: (world: World) => void;
  /** One thing is not any more as it was last told; `world` has it as it is now. */
  readonly changed: (world: World, change: WorldChange) => void;
  readonly plan: (options?: PlanOptions) => Plan;
};
