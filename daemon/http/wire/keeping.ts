/** Of keeping the cluster: balance, power, drains, failover. Seen through `wire.ts`. */

/**
 * `GET /v1/balance/run`, and what `POST /v1/balance` with `BalanceRequest` answers. Unix socket only. `settling`: a board came
 * or went, and is watched for a while first. `waiting`: moves are left that are not to be made yet. `stopped`: the last run
 * broke off, `detail` says why. `deaf`: nothing was heard from the cluster, so nothing is decided.
 */
export type BalanceView = {
  readonly mode: 'on-change' | 'always' | 'off';
  readonly state: 'idle' | 'settling' | 'running' | 'waiting' | 'paused' | 'stopped' | 'deaf';
  readonly detail: string;
  /** By the owner. */
  readonly paused: { readonly by: string; readonly secondsLeft: number | null } | null;
  /** The one under way, or the last. */
  readonly run: BalanceRunView | null;
};
export type BalanceRunView = {
  /** Since the daemon started. */
  readonly number: number;
  readonly reason: string;
  readonly end: 'even' | 'stopped' | null;
  readonly detail: string;
  readonly landed: number;
  /** The latest ones, oldest first. */
  readonly moves: readonly BalanceMoveView[];
};
export type BalanceMoveView = {
  /** Within the run. */
  readonly number: number;
  readonly title: string;
  readonly pod: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
  /** `overtaken`: somebody else changed what it was about. */
  readonly outcome: 'under-way' | 'landed' | 'overtaken' | 'missed';
  readonly detail: string;
};
/** `run`: one now. `seconds` of `pause`: without it until `resume`. */
export type BalanceRequest = {
  readonly action: 'run' | 'pause' | 'resume';
  readonly by: string;
  readonly seconds?: number;
};

/** `GET /v1/balance`, on the unix socket only: what a run would do now, and what it would leave as it is. */
export type BalancePlanView = {
  readonly moves: readonly PlannedMoveView[];
  readonly skipped: readonly PlannedSkipView[];
  readonly spread: readonly PlannedSpreadView[];
  /** What balance wants less of, the first first. */
  readonly objective: { readonly before: ObjectiveView; readonly after: ObjectiveView };
};
export type PlannedMoveView = PlannedSpreadView & {
  readonly pod: { readonly name: string; readonly uid: string };
  readonly from: string;
  /** Where the scheduler is expected to put its replacement. */
  readonly to: string;
  readonly goal: 'ineligible' | 'spread' | 'even';
  readonly method: 'evict' | 'surge';
  readonly why: string;
};
export type PlannedSkipView = {
  readonly owner: string;
  readonly title: string;
  readonly code: string;
  readonly reason: string;
};
/** Pods of the owner by Node. */
export type PlannedSpreadView = {
  readonly owner: string;
  readonly title: string;
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
};
export type ObjectiveView = { readonly misplaced: number; readonly uneven: number; readonly load: number };
/** `GET /v1/power`: the shutdown or startup that is under way, and what the last one came to; `POST` to these paths answers the same. */
export type PowerView = { readonly run: PowerRunView | null; readonly last: string | null };
export type PowerRunView = {
  readonly kind: 'stop' | 'start';
  readonly by: string;
  /** The whole cluster. */
  readonly all: boolean;
  /** `stop`: `cordon`, `boards`, `master`, `down`; `start`: `cluster`, `boards`. */
  readonly phase: string;
  readonly boards: readonly PowerBoardView[];
  /** What it waits for that only somebody's hands or word can bring. */
  readonly waits: readonly string[];
};
/** `done`: it is off, or back. */
export type PowerBoardView = {
  readonly name: string;
  readonly state: string;
  readonly why: string;
  readonly done: boolean;
};
/** `POST /v1/power/shutdown`, on the unix socket only. `boards` is empty with `all`. */
export type ShutdownRequest = {
  readonly by: string;
  readonly all: boolean;
  readonly boards: readonly string[];
  readonly keepMaster: boolean;
  readonly force: boolean;
  readonly deleteData: boolean;
};
/** `POST /v1/power/startup`. No `boards`: all that were switched off. */
export type StartupRequest = { readonly by: string; readonly boards: readonly string[] };
/** `POST /v1/devices/NAME/drain` and `/uncordon`; they answer with `ActionResult`. */
export type DrainRequest = { readonly by: string; readonly force: boolean; readonly deleteData: boolean };
export type UncordonRequest = { readonly by: string; readonly force: boolean };
/** `GET /v1/failover`, and what `POST /v1/failover` with `FailoverRequest` answers. Unix socket only. */
export type FailoverView = {
  readonly mode: 'on' | 'off';
  /** Seconds for which two signs have to be there together. */
  readonly after: number;
  readonly paused: { readonly by: string; readonly secondsLeft: number | null } | null;
  /** Why nothing would be fenced now, in plain words; null where nothing stands against it. */
  readonly held: string | null;
  /** So many Nodes may be fenced at once, and so many are. */
  readonly limit: number;
  readonly fenced: number;
  readonly boards: readonly FailoverBoardView[];
};
/** A worker that has a Node. */
export type FailoverBoardView = {
  readonly name: string;
  /** `planned`: it is not watched, or no board of ours. `proven`: it is off, and its pods are let go of. */
  readonly verdict: 'well' | 'suspect' | 'gone' | 'fenced' | 'waiting-for-proof' | 'proven' | 'planned';
  readonly path: 'alive' | 'silent' | 'unknown';
  /** As another board says, and as `power.command` does; asked on suspicion only. */
  readonly peer: 'alive' | 'silent' | 'unknown';
  readonly power: 'on' | 'off' | 'unknown';
  /** Seconds since its kubelet was heard to renew its Lease; null: it was not yet. */
  readonly lease: number | null;
  /** In plain words; empty where there are none. */
  readonly signs: string;
  /** That wait for proof that it is off: `default/db-0`. */
  readonly pods: readonly string[];
};
/** `seconds` of `pause`: without it until `resume`. */
export type FailoverRequest = { readonly action: 'pause' | 'resume'; readonly by: string; readonly seconds?: number };
/** `POST /v1/devices/NAME/confirm-off`: the pods that are let go of. */
export type ConfirmOffAnswer = { readonly name: string; readonly pods: readonly string[] };
