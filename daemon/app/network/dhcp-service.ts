/** DHCP on the boards' network: the search that says how far the server may go, and the server. */
import type { Config } from '../../../config/schema.ts';
import { type Mac, seconds } from '../../../config/values.ts';
import type { Timelines } from '../../boot/timeline.ts';
import { dhcpLimits } from '../../dhcp/limits.ts';
import { type DhcpMode, type DhcpSelf, dhcpServer } from '../../dhcp/server.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log, OpenUdp, Random } from '../../ports.ts';
import { attachFilter } from '../../system/socket-filter.ts';
import { createGate, type Gate } from '../../traffic/gate.ts';
import type { Adoption } from '../boards/adoption.ts';
import type { Rivals } from '../boards/rivals.ts';
import { aborted } from '../lifetime.ts';
import type { Service } from '../supervise.ts';
import type { Addresses } from './addresses.ts';
import { bootDiary } from './boot-diary.ts';
import { dhcpSieve } from './dhcp-sieve.ts';
import type { DhcpStandings } from './dhcp-standing.ts';
import { interfaceOf, type ServerWatch, watchForServers } from './dhcp-watch.ts';
import type { HearAddress } from './heard-addresses.ts';
import type { LateArrivals } from './late-arrivals.ts';
import { grantsFor, leaseDesk } from './leases.ts';
import type { Site } from './site.ts';
import type { TrafficDesk } from './traffic-desk.ts';

export type DhcpServiceDeps = {
  readonly config: Config;
  readonly site: Site;
  readonly standing: DhcpStandings;
  readonly addresses: Addresses;
  readonly runner: Runner;
  readonly timelines: Timelines;
  /** Where a board is that has its address from the router. */
  readonly onHeard: HearAddress;
  readonly arrivals: LateArrivals;
  readonly noticeRival: Rivals['notice'];
  readonly adoption: Pick<Adoption, 'systemHeard' | 'restarted'>;
  readonly openUdp: OpenUdp;
  /** Where we stand by now: what of it may change while the services run. */
  readonly siteNow: () => Site | undefined;
  /** Sockets that the launcher bound to the interface, by port. */
  readonly inherited: ReadonlyMap<number, number>;
  readonly releaseSocket: (fd: number | undefined) => Promise<void>;
  readonly traffic: TrafficDesk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
};

/** Settles once it listens, or, while nobody knows yet which mode it is to be, once it looks for another server. */
export async function dhcpService(deps: DhcpServiceDeps): Promise<Service> {
  const { site, standing, inherited } = deps;
  const log = deps.log.child({ service: 'dhcp' });
  if (standing.mode() === 'off') return unserved(deps);
  if (inherited.get(67) === undefined && site.shared) {
    // A socket on 0.0.0.0 hears every interface and cannot tell them apart: it would answer the wrong network.
    throw new Error(
      'not started through the launcher, and this machine has more than one network: use bramble.service',
    );
  }
  const own = (await interfaceOf(site))?.mac;
  const mode = standing.mode();
  if (mode !== undefined) return serve(deps, mode, own, log);
  return { closed: chosen(deps, log).then((to) => to && serve(deps, to, own, log).then(({ closed }) => closed)) };
}

/** The mode of `auto`, once it is chosen. Undefined: the signal was aborted before. */
async function chosen(deps: DhcpServiceDeps, log: Log): Promise<DhcpMode | undefined> {
  const { standing, signal } = deps;
  while (!signal.aborted) {
    const mode = standing.mode();
    if (mode !== undefined) return mode;
    const over = new AbortController();
    await watchForServers({ ...deps, log, signal: AbortSignal.any([signal, over.signal]) }, () => over.abort()).closed;
    // It could not be written down, or we could not look: then it begins anew.
    if (standing.mode() === undefined) await deps.clock.sleep(seconds(30), signal).catch(() => undefined);
  }
  return undefined;
}

/** Nobody would read the sockets, and no other DHCP server could have the ports. */
async function unserved({ inherited, releaseSocket, signal }: DhcpServiceDeps): Promise<Service> {
  await Promise.all([releaseSocket(inherited.get(67)), releaseSocket(inherited.get(68))]);
  return { closed: aborted(signal) };
}

async function serve(deps: DhcpServiceDeps, mode: DhcpMode, own: Mac | undefined, log: Log): Promise<Service> {
  const { site, standing, inherited, runner } = deps;
  const fd = inherited.get(67);
  const isOurs = mode === 'full' ? standing.isAlone : () => true;
  // Beside a router the master may itself be its client, and wants to hear its answers.
  if (mode !== 'full') await deps.releaseSocket(inherited.get(68));
  log.info('dhcp serves', { mode });
  const isKnown = (mac: Mac): boolean => runner.fleet.byMac(mac) !== undefined;
  const gate = createGate(dhcpLimits, { isKnown, now: deps.traffic.ticks });
  const over = new AbortController();
  const { admit, closed: sieved } = sieve({ ...deps, signal: over.signal }, gate, log, fd);
  const started = Promise.withResolvers<void>();
  let watch: ServerWatch | undefined;
  const givesAddresses = mode === 'full';
  const reservesAddresses = givesAddresses || deps.config.addresses !== undefined;
  const diary = bootDiary({ ...deps, fleet: () => runner.fleet, self: site });
  const granted = leaseDesk({ ...deps, diary, subnet: site.subnet, givesAddresses, reservesAddresses, log });
  const served = dhcpServer({
    openUdp: deps.openUdp,
    ...(fd !== undefined && { fd }),
    clock: deps.clock,
    log,
    signal: deps.signal,
    mode,
    isAuthoritative: isOurs,
    self: selfAt(deps),
    onSighting: grantsFor({
      isOurs,
      own,
      isKnown,
      lease: async (request) => {
        const lease = await granted(request);
        const board = runner.fleet.byMac(request.mac);
        if (board !== undefined) deps.arrivals.heard(board, request);
        return lease;
      },
      log,
    }),
    onGivenUp: deps.addresses.givenUp,
    onChoseAnother: () => watch?.lookNow(),
    onAsked: ({ mac, address }) => {
      const board = runner.fleet.byMac(mac);
      if (board !== undefined) deps.onHeard(board, address);
    },
    onMessage: diary.heard,
    onAnswered: diary.answered,
    admit,
    count: deps.traffic.count('dhcp'),
    onListening: started.resolve,
  }).finally(() => over.abort());
  // Whichever comes first: it listens, or it could not.
  await Promise.race([started.promise, served]);
  if (mode !== 'full') return { closed: Promise.all([served, sieved]) };
  watch = watchForServers({ ...deps, log });
  return { closed: Promise.all([served, watch.closed, sieved]) };
}

/** Only where the launcher has left a descriptor: Node does not tell those of its own sockets. */
function sieve({ runner, clock, signal }: DhcpServiceDeps, gate: Gate<Mac>, log: Log, fd: number | undefined) {
  if (fd === undefined) return { admit: gate, closed: Promise.resolve() };
  const known = () => runner.fleet.all().flatMap(({ macs }) => macs);
  const attach = (program: Uint8Array) => attachFilter(fd, program);
  return dhcpSieve({ gate, known, attach, clock, log, signal });
}

/** What clients are told. Resolvers and clocks are asked for at each answer: they are no reason to start anything again. */
const selfAt = ({ site, siteNow }: DhcpServiceDeps): DhcpSelf => ({
  address: site.address,
  subnet: site.subnet,
  ...(site.gateway !== undefined && { gateway: site.gateway }),
  get dns() {
    return (siteNow() ?? site).dns;
  },
  get ntp() {
    return (siteNow() ?? site).ntp;
  },
});
