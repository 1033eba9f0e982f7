/**
 * The shutdown or startup that is under way: each step is on disk before it counts, and while it is of the whole cluster nobody
 * else acts on what is missing.
 */
import type { DeviceId } from '../../../config/values.ts';
import { seconds } from '../../../config/values.ts';
import { isWhole, type PowerRun, readRun, resumedRun, runText } from '../../cluster/power/run.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Store } from '../../store/store.ts';
import { createOrder } from '../in-order.ts';
import { createWaits, type Waits } from './waits.ts';

export type PowerBookDeps = {
  readonly boardOf: (id: DeviceId) => Device | undefined;
  /** Of this machine (`/proc/sys/kernel/random/boot_id`). */
  readonly bootId: string;
  /** Who acts on what is missing; told to let go until the returned function is called. */
  readonly keepers: readonly { readonly pause: (why: string) => () => void }[];
  /** As on disk. */
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  /** An event of no board is on disk. */
  readonly onNotice: () => void;
  /** There is another run, or none. */
  readonly onTurned: () => void;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
};

type Notice = { readonly name: string; readonly reason: string };

export type PowerBook = {
  readonly run: () => PowerRun | undefined;
  /** Of the run, as they are now. */
  readonly boards: () => readonly Device[];
  /** What the one before came to, and what this one waits for. */
  readonly told: { last: string | null; trouble: string | undefined };
  /** How long it is in its phase, and boards in their states. */
  readonly waits: Waits;
  /** Settles once it is on disk. */
  readonly become: (next: PowerRun | undefined, notice?: Notice) => Promise<void>;
  /** Unless somebody asked for something else meanwhile. */
  readonly advance: (now: PowerRun, next: PowerRun | undefined, notice?: Notice) => Promise<void>;
  /** A word of the owner's that comes while a step is being written is not undone by it. */
  readonly inOrder: ReturnType<typeof createOrder>;
  /** The first turn after a start: what a new boot of this machine made of the run goes to disk. */
  readonly settle: (run: PowerRun) => Promise<void>;
};

export const powerSetting = 'power.run';
export const TURN = seconds(1);

export function createPowerBook(deps: PowerBookDeps): PowerBook {
  const { clock, log } = deps;
  const kept = readRun(deps.settings.get(powerSetting));
  let run: PowerRun | undefined = resumedRun(kept, deps.bootId);
  let isOnDisk = run === kept;
  let holds: readonly (() => void)[] = [];
  const told: PowerBook['told'] = { last: null, trouble: undefined };
  const waits = createWaits(TURN);
  const inOrder = createOrder();
  hold();

  function hold(): void {
    if (isWhole(run) === holds.length > 0) return;
    const why = run?.kind === 'stop' ? `${run.by} shuts the cluster down` : 'the cluster is starting';
    for (const release of holds) release();
    holds = isWhole(run) ? deps.keepers.map((keeper) => keeper.pause(why)) : [];
  }

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
      told.trouble = undefined;
    }
    run = next;
    hold();
    deps.onTurned();
    if (notice === undefined) return;
    log.warn(notice.reason, { run: next });
    deps.onNotice();
  }

  const advance: PowerBook['advance'] = (now, next, notice) =>
    inOrder(async () => {
      if (run === now) await become(next, notice);
    });

  return {
    ...{ run: () => run, told, waits, become, advance, inOrder },
    boards: () => (run?.boards ?? []).flatMap((id) => deps.boardOf(id) ?? []),
    settle: async (now) => {
      const reason = 'this machine was started again: every board comes back';
      if (!isOnDisk) await advance(now, now, { name: 'startup-asked', reason });
    },
  };
}
