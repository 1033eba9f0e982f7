/** Another host has a name of ours: at once in the status, and in the event log of the board whose name it is. */
import { type DeviceId, type Millis, minutes, parseHostname, seconds } from '../../../config/values.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { ConflictListeners } from '../../mdns/conflicts.ts';
import type { Clock, Log } from '../../ports.ts';

/** What is over sooner is no event: avahi takes over from our responder, a board starts with its name from the image. */
const settle: Millis = seconds(10);
/** Somebody who takes a name and gives it back all the time must not write the disk each time. */
const pause: Millis = minutes(5);

export type NameConflictDeps = {
  /** By name in full, what the other host says of it: kept here for the status. */
  readonly conflicts: Map<string, string>;
  readonly runner: Pick<Runner, 'dispatch'> & { readonly fleet: Pick<Runner['fleet'], 'byId' | 'byName'> };
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
  readonly signal: AbortSignal;
};

/** The master's own name is no board's: it is in the status and in the log, and there is no event. */
export function nameConflicts(deps: NameConflictDeps): Required<ConflictListeners> {
  const { conflicts, runner, clock, log, signal } = deps;
  /** One a board at most, and only of those about whom something is to be told. */
  const watched = new Map<DeviceId, { told: string | undefined; watching: boolean }>();

  const boardOf = (name: string): Device | undefined => {
    // `worker-kube1.local`, `worker-kube1._ssh._tcp.local`
    const label = parseHostname(name.split('.', 1)[0]?.toLowerCase() ?? '');
    return label.ok ? runner.fleet.byName(label.value) : undefined;
  };
  const otherOf = (id: DeviceId): string | undefined => [...conflicts].find(([name]) => boardOf(name)?.id === id)?.[1];

  function look(name: string): void {
    const board = boardOf(name);
    if (board === undefined || watched.get(board.id)?.watching === true) return;
    void watch(board);
  }

  async function watch({ id, name }: Device): Promise<void> {
    const one = watched.get(id) ?? { told: undefined, watching: true };
    watched.set(id, one);
    one.watching = true;
    for (let rest = settle; ; rest = pause) {
      await clock.sleep(rest, signal).catch(() => undefined);
      const by = otherOf(id);
      if (signal.aborted || by === one.told || runner.fleet.byId(id) === undefined) break;
      const event: LifecycleEvent = by === undefined ? { event: 'name-conflict-over' } : { event: 'name-conflict', by };
      const written = await runner.dispatch(id, event).catch((error: unknown) => {
        log.error('a name conflict was not written, will be tried again', { name, error: String(error) });
      });
      if (written !== undefined) one.told = by;
    }
    one.watching = false;
    if (one.told === undefined || runner.fleet.byId(id) === undefined) watched.delete(id);
  }

  return {
    onConflict: ({ name, theirs, newName }) => {
      conflicts.set(name, newName === undefined ? (theirs ?? 'another host') : `we are ${newName}`);
      look(name);
    },
    onConflictOver: ({ name }) => {
      conflicts.delete(name);
      look(name);
    },
  };
}
