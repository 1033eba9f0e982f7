/** Looks for other DHCP servers for as long as the boards' network is served, and says so where it cannot. */
import type { Config } from '../../../config/schema.ts';
import { seconds } from '../../../config/values.ts';
import { dhcpSearch } from '../../dhcp/server-search.ts';
import type { Clock, Log, OpenUdp, Random } from '../../ports.ts';
import { carrierChanges } from '../../system/carrier.ts';
import { readInterfaces } from '../../system/interface.ts';
import type { NetworkInterface } from '../../system/interface-choice.ts';
import type { DhcpStandings } from './dhcp-standing.ts';
import type { Site } from './site.ts';

export type ServerWatchDeps = {
  readonly config: Pick<Config, 'dhcp'>;
  readonly site: Pick<Site, 'interface' | 'address' | 'shared'>;
  /** Where we stand by now: what of it may change while the services run. */
  readonly siteNow: () => Pick<Site, 'shared'> | undefined;
  readonly standing: DhcpStandings;
  readonly openUdp: OpenUdp;
  /** Sockets that the launcher bound to the interface, by port. */
  readonly inherited: ReadonlyMap<number, number>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** For tests. */
  readonly look?: () => Promise<Pick<NetworkInterface, 'mac' | 'carrier'> | undefined>;
  /** For tests. */
  readonly linkChanges?: () => Promise<number | undefined>;
};

export type ServerWatch = {
  /** Settles once another server was heard or `signal` is aborted; never rejects. */
  readonly closed: Promise<void>;
  /** Somebody may be there: looks at once, every few seconds at most. */
  readonly lookNow: () => void;
};

export const interfaceOf = async (site: Pick<Site, 'interface'>): Promise<NetworkInterface | undefined> =>
  (await readInterfaces()).find(({ name }) => name === site.interface);

/** Before a search that ended is begun again. */
const PAUSE = seconds(30);

/** `onChosen`: what there was to find out is found out. */
export function watchForServers(deps: ServerWatchDeps, onChosen: () => void = () => {}): ServerWatch {
  const { site, siteNow, config, standing, inherited, log, signal } = deps;
  const { look = () => interfaceOf(site), linkChanges = () => carrierChanges(site.interface) } = deps;
  const fd = inherited.get(68);
  let told: string | undefined;
  let written: Promise<void> | undefined;
  let lookNow = (): void => undefined;
  let link: number | undefined;

  const onDeaf = (reason: string, cause?: unknown): void => {
    standing.deaf(reason);
    // Once a reason, not once a try: this may go on for days.
    if (reason !== told)
      log.warn('cannot look for another DHCP server', { reason, ...(cause !== undefined && { cause }) });
    told = reason;
  };

  /** It would take another network's DHCP server for one of ours. */
  const throwIfShared = (): void => {
    if (fd === undefined && (siteNow() ?? site).shared) {
      throw new Error('another program has port 68 on this interface, and there is more than one network');
    }
  };

  const wasUnplugged = async (): Promise<boolean> => {
    throwIfShared();
    const before = link;
    link = await linkChanges();
    return before !== undefined && link !== before;
  };

  async function search(): Promise<void> {
    throwIfShared();
    const mac = (await look())?.mac;
    if (mac === undefined) throw new Error(`${site.interface} has no hardware address`);
    const { closed, lookNow: here } = dhcpSearch({
      openUdp: deps.openUdp,
      ...(fd !== undefined && { fd }),
      clock: deps.clock,
      random: deps.random,
      log,
      signal,
      mac,
      address: site.address,
      // What was found out before the search began again holds.
      search: () => seconds(standing.isAlone() ? 0 : config.dhcp.search),
      isConnected: async () => (await look())?.carrier === true,
      wasUnplugged,
      onMoved: () => {
        log.info('the cable was out: looking for another DHCP server again');
        standing.moved();
      },
      onQuiet: () => {
        if (!standing.isAlone()) log.info('no other DHCP server answers');
        written = standing.quiet().finally(onChosen);
      },
      onForeign: ({ server, asked }) => {
        const is = standing.mode() === undefined ? 'it gives the addresses here' : 'new boards are not served any more';
        log.warn(`another DHCP server: ${is}`, { server, asked });
        written = standing.narrow(server);
      },
      onDeaf: (reason) => onDeaf(reason),
      onHearing: () => {
        if (told !== undefined) log.info('looking for another DHCP server works again');
        told = undefined;
        standing.hears();
      },
    });
    lookNow = here;
    await closed;
    await written;
  }

  async function follow(): Promise<void> {
    if (standing.now().name === 'narrowed') {
      log.warn('only known boards are served: another DHCP server was heard before', { ...standing.now() });
      return;
    }
    if (!standing.isAlone()) log.info('looking for another DHCP server', { seconds: config.dhcp.search });
    while (!signal.aborted) {
      try {
        return await search();
      } catch (cause) {
        // Boards that are known are served on: they must not wait for what went wrong here.
        onDeaf(cause instanceof Error ? cause.message : String(cause), cause);
        await deps.clock.sleep(PAUSE, signal).catch(() => undefined);
      }
    }
  }

  return { closed: follow(), lookNow: () => lookNow() };
}
