/**
 * `bramble shutdown` and `startup`. What was asked and how far it is stands on disk before anything is done; the boards' own part is
 * in their states. So a daemon that is killed anywhere goes on where it was.
 */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { minutes } from '../../../config/values.ts';
import type { Gate } from '../../cluster/gate.ts';
import type { Cluster } from '../../cluster/index.ts';
import type { PowerDriver } from '../../cluster/power/driver.ts';
import type { Step } from '../../cluster/power/order.ts';
import { isWhole } from '../../cluster/power/run.ts';
import type { PowerView, ShutdownRequest, StartupRequest } from '../../http/wire.ts';
import type { Device } from '../../lifecycle/device.ts';
import { isGone } from '../../lifecycle/gone-rows.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock } from '../../ports.ts';
import { createDoze } from '../doze.ts';
import type { DrainDesk } from './drain-desk.ts';
import { createPowerBook, type PowerBookDeps, TURN } from './power-book.ts';
import { createStarting } from './power-starting.ts';
import { createStopping } from './power-stopping.ts';
import { powerAdvice, powerView } from './power-view.ts';

export type PowerDeps = Omit<PowerBookDeps, 'boardOf' | 'onTurned' | 'clock'> & {
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
  /** Why the cluster is not ready to take boards; undefined: it is. */
  readonly clusterTrouble: (signal: AbortSignal) => Promise<string | undefined>;
  /** Has root's program save what the cluster knows and switch this machine off; undefined where there is none. */
  readonly masterOff: ((signal: AbortSignal) => Promise<Result<string, Problem>>) | undefined;
  readonly onStarted: () => void;
  readonly clock: Clock;
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

export function createPowerDesk(deps: PowerDeps): PowerDesk {
  const { runner, clock, bootId } = deps;
  const log = deps.log.child({ service: 'power' });
  const { doze, wake } = createDoze(clock);
  const book = createPowerBook({ ...deps, log, boardOf: runner.fleet.byId, onTurned: wake });
  const { become, inOrder, told } = book;

  const tell = async ({ tell: telling }: Step): Promise<void> => {
    await Promise.all(telling.map(({ board, event }) => runner.dispatch(board.id, event)));
  };
  const stopping = createStopping({ ...deps, log }, book, tell);
  const starting = createStarting({ ...deps, log }, book, tell);

  const shutdown = async (asked: ShutdownRequest): ReturnType<PowerDesk['shutdown']> => {
    const run = book.run();
    if (isWhole(run) && run?.kind === 'stop' && run.phase !== 'down')
      return problem(
        'CONFLICT',
        `the cluster is being shut down already, asked by ${run.by}: bramble startup calls it off`,
      );
    const { by, all, force, deleteData, keepMaster } = asked;
    const found = all ? ok(runner.fleet.all().filter(mayBeOff)) : boardsNamed(asked.boards, whyNotOff);
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

  function boardsNamed(
    names: readonly string[],
    whyNot: (board: Device) => string | undefined,
  ): Result<readonly Device[], Refusal> {
    const found: Device[] = [];
    for (const name of names) {
      const board = deps.boardNamed(name);
      if (board === undefined) return problem('NOT_FOUND', `no board ${name}`);
      const why = whyNot(board);
      if (why !== undefined) return problem('CONFLICT', why);
      found.push(board);
    }
    return ok(found);
  }

  const startup = async ({ by, boards: names }: StartupRequest): ReturnType<PowerDesk['startup']> => {
    const run = book.run();
    const found = names.length > 0 ? boardsNamed(names, whyNotStarted) : ok(runner.fleet.all().filter(isToBeStarted));
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

  async function turn(signal: AbortSignal): Promise<void> {
    const run = book.run();
    if (run === undefined) return;
    await book.settle(run);
    book.waits.turn(run.kind === 'stop' ? [run.phase, ...book.boards()] : [run.phase]);
    if (run.kind === 'stop') await stopping.turn(run, signal);
    else await starting.turn(run, signal);
  }

  const follow: PowerDesk['follow'] = async (signal) => {
    while (!signal.aborted) {
      // What cannot be written, or told to the cluster, is tried again the next turn.
      await turn(signal).catch((error: unknown) => {
        if (!signal.aborted) log.error('a shutdown or startup does not get on', { error: String(error) });
      });
      // Turns are counted: none is cut short.
      if (book.run() === undefined) await doze(minutes(1), signal);
      else await clock.sleep(TURN, signal).catch(() => undefined);
    }
  };

  const view = (): PowerView => powerView({ run: book.run(), ...told, boards: book.boards() });
  return {
    ...{ view, advice: () => powerAdvice(view()), follow },
    shutdown: (asked) => inOrder(() => shutdown(asked)),
    startup: (asked) => inOrder(() => startup(asked)),
  };
}

/** It has a Node that is Ready, was, or is planned to go. */
const mayBeOff = ({ state }: Device): boolean => state.name === 'ready' || state.name === 'draining' || isGone(state);

function whyNotOff(board: Device): string | undefined {
  const { name, state } = board;
  if (state.name === 'stopped') return `${name} is switched off already`;
  return mayBeOff(board) ? undefined : `${name} is ${state.name}, and not in the cluster: switch it off by hand`;
}

/** Not what the owner drained, and wants to stay so. */
const isToBeStarted = ({ state }: Device): boolean =>
  state.name === 'stopped' ||
  (state.name === 'draining' && (state.work.step === 'stopping' || state.work.step === 'cordoned' || !state.keep));

const whyNotStarted = (board: Device): string | undefined =>
  isToBeStarted(board) ? undefined : `${board.name} was not switched off by bramble`;

const named = (boards: readonly Device[]): string => boards.map(({ name }) => name).join(', ');
