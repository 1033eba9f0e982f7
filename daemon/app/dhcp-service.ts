/** DHCP on the boards' network: the server, and the search that says how far it may go. */
import type { Config } from '../../config/schema.ts';
import { type Mac, seconds } from '../../config/values.ts';
import type { Timelines } from '../boot/timeline.ts';
import { type DhcpRequest, dhcpServer, type Lease } from '../dhcp/server.ts';
import { dhcpSearch } from '../dhcp/server-search.ts';
import type { Runner } from '../lifecycle/runner.ts';
import type { Clock, Log, OpenUdp, Random } from '../ports.ts';
import { readInterfaces } from '../system/interface.ts';
import type { DhcpStandings } from './dhcp-standing.ts';
import { leaseDesk } from './leases.ts';
import type { Site } from './site.ts';

export type DhcpServiceDeps = {
  readonly config: Config;
  readonly site: Site;
  readonly standing: DhcpStandings;
  readonly runner: Runner;
  readonly timelines: Timelines;
  readonly openUdp: OpenUdp;
  /** Sockets that the launcher bound to the interface, by port. */
  readonly inherited: ReadonlyMap<number, number>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
};

/** Settles once it listens. */
export async function dhcpService(deps: DhcpServiceDeps): Promise<{ readonly closed: Promise<unknown> }> {
  const { site, config, standing, inherited, runner } = deps;
  const log = deps.log.child({ service: 'dhcp' });
  const fd = inherited.get(67);
  if (fd === undefined && site.shared) {
    // A socket on 0.0.0.0 hears every interface and cannot tell them apart: it would answer the wrong network.
    throw new Error(
      'not started through the launcher, and this machine has more than one network: use bramble.service',
    );
  }
  const own = (await interfaceOf(site))?.mac;
  const isOurs = config.dhcp.mode !== 'full' ? () => true : standing.isAlone;
  const started = Promise.withResolvers<void>();
  const served = dhcpServer({
    openUdp: deps.openUdp,
    ...(fd !== undefined && { fd }),
    clock: deps.clock,
    log,
    signal: deps.signal,
    mode: config.dhcp.mode,
    isAuthoritative: isOurs,
    self: {
      address: site.address,
      subnet: site.subnet,
      ...(site.gateway !== undefined && { gateway: site.gateway }),
      dns: site.dns,
      ntp: site.ntp,
    },
    onSighting: grantsFor({
      isOurs,
      own,
      isKnown: (mac) => runner.fleet.byMac(mac) !== undefined,
      lease: leaseDesk({ ...deps, subnet: site.subnet, log }),
      log,
    }),
    // Its address stays its address: it is in the cluster's certificates and in the board's own configuration.
    onDecline: ({ mac, address }) => {
      const board = runner.fleet.byMac(mac);
      if (board?.address === address) standing.declined(board);
    },
    onListening: started.resolve,
  });
  // Whichever comes first: it listens, or it could not.
  await Promise.race([started.promise, served]);
  if (config.dhcp.mode !== 'full') return { closed: served };
  const searched = search(deps, log, own).catch((cause: unknown) => {
    // Boards that are known are served on: they must not wait for what went wrong here.
    log.error('the search for another DHCP server ended', { cause });
    standing.deaf('it ended; see the log');
  });
  return { closed: Promise.all([served, searched]) };
}

/**
 * Who is granted what on a network that may not be ours: boards on our disk always, any other only where `isOurs`. Our own
 * interface is no board, though the master may well be a Raspberry Pi and ask for an address or for other servers.
 */
export function grantsFor(deps: {
  readonly isOurs: () => boolean;
  readonly own: Mac | undefined;
  readonly isKnown: (mac: Mac) => boolean;
  readonly lease: (request: DhcpRequest) => Promise<Lease | undefined>;
  readonly log: Log;
}): (request: DhcpRequest) => Promise<Lease | undefined> {
  return async (request) => {
    const { mac } = request;
    if (mac === deps.own) return undefined;
    const mayBeAnswered = deps.isKnown(mac) ? () => true : deps.isOurs;
    if (!mayBeAnswered()) {
      deps.log.debug('a board that is not known waits: this network may be another DHCP server’s', { mac });
      return undefined;
    }
    const lease = await deps.lease(request);
    // The other server may have been heard while the disk was written.
    return mayBeAnswered() ? lease : undefined;
  };
}

const interfaceOf = async (site: Site) => (await readInterfaces()).find(({ name }) => name === site.interface);

async function search(deps: DhcpServiceDeps, log: Log, mac: Mac | undefined): Promise<void> {
  const { site, config, standing, inherited } = deps;
  if (standing.now().name === 'narrowed') {
    log.warn('only known boards are served: another DHCP server was heard before', { ...standing.now() });
    return;
  }
  if (!standing.isAlone()) log.info('looking for another DHCP server', { seconds: config.dhcp.search });
  const fd = inherited.get(68);
  let deaf: string | undefined;
  let remembered: Promise<void> | undefined;
  const onDeaf = (reason: string): void => {
    standing.deaf(reason);
    if (reason !== deaf) log.warn('cannot look for another DHCP server', { reason });
    deaf = reason;
  };
  if (mac === undefined) return onDeaf(`${site.interface} has no hardware address`);
  // It would take another network's DHCP server for one of ours.
  if (fd === undefined && site.shared) return onDeaf('another program has port 68 on this interface');
  await dhcpSearch({
    openUdp: deps.openUdp,
    ...(fd !== undefined && { fd }),
    clock: deps.clock,
    random: deps.random,
    log,
    signal: deps.signal,
    mac,
    address: site.address,
    // What was found out before the service was started again holds.
    search: seconds(standing.isAlone() ? 0 : config.dhcp.search),
    isConnected: async () => (await interfaceOf(site))?.carrier === true,
    onQuiet: () => {
      if (!standing.isAlone()) log.info('no other DHCP server answers: new boards are served');
      standing.quiet();
    },
    onForeign: ({ server, asked }) => {
      log.warn('another DHCP server: new boards are not served any more', { server, asked });
      remembered = standing.narrow(server);
    },
    onDeaf,
  });
  await remembered;
}
