/**
 * Under kube-config a board that was started anew is in the cluster no more, though its kubelet may say that it is: so each is looked
 * at once a minute. A look is a line over SSH, and more only where the system was started anew.
 */

import type { Result } from '../../../config/result.ts';
import { ok } from '../../../config/result.ts';
import { type DeviceId, minutes } from '../../../config/values.ts';
import type { Driver, Joiner } from '../../join/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';
import type { HostKeys } from './host-keys.ts';
import { ownBoard } from './own-board.ts';

export type BootWatchDeps = {
  readonly boards: () => readonly Device[];
  readonly joiner: Pick<Joiner, 'onBoard'>;
  readonly driver: () => Promise<Result<Driver>>;
  readonly keys: Pick<HostKeys, 'accepted'>;
  readonly dispatch: Runner['dispatch'];
  readonly clock: Clock;
  readonly log: Log;
};

export const BOOT_TURN = minutes(1);

/** Settles when the signal is aborted. Boards that do not answer are left to the watch on Nodes. */
export async function watchBoots(deps: BootWatchDeps, signal: AbortSignal, onTurn: () => void): Promise<void> {
  /** The boots of which is known that the board is in the cluster. */
  const known = new Map<DeviceId, string>();
  const context = { signal, transfer: <T>(work: () => Promise<T>) => work() };

  const look = async (device: Device): Promise<void> => {
    const { id, name } = device;
    const board = ownBoard(device, deps.keys);
    if (!board.ok) return;
    await deps.joiner.onBoard(board.value, signal, async (session) => {
      const boot = await session.run('cat', ['/proc/sys/kernel/random/boot_id']);
      if (!boot.ok || known.get(id) === boot.value.stdout) return ok(undefined);
      const driver = await deps.driver();
      const state = driver.ok ? await driver.value.probe(session, context) : driver;
      if (!state.ok) return ok(undefined);
      if (state.value === 'joined') known.set(id, boot.value.stdout);
      else {
        deps.log.info('a board was started anew, and is to be enabled again', { name, state: device.state.name });
        await deps.dispatch(id, { event: 'cluster-programs-gone' });
      }
      return ok(undefined);
    });
  };

  while (!signal.aborted) {
    onTurn();
    await deps.clock.sleep(BOOT_TURN, signal).catch(() => undefined);
    const boards = signal.aborted ? [] : deps.boards().filter(isJoined);
    for (const id of [...known.keys()]) if (!boards.some((board) => board.id === id)) known.delete(id);
    await Promise.allSettled(boards.map(look));
  }
}

const isJoined = ({ state }: Device): boolean => state.name === 'ready' || state.name === 'unreachable';
