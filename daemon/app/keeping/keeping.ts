/** Wires what keeps the cluster: failover, balance, power. */
import { ok } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import type { Cluster } from '../../cluster/index.ts';
import type { Joiner } from '../../join/index.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log, Random } from '../../ports.ts';
import type { Store } from '../../store/store.ts';
import type { HostKeys } from '../boards/host-keys.ts';
import type { Network } from '../network/network.ts';
import type { Pulse } from '../pulse.ts';
import type { Rests } from '../rests.ts';
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
  readonly rests: Rests;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

export type Keeping = {
  /** What the owner should know or do, most important first. */
  readonly advice: () => readonly string[];
  /** Each settles when the signal is aborted and it is at rest. */
  readonly follow: (signal: AbortSignal) => readonly Promise<void>[];
};

export function createKeeping(deps: KeepingDeps): Keeping {
  const probes = createProbes({
    ...{ pulse: deps.pulse, clock: deps.clock, log: deps.log, place: deps.site, keys: deps.keys },
    fleet: () => deps.runner.fleet,
    lookFrom: deps.joiner.lookFrom,
    powerOf: async () => ok('unknown'),
  });
  return { advice: () => [], follow: probes.follow };
}
