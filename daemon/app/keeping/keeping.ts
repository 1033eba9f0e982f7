/** Wires what keeps the cluster: failover, balance, power. */
import { ok, problem } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { createPlanner } from '../../cluster/balance/planner.ts';
import { forgetSurge, leftSurges } from '../../cluster/balance/surge-notes.ts';
import type { Cluster } from '../../cluster/index.ts';
import { powerDriver } from '../../cluster/power/driver.ts';
import type { BalanceDeps } from '../../http/endpoints/balance.ts';
import type { FailoverDeps } from '../../http/endpoints/failover.ts';
import type { PowerRoutesDeps } from '../../http/endpoints/power.ts';
import { noBoardText } from '../../http/endpoints/read.ts';
import type { Joiner } from '../../join/index.ts';
import { boardNamed } from '../../lifecycle/fleet.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log, Random } from '../../ports.ts';
import type { Rests } from '../../rests.ts';
import type { Store } from '../../store/store.ts';
import { systemShell } from '../../system/shell.ts';
import type { HostKeys } from '../boards/host-keys.ts';
import type { Network } from '../network/network.ts';
import { onceBegun, type Pulse } from '../pulse.ts';
import { BALANCE_TURN, type BalanceDesk, createBalanceDesk } from './balance-desk.ts';
import { createFailover } from './failover.ts';
import { rightsAdvice } from './known.ts';
import { createMasterDesk } from './master-desk.ts';
import { createPlannedWork, type PlannedWork } from './planned-work.ts';
import { createProbes } from './probes.ts';

export type KeepingDeps = {
  readonly config: Config;
  readonly cluster: Cluster;
  readonly joiner: Joiner;
  readonly runner: Pick<Runner, 'fleet' | 'dispatch'>;
  readonly keys: Pick<HostKeys, 'accepted'>;
  /** Where the boards' network is. */
  readonly site: Network['site'];
  /** As on disk. */
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  /** An event of no board is on disk. */
  readonly onNotice: () => void;
  readonly pulse: Pulse;
  /** Of a second each. */
  readonly rests: Pick<Rests, 'elapsed'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where `bramble-power` is asked, if anywhere (bramble-power.socket). */
  readonly powerSocket: string | undefined;
  readonly signal: AbortSignal;
};

export type Keeping = {
  readonly balance: BalanceDeps;
  readonly failover: FailoverDeps;
  /** What the owner should know or do, most important first. */
  readonly advice: () => readonly string[];
  /** Draining, shutting down, starting. */
  readonly power: PowerRoutesDeps;
  /** How these effects are carried out. */
  readonly drain: PlannedWork['drain'];
  readonly stop: PlannedWork['stop'];
  /** Each settles when the signal is aborted and it is at rest. */
  readonly follow: (signal: AbortSignal) => readonly Promise<void>[];
};

export function createKeeping(deps: KeepingDeps): Keeping {
  const power = powerDriver({ command: deps.config.power.command, shell: systemShell });
  const probes = createProbes({
    ...{ pulse: deps.pulse, clock: deps.clock, log: deps.log, place: deps.site, keys: deps.keys },
    fleet: () => deps.runner.fleet,
    lookFrom: deps.joiner.lookFrom,
    powerOf: async (name, signal) => {
      const board = boardNamed(deps.runner.fleet, name);
      return board === undefined ? ok('unknown') : await power.state(board, signal);
    },
  });
  const balance = keepBalance(deps);
  const failover = createFailover({
    ...{ ...deps, probes },
    switchPower:
      power.name === 'manual'
        ? undefined
        : async (name, to, signal) => {
            const board = boardNamed(deps.runner.fleet, name);
            return board === undefined
              ? problem('NOT_FOUND', noBoardText(name))
              : await power.switch(to, board, signal);
          },
    onBack: (board) => balance.request(`${board} is back`),
  });
  const master = createMasterDesk({
    ...deps,
    mayWork: deps.config.cluster.workloadOnMaster,
    onTainted: balance.request,
  });
  const planned = createPlannedWork({
    ...deps,
    power,
    keepers: [failover, balance],
    rebalance: balance.request,
  });
  return {
    balance: balance.api,
    failover: failover.routes,
    power: planned.routes,
    drain: planned.drain,
    stop: planned.stop,
    advice: () => [
      ...[...rightsAdvice(deps.cluster.workloads()), ...planned.advice(), ...failover.advice()],
      ...[...balance.advice(), ...master.advice()],
    ],
    follow: (signal) => [
      ...[master, failover, balance].map(({ follow }) => follow(signal)),
      ...probes.follow(signal),
      ...planned.follow(signal),
    ],
  };
}

function keepBalance(deps: KeepingDeps): BalanceDesk {
  const { cluster, pulse } = deps;
  return createBalanceDesk({
    ...deps,
    ...{ gate: cluster.gate, workloads: cluster.workloads(), planner: createPlanner() },
    mode: deps.config.balance,
    leftSurges: (signal) => leftSurges(cluster, signal),
    forgetSurge: (deployment, signal) => forgetSurge(cluster, cluster.gate, deployment, signal),
    log: deps.log.child({ service: 'balance' }),
    onTurn: onceBegun(pulse, 'balance', BALANCE_TURN),
  });
}
