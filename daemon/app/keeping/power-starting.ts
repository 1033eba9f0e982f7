/** One turn of a startup: the cluster first, then power in batches, uncordoned what a shutdown cordoned. */
import { type DeviceId, minutes, seconds } from '../../../config/values.ts';
import { isOff, recallStep, type Step, startStep } from '../../cluster/power/order.ts';
import type { StartRun } from '../../cluster/power/run.ts';
import type { Device } from '../../lifecycle/device.ts';
import { isPlanned } from '../../lifecycle/planned-rows.ts';
import type { PowerBook } from './power-book.ts';
import type { PowerDeps } from './power-desk.ts';

/** From its power, or from somebody's way to it, to a Node that is Ready. */
const START_PATIENCE = { command: minutes(5), manual: minutes(15) } as const;
const RETRY = seconds(30);

export function createStarting(
  { config, cluster, driver, clusterTrouble, onStarted, log }: PowerDeps,
  book: PowerBook,
  tell: (step: Step) => Promise<void>,
): { readonly turn: (now: StartRun, signal: AbortSignal) => Promise<void> } {
  /** Boards that the owner's program has switched on in this phase of this run. */
  let switched: { readonly run: StartRun | undefined; readonly on: Set<DeviceId> } = { run: undefined, on: new Set() };

  async function turn(now: StartRun, signal: AbortSignal): Promise<void> {
    const boards = book.boards();
    await tell(recallStep(now, boards));
    if (switched.run !== now) switched = { run: now, on: new Set() };
    if (now.phase === 'cluster') {
      book.told.trouble = await clusterTrouble(signal);
      if (book.told.trouble === undefined) await book.advance(now, { ...now, phase: 'boards' });
      return;
    }
    const isGivenUp = ({ id }: Device): boolean => book.waits.of(`start ${id}`) >= START_PATIENCE[driver.name];
    const batch = driver.name === 'manual' ? boards.length : config.power.batch;
    const step = startStep(boards, batch, { isGivenUp, isOverdue: () => false });
    if (step.done) {
      // Nobody balances over Nodes that are not all there yet.
      const isLocked = boards.some((board) => !isPlanned(board) && cluster.node(board.name)?.cordonedBy !== undefined);
      if (isLocked) book.waits.count('uncordon');
      if (!isLocked || book.waits.of('uncordon') >= RETRY) await started(now, boards);
      return;
    }
    for (const { id } of step.power) book.waits.count(`start ${id}`);
    if (driver.name === 'manual') book.told.trouble = `switch on by hand: ${named(step.power)}`;
    if (driver.name === 'command') await Promise.all(step.power.map((board) => switchOn(board, signal)));
  }

  /** Until the owner's program says that it is. */
  async function switchOn(board: Device, signal: AbortSignal): Promise<void> {
    if (switched.on.has(board.id)) return;
    const tries = `on ${board.id}`;
    book.waits.count(tries);
    if (book.waits.of(tries) % RETRY !== 0) return;
    const on = await driver.switch('on', board, signal);
    if (on.ok) switched.on.add(board.id);
    else log.error('the power of a board cannot be switched on', { name: board.name, detail: on.error.detail });
    if (!on.ok) book.told.trouble = on.error.detail;
  }

  async function started(now: StartRun, boards: readonly Device[]): Promise<void> {
    const off = boards.filter(isOff);
    const last = `${boards.length - off.length} of ${boards.length} boards are back${off.length > 0 ? `; not yet: ${named(off)}` : ''}`;
    book.told.last = last;
    await book.advance(now, undefined, { name: 'startup-done', reason: last });
    log.info('startup is over', { by: now.by });
    onStarted();
  }

  return { turn };
}

const named = (boards: readonly Device[]): string => boards.map(({ name }) => name).join(', ');
