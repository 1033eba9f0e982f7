/**
 * `bramble shutdown` and `startup`. What was asked and how far it is stands on disk before anything is done; the boards' own part is
 * in their states. So a daemon that is killed anywhere goes on where it was.
 */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { type DeviceId, minutes, seconds } from '../../../config/values.ts';
import type { Gate } from '../../cluster/gate.ts';
import type { Cluster } from '../../cluster/index.ts';
import type { PowerDriver } from '../../cluster/power/driver.ts';
import {
  cordonStep,
  isOff,
  type Patience,
  recallStep,
  type Step,
  startStep,
  stopStep,
} from '../../cluster/power/order.ts';
import {
  isWhole,
  type PowerRun,
  readRun,
  resumedRun,
  runText,
  type StartRun,
  type StopRun,
} from '../../cluster/power/run.ts';
import type { PowerView, ShutdownRequest, StartupRequest } from '../../http/wire.ts';
import type { Device } from '../../lifecycle/device.ts';
import { isGone } from '../../lifecycle/gone-rows.ts';
import { isPlanned } from '../../lifecycle/planned-rows.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Store } from '../../store/store.ts';
import { createDoze } from '../doze.ts';
import { createOrder } from '../in-order.ts';
import type { DrainDesk } from './drain-desk.ts';
import { powerAdvice, powerView } from './power-view.ts';
import { createWaits } from './waits.ts';

export type PowerDeps = {
  readonly config: Pick<Config, 'power'>;
  readonly cluster: Pick<Cluster, 'node' | 'synced'>;
  readonly gate: Pick<Gate, 'cordon' | 'note'>;
  readonly drains: Pick<DrainDesk, 'objection'>;
  readonly driver: PowerDriver;
  readonly runner: Pick<Runner, 'dispatch'> & {
    readonly fleet: Pick<Runner['fleet'], 'all' | 'byId'>;
  };
  /** By name or id. */
  readonly boardNamed: (name: string) => Device | undefined;
  /** Of this machine (`/proc/sys/kernel/random/boot_id`). */
  readonly bootId: string;
  /** Why the cluster is not ready to take boards; undefined: it is. */
  readonly clusterTrouble: (signal: AbortSignal) => Promise<string | undefined>;
  /** Has root's program save what the cluster knows and switch this machine off; undefined where there is none. */
  readonly masterOff: ((signal: AbortSignal) => Promise<Result<string, Problem>>) | undefined;
  /** Who acts on what is missing; told to let go until the returned function is called. */
  readonly keepers: readonly { readonly pause: (why: string) => () => void }[];
  readonly onStarted: () => void;
  /** As on disk. */
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  /** An event of no board is on disk. */
  readonly onNotice: () => void;
  readonly clock: Clock;
  readonly log: Log;
};

type Refusal = Problem<'NOT_FOUND' | 'CONFLICT'>;

export type PowerDesk = {
  readonly view: () => PowerView;
  readonly advice: () => readonly string[];
  /** These two settle once it is on disk. */
  readonly shutdown: (asked: ShutdownRequest) => Promise<Result<PowerView, Refusal>>;
  readonly startup: (asked: StartupRequest) => Promise<Result<PowerView, Refusal>>;
  /** Settles when the signal is aborted. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

export const powerSetting = 'power.run';
const TURN = seconds(1);
type Notice = { readonly name: string; readonly reason: string };
/** A drain that takes longer waits for `--force`. */
const DRAIN_PATIENCE = minutes(5);
/** The rest of the cluster waits so long for one board that does not go off: a UPS does not wait for ever. */
const STOP_PATIENCE = minutes(5);
/** From its power, or from somebody's way to it, to a Node that is Ready. */
const START_PATIENCE = { command: minutes(5), manual: minutes(15) } as const;
const CORDON_PATIENCE = seconds(15);
const RETRY = seconds(30);

export function createPowerDesk(deps: PowerDeps): PowerDesk {
  const { config, cluster, gate, driver, runner, clock, bootId } = deps;
  const log = deps.log.child({ service: 'power' });
  const kept = readRun(deps.settings.get(powerSetting));
  let run: PowerRun | undefined = resumedRun(kept, bootId);
  let isOnDisk = run === kept;
  let last: string | null = null;
  let trouble: string | undefined;
  let holds: readonly (() => void)[] = [];
  const { doze, wake } = createDoze(clock);
  const waits = createWaits(TURN);
  const switchedOn = new Set<DeviceId>();
  hold();

  function hold(): void {
    if (isWhole(run) === holds.length > 0) return;
    const why = run?.kind === 'stop' ? `${run.by} shuts the cluster down` : 'the cluster is starting';
    for (const release of holds) release();
    holds = isWhole(run) ? deps.keepers.map((keeper) => keeper.pause(why)) : [];
  }

  /** On disk before it counts. */
  async function become(next: PowerRun | undefined, notice?: Notice): Promise<void> {
    await deps.commit([
      next === undefined
        ? { write: 'delete-setting', key: powerSetting }
        : { write: 'put-setting', key: powerSetting, value: runText(next) },
      ...(notice === undefined ? [] : [{ write: 'append-notice', at: clock.now(), ...notice } as const]),
    ]);
    isOnDisk = true;
    if (run?.phase !== next?.phase || run?.kind !== next?.kind) {
      waits.forget();
      switchedOn.clear();
      trouble = undefined;
    }
    run = next;
    hold();
    wake();
    if (notice === undefined) return;
    log.warn(notice.reason, { run: next });
    deps.onNotice();
  }

  /** A word of the owner's that comes while a step is being written is not undone by it. */
  const inOrder = createOrder();
  /** Unless somebody asked for something else meanwhile. */
  const advance = (now: PowerRun, next: PowerRun | undefined, notice?: Notice): Promise<void> =>
    inOrder(async () => {
      if (run === now) await become(next, notice);
    });

  const boardsOf = ({ boards }: PowerRun): readonly Device[] =>
    boards.flatMap((id) => {
      const board = runner.fleet.byId(id);
      return board === undefined ? [] : [board];
    });

  const tell = async ({ tell: telling }: Step): Promise<void> => {
    await Promise.all(telling.map(({ board, event }) => runner.dispatch(board.id, event)));
  };

  async function stopTurn(now: StopRun, signal: AbortSignal): Promise<void> {
    const boards = boardsOf(now);
    switch (now.phase) {
      case 'cordon': {
        await tell(cordonStep(now, boards));
        const isCordoned = await cordonAll(now, boardsOf(now), signal);
        if (isCordoned || waits.of('cordon') >= CORDON_PATIENCE) await advance(now, { ...now, phase: 'boards' });
        return;
      }
      case 'boards': {
        const patience: Patience = {
          isOverdue: (board) => waits.of(board.id) >= DRAIN_PATIENCE,
          isGivenUp: (board) => now.all && waits.of(board.id) >= STOP_PATIENCE,
        };
        const bootOf = ({ name }: Device): string | undefined => cluster.node(name)?.bootId;
        const step = stopStep(now, boards, { batch: config.power.batch, patience, bootOf });
        await tell(step);
        trouble = step.stuck.length === 0 ? undefined : stuckText(step.stuck);
        if (step.done) await boardsOff(now, boards);
        return;
      }
      case 'master':
        return await masterTurn(now, signal);
      case 'down':
        // They came back by themselves, one by one.
        if (!boards.some(isPlanned))
          await advance(now, undefined, { name: 'startup-done', reason: 'every board is back' });
    }
  }

  async function boardsOff(now: StopRun, boards: readonly Device[]): Promise<void> {
    const on = boards.filter(({ state }) => state.name === 'draining').map(({ name }) => name);
    last = `${boards.length - on.length} of ${boards.length} boards are off${on.length > 0 ? `; still on: ${on.join(', ')}` : ''}`;
    const notice = { name: 'shutdown-done', reason: last };
    if (!now.all) await advance(now, undefined, notice);
    else await advance(now, { ...now, phase: now.keepMaster ? 'down' : 'master' }, notice);
  }

  async function masterTurn(now: StopRun, signal: AbortSignal): Promise<void> {
    if (waits.of('master') % RETRY !== 0) return;
    if (deps.masterOff === undefined) {
      trouble = 'this machine is switched off by hand: sudo systemctl poweroff';
      return;
    }
    const end = await deps.masterOff(signal);
    if (end.ok) return await advance(now, { ...now, phase: 'down' }, { name: 'master-off', reason: end.value });
    trouble = `this machine is still on: ${end.error.detail}; sudo systemctl poweroff`;
    log.error('the master is not switched off', { ...end.error });
  }

  /** True once each Node is; what cannot be cordoned is switched off all the same. */
  async function cordonAll({ by }: StopRun, boards: readonly Device[], signal: AbortSignal): Promise<boolean> {
    if (!cluster.synced()) return false;
    const ends = await Promise.all(
      boards.filter(isPlanned).map(async ({ name }) => {
        const node = cluster.node(name);
        if (node === undefined || node.unschedulable) return true;
        const end = await gate.cordon(node, `shutdown, asked by ${by}`, signal);
        if (end.ok) {
          await gate.note(
            node,
            { type: 'Normal', reason: 'BrambleShutdown', message: `shut down, asked by ${by}` },
            signal,
          );
        } else log.warn('a Node is not cordoned', { node: name, ...end.error });
        return end.ok;
      }),
    );
    return ends.every((isDone) => isDone);
  }

  async function startTurn(now: StartRun, signal: AbortSignal): Promise<void> {
    const boards = boardsOf(now);
    await tell(recallStep(now, boards));
    if (now.phase === 'cluster') {
      trouble = await deps.clusterTrouble(signal);
      if (trouble === undefined) await advance(now, { ...now, phase: 'boards' });
      return;
    }
    const isGivenUp = ({ id }: Device): boolean => waits.of(`start ${id}`) >= START_PATIENCE[driver.name];
    const batch = driver.name === 'manual' ? boards.length : config.power.batch;
    const step = startStep(boards, batch, { isGivenUp, isOverdue: () => false });
    if (step.done) {
      // Nobody balances over Nodes that are not all there yet.
      const isLocked = boards.some((board) => !isPlanned(board) && cluster.node(board.name)?.cordonedBy !== undefined);
      if (isLocked) waits.count('uncordon');
      if (!isLocked || waits.of('uncordon') >= RETRY) await started(now, boards);
      return;
    }
    for (const { id } of step.power) waits.count(`start ${id}`);
    if (driver.name === 'manual') trouble = `switch on by hand: ${named(step.power)}`;
    if (driver.name === 'command') await Promise.all(step.power.map((board) => switchOn(board, signal)));
  }

  /** Until the owner's program says that it is. */
  async function switchOn(board: Device, signal: AbortSignal): Promise<void> {
    if (switchedOn.has(board.id)) return;
    const tries = `on ${board.id}`;
    waits.count(tries);
    if (waits.of(tries) % RETRY !== 0) return;
    const on = await driver.switch('on', board, signal);
    if (on.ok) switchedOn.add(board.id);
    else log.error('the power of a board cannot be switched on', { name: board.name, detail: on.error.detail });
    trouble = on.ok ? trouble : on.error.detail;
  }

  async function started(now: StartRun, boards: readonly Device[]): Promise<void> {
    const off = boards.filter(isOff);
    last = `${boards.length - off.length} of ${boards.length} boards are back${off.length > 0 ? `; not yet: ${named(off)}` : ''}`;
    await advance(now, undefined, { name: 'startup-done', reason: last });
    log.info('startup is over', { by: now.by });
    deps.onStarted();
  }

  const shutdown = async (asked: ShutdownRequest): ReturnType<PowerDesk['shutdown']> => {
    if (isWhole(run) && run?.kind === 'stop' && run.phase !== 'down')
      return problem(
        'CONFLICT',
        `the cluster is being shut down already, asked by ${run.by}: bramble startup calls it off`,
      );
    const { by, all, force, deleteData, keepMaster } = asked;
    const found = all ? ok(runner.fleet.all().filter(mayBeOff)) : namedBoards(asked.boards);
    if (!found.ok) return found;
    const objections = all || force ? [] : found.value.flatMap((board) => deps.drains.objection(board, asked) ?? []);
    if (objections.length > 0) return problem('CONFLICT', objections.join('; '));
    if (isWhole(run) && !all) return problem('CONFLICT', 'the whole cluster is shut down, or starting: bramble status');
    const earlier = run?.kind === 'stop' && !all ? run : undefined;
    const boards = [...new Set([...(earlier?.boards ?? []), ...found.value.map(({ id }) => id)])];
    const how = { force: force || earlier?.force === true, deleteData: deleteData || earlier?.deleteData === true };
    const phase = all ? 'cordon' : 'boards';
    const what = all
      ? `the whole cluster, ${boards.length} boards${keepMaster ? ', without the master' : ''}`
      : named(found.value);
    await become(
      { kind: 'stop', by, all, keepMaster, ...how, boards, phase, boot: bootId },
      { name: 'shutdown-asked', reason: `to be shut down, asked by ${by}: ${what}` },
    );
    return ok(view());
  };

  function namedBoards(names: readonly string[]): Result<readonly Device[], Refusal> {
    const found: Device[] = [];
    for (const name of names) {
      const board = deps.boardNamed(name);
      if (board === undefined) return problem('NOT_FOUND', `no board ${name}`);
      if (board.state.name === 'stopped') return problem('CONFLICT', `${board.name} is switched off already`);
      if (!mayBeOff(board))
        return problem(
          'CONFLICT',
          `${board.name} is ${board.state.name}, and not in the cluster: switch it off by hand`,
        );
      found.push(board);
    }
    return ok(found);
  }

  const startup = async ({ by, boards: names }: StartupRequest): ReturnType<PowerDesk['startup']> => {
    const found = names.length > 0 ? namedOff(names) : ok(runner.fleet.all().filter(isToBeStarted));
    if (!found.ok) return found;
    if (found.value.length === 0 && run === undefined)
      return problem('CONFLICT', 'nothing was switched off by bramble: there is nothing to start');
    const boards = found.value.map(({ id }) => id);
    await become(
      { kind: 'start', by, all: isWhole(run), boards, phase: 'cluster' },
      { name: 'startup-asked', reason: `to be started, asked by ${by}: ${named(found.value)}` },
    );
    return ok(view());
  };

  function namedOff(names: readonly string[]): Result<readonly Device[], Refusal> {
    const found: Device[] = [];
    for (const name of names) {
      const board = deps.boardNamed(name);
      if (board === undefined) return problem('NOT_FOUND', `no board ${name}`);
      if (!isToBeStarted(board)) return problem('CONFLICT', `${board.name} was not switched off by bramble`);
      found.push(board);
    }
    return ok(found);
  }

  async function turn(signal: AbortSignal): Promise<void> {
    if (run === undefined) return;
    // It was another one before this machine was started.
    if (!isOnDisk)
      await advance(run, run, {
        name: 'startup-asked',
        reason: 'this machine was started again: every board comes back',
      });
    waits.turn(run.kind === 'stop' ? [run.phase, ...boardsOf(run)] : [run.phase]);
    if (run.kind === 'stop') await stopTurn(run, signal);
    else await startTurn(run, signal);
  }

  const follow: PowerDesk['follow'] = async (signal) => {
    while (!signal.aborted) {
      // What cannot be written, or told to the cluster, is tried again the next turn.
      await turn(signal).catch((error: unknown) => {
        if (!signal.aborted) log.error('a shutdown or startup does not get on', { error: String(error) });
      });
      // Turns are counted: none is cut short.
      if (run === undefined) await doze(minutes(1), signal);
      else await clock.sleep(TURN, signal).catch(() => undefined);
    }
  };

  const view = (): PowerView => powerView({ run, last, trouble, boards: run === undefined ? [] : boardsOf(run) });
  return {
    ...{ view, advice: () => powerAdvice(view()), follow },
    shutdown: (asked) => inOrder(() => shutdown(asked)),
    startup: (asked) => inOrder(() => startup(asked)),
  };
}

/** It has a Node that is Ready, was, or is planned to go. */
const mayBeOff = ({ state }: Device): boolean => state.name === 'ready' || state.name === 'draining' || isGone(state);

/** Not what the owner drained, and wants to stay so. */
const isToBeStarted = ({ state }: Device): boolean =>
  state.name === 'stopped' ||
  (state.name === 'draining' && (state.work.step === 'stopping' || state.work.step === 'cordoned' || !state.keep));

const named = (boards: readonly Device[]): string => boards.map(({ name }) => name).join(', ');
const stuckText = (boards: readonly Device[]): string =>
  `${named(boards)} cannot be drained within ${DRAIN_PATIENCE / 60_000} minutes: bramble shutdown ${boards.map(({ name }) => name).join(' ')} --force switches off all the same, bramble startup calls it off`;
