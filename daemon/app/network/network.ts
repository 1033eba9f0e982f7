/** All that is known of the boards' network, and what is done there. */
import type { Config } from '../../../config/schema.ts';
import { type Ipv4, minutes } from '../../../config/values.ts';
import type { ArrivalRules } from '../../lifecycle/arrivals.ts';
import type { Change, Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log, OpenUdp, Random } from '../../ports.ts';
import type { Store } from '../../store/store.ts';
import { exchange } from '../../system/exchange.ts';
import { keepSockets } from '../../system/kept-sockets.ts';
import { hardwareAddressOf } from '../../system/neighbours.ts';
import { createAddressCheck } from './address-check.ts';
import { type Addresses, createAddresses } from './addresses.ts';
import type { NetworkFacts } from './advice.ts';
import { createDhcpStanding, type DhcpStandings } from './dhcp-standing.ts';
import { createGateway } from './gateway-service.ts';
import { type HearAddress, heardAddresses } from './heard-addresses.ts';
import { createLateArrivals } from './late-arrivals.ts';
import { createNeighbourhood, masterName } from './names-service.ts';
import { networkServices, type ServicesDeps } from './network-services.ts';
import type { Site } from './site.ts';
import { createTrafficDesk, type TrafficDesk } from './traffic-desk.ts';
import { createWhereabouts, type LaunchedSockets, type Whereabouts } from './whereabouts.ts';

export type Network = {
  readonly site: Whereabouts['site'];
  readonly standing: Pick<DhcpStandings, 'isAlone'>;
  readonly traffic: Pick<TrafficDesk, 'now'>;
  readonly facts: () => NetworkFacts;
  readonly onHeard: HearAddress;
  /** What new boards get; undefined while nobody knows where they are. */
  readonly reservation: () => ArrivalRules | undefined;
  /** Nobody else gives addresses here, and the boards are behind this machine. Undefined: nobody knows yet. */
  readonly lanIsOurs: () => boolean | undefined;
  readonly hasRival: Addresses['hasRival'];
  readonly changed: (change: Change) => void;
  /** Serves where the daemon stands, anew wherever that is. Settles when the signal is aborted and all is closed. */
  readonly follow: (served: Served) => Promise<void>;
};

/** What the services ask and tell beyond the network. */
type Served = Pick<
  ServicesDeps,
  | 'version'
  | 'runner'
  | 'timelines'
  | 'changes'
  | 'images'
  | 'installer'
  | 'eeproms'
  | 'boot'
  | 'openClusterFile'
  | 'bootKeyOf'
  | 'noticeRival'
  | 'adoption'
  | 'read'
  | 'page'
  | 'supervisor'
>;

export type NetworkDeps = {
  readonly config: Config;
  /** As on disk. */
  readonly settings: ReadonlyMap<string, string>;
  readonly guests: ReadonlyMap<string, Ipv4>;
  readonly commit: Store['commit'];
  readonly runner: () => Runner;
  readonly openUdp: OpenUdp;
  /** Sockets that the launcher bound to the interface, by port. */
  readonly inherited: ReadonlyMap<number, number>;
  readonly sockets: LaunchedSockets;
  /** Where `bramble-gateway` is asked, if anywhere (bramble-gateway.socket). */
  readonly gatewaySocket: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export function createNetwork(deps: NetworkDeps): Network {
  const { config, runner, gatewaySocket, clock, log, signal } = deps;
  const whereabouts = createWhereabouts(deps);
  const { site: siteNow } = whereabouts;
  const standing = createDhcpStanding(deps);
  const addresses = createAddresses({
    ...deps,
    site: siteNow,
    standing,
    written: deps.guests,
    log: log.child({ service: 'addresses' }),
  });
  const arrivals = createLateArrivals(deps);
  const neighbourhood = createNeighbourhood(() => runner().fleet);
  const traffic = createTrafficDesk(clock);
  const onHeard = heardAddresses({ ...deps, site: siteNow });
  const ask =
    gatewaySocket === undefined
      ? undefined
      : (line: string, life: AbortSignal) => exchange(gatewaySocket, line, { signal: life, timeout: minutes(2) });
  const gateway = createGateway({ ...deps, site: siteNow, ask });
  const kept = keepSockets(deps);

  const reservation = (): ArrivalRules | undefined => {
    const site = siteNow();
    const isFull = standing.mode() === 'full';
    return (
      site && {
        range: config.addresses !== undefined || isFull ? site.range : undefined,
        subnet: site.subnet,
        leases: isFull,
        isTaken: addresses.isTaken,
        pattern: config.names.pattern,
        masterName: masterName(),
        pendingMax: config.pending.max,
      }
    );
  };

  const facts = (): NetworkFacts => ({
    site: siteNow(),
    siteProblem: whereabouts.problem(),
    standing: standing.now(),
    gatewayAdvice: gateway.advice(),
    addressAdvice: addresses.advice(),
    guests: addresses.guests(),
    strangers: neighbourhood.strangers(),
    nameConflicts: new Map(neighbourhood.conflicts),
    bridges: neighbourhood.bridges(),
    late: new Set(
      runner()
        .fleet.all()
        .filter(arrivals.isLate)
        .map(({ id }) => id),
    ),
  });

  const lanIsOurs = (): boolean | undefined => {
    if (config.topology !== 'behind-master' || standing.mode() === 'off' || standing.hearsAnother()) return false;
    return standing.isAlone() ? true : undefined;
  };

  const follow = async (served: Served): Promise<void> => {
    const serveAt = async (site: Site, life: AbortSignal): Promise<void> => {
      standing.moved();
      const check = createAddressCheck({ ...deps, site, hardwareAddressOf });
      const here = { standing, addresses, onHeard, arrivals, neighbourhood, traffic };
      await Promise.all([
        networkServices({ ...deps, ...served, ...kept, ...here, site, siteNow, signal: life }),
        addresses.follow(check, life),
      ]);
    };
    await Promise.all([whereabouts.follow(serveAt, signal), gateway.follow(signal), traffic.follow(signal)]);
  };

  return {
    ...{ site: siteNow, standing, traffic, facts, onHeard, reservation, follow },
    lanIsOurs,
    hasRival: addresses.hasRival,
    changed: (change) => {
      addresses.changed(change);
      arrivals.changed(change);
    },
  };
}
