/** Wires failover: its desk, its pause, and what the owner sees of it. */
import type { Config } from '../../../config/schema.ts';
import { minutes } from '../../../config/values.ts';
import type { PowerSwitch, Probes } from '../../cluster/failover/signs.ts';
import type { Cluster } from '../../cluster/index.ts';
import type { World } from '../../cluster/workloads/facts.ts';
import type { FailoverDeps as Routes } from '../../http/endpoints/failover.ts';
import { boardNamed } from '../../lifecycle/fleet.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Rests } from '../../rests.ts';
import type { Store } from '../../store/store.ts';
import { onceBegun, type Pulse } from '../pulse.ts';
import { createFailoverDesk } from './failover-desk.ts';
import { failoverOwner } from './failover-owner.ts';
import { whyUnknown } from './known.ts';
import { createPause } from './pause.ts';

export type FailoverWiring = {
  readonly config: Pick<Config, 'failover'>;
  readonly cluster: Cluster;
  readonly runner: Pick<Runner, 'fleet' | 'dispatch'>;
  readonly probes: Probes;
  readonly switchPower: PowerSwitch | undefined;
  /** A board is back, and gets work again. */
  readonly onBack: (board: string) => void;
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  readonly onNotice: () => void;
  readonly pulse: Pulse;
  /** Of a second each. */
  readonly rests: Pick<Rests, 'elapsed'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export type Failover = {
  readonly routes: Routes;
  readonly advice: () => readonly string[];
  /** Nothing is fenced until the returned function is called. */
  readonly pause: (why: string) => () => void;
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

const emptyWorld: World = { nodes: [], pods: new Map(), owners: new Map(), budgets: [], claims: new Map() };

export function createFailover(deps: FailoverWiring): Failover {
  const { cluster, runner, log } = deps;
  const config = deps.config.failover;
  // Undefined under kube-config, where nobody follows this.
  const workloads = () => cluster.workloads();
  const pause = createPause({ ...deps, name: 'failover' });
  const desk = createFailoverDesk({
    ...deps,
    ...{ config, pause, gate: cluster.gate, dispatch: runner.dispatch, boards: () => runner.fleet.all() },
    observed: {
      world: () => workloads()?.world() ?? emptyWorld,
      age: () => workloads()?.age(),
      lease: (node) => workloads()?.lease(node),
    },
    log: log.child({ service: 'failover' }),
    onTurn: onceBegun(deps.pulse, 'failover', minutes(1)),
  });
  return {
    routes: failoverOwner({
      ...{ config, desk, pause, boardNamed: (name) => boardNamed(runner.fleet, name) },
      unknown: () => whyUnknown(workloads()),
      signal: () => deps.signal,
    }),
    advice: desk.advice,
    pause: pause.hold,
    follow: desk.follow,
  };
}
