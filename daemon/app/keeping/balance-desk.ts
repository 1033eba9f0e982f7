/**
 * Keeps replicas even: after a board joined or came back it has a plan made, and carries it out a move at a time, with a new
 * plan after each (facts 4.5). What is to be done is decided in `cluster/balance/`; this is where it meets the clock, the disk,
 * the gate and the owner.
 */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { type Millis, millis, minutes, seconds } from '../../../config/values.ts';
import { pruned } from '../../cluster/balance/cooldown.ts';
import { spreadsOf } from '../../cluster/balance/outcome.ts';
import type { Plan, Planner, WorldChange } from '../../cluster/balance/plan.ts';
import {
  began,
  beginRun,
  choose,
  hasRoom,
  type RunEnd,
  type RunLimits,
  resumed,
  runEnd,
  runLimits,
} from '../../cluster/balance/run.ts';
import type { LeftSurge } from '../../cluster/balance/surge.ts';
import type { World } from '../../cluster/workloads/facts.ts';
import { isFresh } from '../../cluster/workloads/fresh.ts';
import type { BalanceDeps } from '../../http/endpoints/balance.ts';
import type { Clock, Log, Random } from '../../ports.ts';
import type { Rests } from '../../rests.ts';
import type { Store, Write } from '../../store/store.ts';
import { createDoze } from '../doze.ts';
import { createMoves, type MovesDeps } from './balance-moves.ts';
import { createRecord } from './balance-record.ts';
import { balanceAdvice, balanceView } from './balance-view.ts';
import { whyUnknown } from './known.ts';
import { createPause } from './pause.ts';
import { createSteadyNodes } from './steady-nodes.ts';

export type BalanceWorld = {
  readonly world: () => World;
  /** Of its oldest part; undefined: not all was read yet. */
  readonly age: () => Millis | undefined;
  /** Why a part of it cannot be read. */
  readonly trouble: () => Problem | undefined;
  readonly onChange: (listener: (change: WorldChange) => void) => () => void;
};

export type BalanceDeskDeps = Pick<MovesDeps, 'gate' | 'forgetSurge'> & {
  readonly mode: Config['balance'];
  /** Undefined: Kubernetes is too old for it. */
  readonly workloads: BalanceWorld | undefined;
  readonly planner: Planner;
  /** Deployments that an earlier daemon left one bigger. */
  readonly leftSurges: (signal: AbortSignal) => Promise<Result<readonly LeftSurge[], { readonly detail: string }>>;
  /** As on disk. */
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  /** An event of no board is on disk. */
  readonly onNotice: () => void;
  readonly clock: Clock;
  readonly random: Random;
  /** Of a second each. */
  readonly rests: Pick<Rests, 'elapsed'>;
  readonly log: Log;
  readonly onTurn?: () => void;
  readonly limits?: Partial<DeskLimits>;
};

export type DeskLimits = {
  /** How long a Node has to be there before anything is moved to it, and all has to be quiet after one went. */
  readonly settle: Millis;
  readonly run: RunLimits;
};
const usual: DeskLimits = { settle: seconds(30), run: runLimits };

export const BALANCE_TURN = minutes(1);
const DUE = 'balance.due';
/** `balance: always`: quiet for so long, or looked at so long ago. */
const QUIET = seconds(60);
const LOOK = minutes(5);

export type BalanceDesk = {
  readonly api: BalanceDeps;
  /** Something happened after which pods may be uneven; nothing where `balance` is `off`. */
  readonly request: (reason: string) => void;
  /** Nothing is moved until the returned function is called. */
  readonly pause: (why: string) => () => void;
  readonly advice: () => readonly string[];
  /** Settles when the signal is aborted and no call of the API is under way. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

export function createBalanceDesk(deps: BalanceDeskDeps): BalanceDesk {
  const { planner, rests, clock, log, mode } = deps;
  const workloads = deps.workloads ?? unheardOf;
  const limits = { ...usual, ...deps.limits };
  const pause = createPause({ ...deps, name: 'balance' });
  const steady = createSteadyNodes(limits.settle);
  const record = createRecord();
  const { doze, wake } = createDoze(clock);
  const moves = createMoves({ ...deps, world: workloads.world, limits: limits.run, record, tell });
  /** Why a run is to begin. On disk: a daemon that is started again goes on. */
  let due = deps.settings.get(DUE);
  let dueOnDisk = due;
  /** The owner asked for it: boards are not watched first. */
  let isAsked = false;
  let quietUntil: Millis = millis(0);
  let broke: string | undefined;
  let isTaken = false;
  let left: readonly LeftSurge[] | undefined;
  /** Since the last look by itself: when the last change came; undefined if none did. */
  let stirred: Millis | undefined = rests.elapsed();
  let looked = rests.elapsed();

  const isKnown = (): boolean => isFresh(workloads);
  const isHalted = (now: Millis): boolean => pause.isOn() || now < quietUntil;

  function ask(reason: string, byOwner: boolean): void {
    due = reason;
    isAsked ||= byOwner;
    // It gets a new plan, and what that needs; moves that are under way go on.
    moves.set({ ...moves.now(), run: undefined });
    wake();
  }
  const request: BalanceDesk['request'] = (reason) => {
    if (mode !== 'off') ask(reason, false);
  };

  /** Told, and if the disk is full only logged: nothing depends on it. */
  async function tell(name: string, reason: string): Promise<void> {
    log.info('balance', { what: name, reason });
    await deps
      .commit([{ write: 'append-notice', at: clock.now(), name: `balance-${name}`, reason }])
      .then(deps.onNotice, (error: unknown) =>
        log.error('an event of balance is not written', { error: String(error) }),
      );
  }

  async function keepDue(): Promise<void> {
    if (due === dueOnDisk) return;
    const value = due;
    const write: Write =
      value === undefined ? { write: 'delete-setting', key: DUE } : { write: 'put-setting', key: DUE, value };
    await deps.commit([write]).then(
      () => {
        dueOnDisk = value;
      },
      (error: unknown) => log.error('that balance has something to do is not written', { error: String(error) }),
    );
  }

  function noteNodes(world: World, now: Millis): void {
    const { came, went } = steady.look(world.nodes, now);
    if (went.length > 0) {
      quietUntil = millis(now + limits.settle);
      if (moves.now().run !== undefined)
        log.warn('balance stops: a Node is not there for work any more', { nodes: went });
    }
    if (came.length > 0) request(`${came.join(', ')} ${came.length === 1 ? 'is' : 'are'} there for work`);
  }

  function makePlan(world: World, now: Millis, isManual: boolean): Plan {
    if (!isTaken) planner.take(world);
    isTaken = true;
    return planner.plan(isManual ? {} : { settled: (node) => steady.isSettled(node, now) });
  }

  async function decide(world: World, now: Millis): Promise<void> {
    if (isHalted(now)) return;
    if (due === undefined && mode === 'always') lookForUneven(world, now);
    const { run } = moves.now();
    if (due === undefined || (run === undefined && !isAsked && !steady.areAllSettled(now))) return;
    const nodes = steady.count();
    if (run !== undefined && !hasRoom(moves.now(), nodes)) return;
    const plan = makePlan(world, now, isAsked);
    if (run === undefined) {
      moves.set({ ...moves.now(), run: beginRun(due, plan, now) });
      broke = undefined;
      record.begin(due);
      log.info('balance begins', { reason: due, moves: plan.moves.length, skipped: plan.skipped.length });
    }
    const choice = choose(plan, world, moves.now(), { now, nodes, limits: limits.run });
    moves.set(began(moves.now(), choice.begin, now));
    for (const { move } of choice.begin) {
      record.moveBegan(move);
      log.info('a move begins', {
        pod: move.pod.name,
        title: move.title,
        from: move.from,
        to: move.to,
        how: move.method,
      });
    }
    const end = runEnd(plan, choice, moves.now(), { now, limits: limits.run });
    if (end !== undefined) await endRun(end, now);
  }

  async function endRun(end: RunEnd, now: Millis): Promise<void> {
    const { run, cooldown, flights } = moves.now();
    moves.set({ flights, run: undefined, cooldown: pruned(cooldown, now, limits.run.cooldown) });
    [due, isAsked] = [undefined, false];
    if (end.end === 'broke-off') {
      broke = end.why;
      record.end('stopped', end.why);
      return await tell('stopped', `balance stopped: ${end.why}`);
    }
    const moved = run?.landed ?? 0;
    record.end('even', moved === 0 ? 'nothing had to be moved' : `${moved} ${moved === 1 ? 'pod' : 'pods'} moved`);
    if (moved > 0) await tell('finished', `pods are even: ${moved} moved`);
  }

  function lookForUneven(world: World, now: Millis): void {
    if (stirred === undefined || (now - stirred < QUIET && now - looked < LOOK)) return;
    [looked, stirred] = [now, undefined];
    if (makePlan(world, now, false).moves.length > 0) due = 'pods are uneven';
  }

  async function turn(signal: AbortSignal): Promise<void> {
    if (!isKnown()) return;
    const now = rests.elapsed();
    noteNodes(workloads.world(), now);
    if (left === undefined) {
      const found = await deps.leftSurges(signal);
      if (!found.ok) return log.warn('whether a surge was left is not known yet', { detail: found.error.detail });
      left = found.value;
      log.info('balance sees the cluster', { nodes: steady.count(), mode });
      moves.set(resumed(moves.now(), left, workloads.world(), now));
      for (const { deployment } of left)
        log.warn('a surge was left by an earlier run, and is ended', { ...deployment });
    }
    await keepDue();
    await moves.fly(isHalted(now), signal);
    if (isKnown()) await decide(workloads.world(), rests.elapsed());
    await keepDue();
  }

  async function follow(signal: AbortSignal): Promise<void> {
    const unsubscribe = workloads.onChange((change) => {
      if (isTaken) planner.changed(workloads.world(), change);
      stirred = rests.elapsed();
      if (moves.now().flights.length > 0) wake();
    });
    while (!signal.aborted) {
      // What could not be written or asked is tried again at the next turn.
      await turn(signal).catch(
        (error: unknown) => signal.aborted || log.error('balance cannot go on', { error: String(error) }),
      );
      deps.onTurn?.();
      await doze(seconds(1), signal);
    }
    unsubscribe();
  }

  /** Why nothing is decided, if that is so. */
  const deaf = (): string | undefined => whyUnknown(deps.workloads);
  const view = () =>
    balanceView({
      ...{ mode, due, broke, paused: pause.now(), holds: pause.holds() },
      deaf: deaf(),
      moving: moves.now(),
      isQuiet: rests.elapsed() < quietUntil,
      run: record.view(),
    });

  return {
    request,
    pause: pause.hold,
    advice: () => balanceAdvice(view(), due !== undefined),
    api: {
      balance: view,
      balancePlan: () => {
        const why = deaf();
        if (why !== undefined) return problem('NOT_READY', why);
        const world = workloads.world();
        const plan = makePlan(world, rests.elapsed(), true);
        return ok({ ...plan, spread: spreadsOf(world, plan.moves) });
      },
      askBalance: async ({ action, by, seconds: span }) => {
        if (action === 'pause') await pause.set({ by, left: span === undefined ? undefined : seconds(span) });
        if (action === 'resume') await pause.end(by);
        if (action !== 'run') return ok(view());
        if (pause.isOn()) return problem('CONFLICT', `balance is paused (${view().detail}): bramble balance resume`);
        const why = deaf();
        if (why !== undefined) return problem('NOT_READY', why);
        ask(`${by} asked for it`, true);
        return ok(view());
      },
    },
    follow,
  };
}

const unheardOf: BalanceWorld = {
  world: () => ({ nodes: [], pods: new Map(), owners: new Map(), budgets: [], claims: new Map() }),
  age: () => undefined,
  trouble: () => undefined,
  onChange: () => () => undefined,
};
