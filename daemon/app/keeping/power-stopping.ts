/** One turn of a shutdown: cordoned, drained, off in batches, the master at the end. */
import { minutes, seconds } from '../../../config/values.ts';
import { cordonStep, type Patience, type Step, stopStep } from '../../cluster/power/order.ts';
import type { StopRun } from '../../cluster/power/run.ts';
import type { Device } from '../../lifecycle/device.ts';
import { isPlanned } from '../../lifecycle/planned-rows.ts';
import type { PowerBook } from './power-book.ts';
import type { PowerDeps } from './power-desk.ts';

/** A drain that takes longer waits for `--force`. */
const DRAIN_PATIENCE = minutes(5);
/** The rest of the cluster waits so long for one board that does not go off: a UPS does not wait for ever. */
const STOP_PATIENCE = minutes(5);
const CORDON_PATIENCE = seconds(15);
const RETRY = seconds(30);

export function createStopping(
  { config, cluster, gate, masterOff, log }: PowerDeps,
  book: PowerBook,
  tell: (step: Step) => Promise<void>,
): { readonly turn: (now: StopRun, signal: AbortSignal) => Promise<void> } {
  async function turn(now: StopRun, signal: AbortSignal): Promise<void> {
    const boards = book.boards();
    switch (now.phase) {
      case 'cordon': {
        await tell(cordonStep(now, boards));
        const isCordoned = await cordonAll(now, book.boards(), signal);
        if (isCordoned || book.waits.of('cordon') >= CORDON_PATIENCE)
          await book.advance(now, { ...now, phase: 'boards' });
        return;
      }
      case 'boards': {
        const patience: Patience = {
          isOverdue: (board) => book.waits.of(board.id) >= DRAIN_PATIENCE,
          isGivenUp: (board) => now.all && book.waits.of(board.id) >= STOP_PATIENCE,
        };
        const bootOf = ({ name }: Device): string | undefined => cluster.node(name)?.bootId;
        const step = stopStep(now, boards, { batch: config.power.batch, patience, bootOf });
        await tell(step);
        book.told.trouble = step.stuck.length === 0 ? undefined : stuckText(step.stuck);
        if (step.done) await boardsOff(now, boards);
        return;
      }
      case 'master':
        return await masterTurn(now, signal);
      case 'down':
        // They came back by themselves, one by one.
        if (!boards.some(isPlanned))
          await book.advance(now, undefined, { name: 'startup-done', reason: 'every board is back' });
    }
  }

  async function boardsOff(now: StopRun, boards: readonly Device[]): Promise<void> {
    const on = boards.filter(({ state }) => state.name === 'draining').map(({ name }) => name);
    const last = `${boards.length - on.length} of ${boards.length} boards are off${on.length > 0 ? `; still on: ${on.join(', ')}` : ''}`;
    book.told.last = last;
    const notice = { name: 'shutdown-done', reason: last };
    if (!now.all) await book.advance(now, undefined, notice);
    else await book.advance(now, { ...now, phase: now.keepMaster ? 'down' : 'master' }, notice);
  }

  async function masterTurn(now: StopRun, signal: AbortSignal): Promise<void> {
    if (book.waits.of('master') % RETRY !== 0) return;
    if (masterOff === undefined) {
      book.told.trouble = 'this machine is switched off by hand: sudo systemctl poweroff';
      return;
    }
    const end = await masterOff(signal);
    if (end.ok) return await book.advance(now, { ...now, phase: 'down' }, { name: 'master-off', reason: end.value });
    book.told.trouble = `this machine is still on: ${end.error.detail}; sudo systemctl poweroff`;
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

  return { turn };
}

const stuckText = (boards: readonly Device[]): string =>
  `${boards.map(({ name }) => name).join(', ')} cannot be drained within ${DRAIN_PATIENCE / 60_000} minutes: bramble shutdown ${boards.map(({ name }) => name).join(' ')} --force switches off all the same, bramble startup calls it off`;
