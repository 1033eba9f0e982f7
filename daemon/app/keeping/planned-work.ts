/** Wires what the owner plans for boards: draining, shutting down, starting. */
import { readFileSync } from 'node:fs';
import { ok, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { minutes } from '../../../config/values.ts';
import type { Cluster } from '../../cluster/index.ts';
import type { PowerDriver } from '../../cluster/power/driver.ts';
import { masterOffLine, parseMasterAnswer } from '../../cluster/power/master.ts';
import { apiTrouble, dnsTrouble } from '../../cluster/power/ready.ts';
import type { World } from '../../cluster/workloads/facts.ts';
import { isFresh } from '../../cluster/workloads/fresh.ts';
import type { PowerRoutesDeps } from '../../http/endpoints/power.ts';
import { noBoardText } from '../../http/endpoints/read.ts';
import type { DeviceView } from '../../http/wire.ts';
import type { Joiner } from '../../join/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import { boardNamed } from '../../lifecycle/fleet.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Store } from '../../store/store.ts';
import { exchange } from '../../system/exchange.ts';
import { isHostAlive } from '../../system/host-alive.ts';
import { deviceView } from '../owner/views.ts';
import { createDrainDesk } from './drain-desk.ts';
import { whyUnknown } from './known.ts';
import { createPowerDesk, type PowerDeps } from './power-desk.ts';
import { type StopBoard, stopBoard } from './stop-board.ts';

export type PlannedWorkDeps = {
  readonly config: Pick<Config, 'power' | 'cluster'>;
  readonly power: PowerDriver;
  readonly cluster: Cluster;
  readonly joiner: Joiner;
  readonly runner: Pick<Runner, 'fleet' | 'dispatch'>;
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  readonly onNotice: () => void;
  /** Where `bramble-power` is asked, if anywhere (bramble-power.socket). */
  readonly powerSocket: string | undefined;
  readonly keepers: PowerDeps['keepers'];
  /** Boards work again: their share of the work is to be looked at. */
  readonly rebalance: (why: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export type PlannedWork = {
  readonly routes: PowerRoutesDeps;
  readonly advice: () => readonly string[];
  /** How these effects are carried out. */
  readonly drain: (board: Device, signal: AbortSignal) => Promise<LifecycleEvent>;
  readonly stop: StopBoard;
  readonly follow: (signal: AbortSignal) => readonly Promise<void>[];
};

/** CoreDNS is waited for so many looks, a second apart. */
const DNS_LOOKS = 60;

export function createPlannedWork(deps: PlannedWorkDeps): PlannedWork {
  const { config, power: driver, cluster, joiner, runner, powerSocket, clock, log, signal } = deps;

  const world = (): World | undefined => {
    const workloads = cluster.workloads();
    return isFresh(workloads) ? workloads?.world() : undefined;
  };

  let dnsLooks = 0;
  const clusterTrouble = async (life: AbortSignal): Promise<string | undefined> => {
    const trouble = await apiTrouble(cluster, life);
    if (trouble !== undefined) return trouble;
    const now = world();
    if (now === undefined || !cluster.synced())
      return whyUnknown(cluster.workloads()) ?? 'what runs in the cluster is not known yet';
    const dns = dnsTrouble(now);
    dnsLooks = dns === undefined ? 0 : dnsLooks + 1;
    return dnsLooks >= DNS_LOOKS ? undefined : dns;
  };

  const masterOff = async (life: AbortSignal): Promise<Result<string>> => {
    if (powerSocket === undefined) return problem('NO_SOCKET', 'there is no bramble-power.socket');
    const said = await exchange(powerSocket, masterOffLine, { signal: life, timeout: minutes(6) });
    return said.ok ? parseMasterAnswer(said.value) : said;
  };

  const drains = createDrainDesk({
    ...{ cluster, gate: cluster.gate, world, runner, clock, log },
    onUncordoned: (node) => deps.rebalance(`${node} gets work again`),
  });
  const named = (name: string): Device | undefined => boardNamed(runner.fleet, name);
  const power = createPowerDesk({
    ...{ config, cluster, gate: cluster.gate, drains, driver, runner, boardNamed: named, clusterTrouble, clock, log },
    ...{ settings: deps.settings, commit: deps.commit, onNotice: deps.onNotice, keepers: deps.keepers },
    bootId: bootId(),
    masterOff: powerSocket === undefined ? undefined : masterOff,
    onStarted: () => deps.rebalance('the cluster was started'),
  });

  /** Its Eviction API came later, and its control plane is on a board. */
  const legacy =
    config.cluster.driver === 'kube-config'
      ? problem(
          'CONFLICT',
          'not with kube-config: sudo kube-config disable on each worker, then on the master, and poweroff',
        )
      : undefined;

  const onBoard = async (
    name: string,
    act: (board: Device) => ReturnType<typeof drains.request>,
  ): ReturnType<PowerRoutesDeps['drain']> => {
    const board = named(name);
    if (board === undefined) return problem('NOT_FOUND', noBoardText(name));
    const done = await act(board);
    return done.ok ? ok<DeviceView>(deviceView(done.value, undefined)) : done;
  };

  return {
    routes: {
      power: power.view,
      shutdown: async (asked) => legacy ?? (await power.shutdown(asked)),
      startup: async (asked) => legacy ?? (await power.startup(asked)),
      drain: (name, asked) => onBoard(name, async (board) => legacy ?? (await drains.request(board, asked))),
      uncordon: (name, asked) =>
        onBoard(name, async (board) => legacy ?? (await drains.uncordon(board, asked, signal))),
    },
    advice: power.advice,
    drain: drains.drain,
    stop: stopBoard({ joiner, driver, isAlive: isHostAlive, clock, log: log.child({ service: 'power' }) }),
    follow: (life) => [drains.follow(life), power.follow(life)],
  };
}

/** Another one with each start of this machine. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return 'unknown';
  }
}
