/** The services on the boards' network. They start once the site is known, and are kept up from then on. */

import { must } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { type Ipv4, type Mac, parseIpv4 } from '../../../config/values.ts';
import type { Timelines } from '../../boot/timeline.ts';
import type { AdminDeps } from '../../http/endpoints/admin.ts';
import { type BootDeps, bootApi } from '../../http/endpoints/boot.ts';
import { type ClusterFilesDeps, clusterFileRoute } from '../../http/endpoints/cluster.ts';
import { lanApi } from '../../http/endpoints/lan.ts';
import { type PageDeps, pageApi } from '../../http/endpoints/page.ts';
import { httpLimits } from '../../http/limits.ts';
import { pageRoutes } from '../../http/page/assets.ts';
import type { Route } from '../../http/router.ts';
import { serveHttp } from '../../http/server.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log, OpenUdp, Random } from '../../ports.ts';
import { createNeighbours, hardwareAddressOf } from '../../system/neighbours.ts';
import { systemShell } from '../../system/shell.ts';
import { tftpLimits } from '../../tftp/limits.ts';
import { tftpServer } from '../../tftp/server.ts';
import { createGate } from '../../traffic/gate.ts';
import type { Adoption } from '../boards/adoption.ts';
import type { EepromDesk } from '../boards/eeproms.ts';
import type { ImageDesk } from '../boards/images.ts';
import type { InstallerKit } from '../boards/installer-kit.ts';
import type { Rivals } from '../boards/rivals.ts';
import type { Changes } from '../changes.ts';
import type { Supervisor } from '../supervise.ts';
import type { Addresses } from './addresses.ts';
import { bootFileDesk } from './boot-files.ts';
import { dhcpService } from './dhcp-service.ts';
import type { DhcpStandings } from './dhcp-standing.ts';
import type { HearAddress } from './heard-addresses.ts';
import type { LateArrivals } from './late-arrivals.ts';
import { browseNames, type Neighbourhood, publishNames } from './names-service.ts';
import { pageHosts } from './page-hosts.ts';
import type { Site } from './site.ts';
import { watchSpanningTree } from './spanning-tree.ts';
import { knownAddresses, type TrafficDesk } from './traffic-desk.ts';
import { followUplink, type Place } from './uplink.ts';

export type ServicesDeps = {
  readonly config: Config;
  readonly site: Site;
  /** Where we stand by now: what of it may change while the services run. */
  readonly siteNow: () => Site | undefined;
  readonly standing: DhcpStandings;
  readonly addresses: Addresses;
  readonly version: string;
  readonly runner: Runner;
  readonly timelines: Timelines;
  readonly onHeard: HearAddress;
  readonly arrivals: LateArrivals;
  readonly changes: Changes;
  readonly images: ImageDesk;
  readonly installer: InstallerKit;
  readonly eeproms: Pick<EepromDesk, 'open'>;
  readonly neighbourhood: Neighbourhood;
  readonly boot: BootDeps;
  readonly openClusterFile: ClusterFilesDeps['openClusterFile'];
  readonly noticeRival: Rivals['notice'];
  readonly adoption: Pick<Adoption, 'systemHeard' | 'restarted'>;
  /** Hex. */
  readonly bootKeyOf: (mac: Mac) => string;
  readonly read: AdminDeps;
  readonly page: PageDeps;
  readonly openUdp: OpenUdp;
  /** Sockets that the launcher bound to the interface, by port. */
  readonly inherited: ReadonlyMap<number, number>;
  /** One of them that nobody will use any more. */
  readonly releaseSocket: (fd: number | undefined) => Promise<void>;
  /** One of them for who opens and closes it by itself: once. */
  readonly takeSocket: (port: number) => number | undefined;
  readonly supervisor: Supervisor;
  readonly traffic: TrafficDesk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
};

const anyAddress: Ipv4 = must(parseIpv4('0.0.0.0'));

/** Settles when the signal is aborted and all is closed. */
export async function networkServices(deps: ServicesDeps): Promise<void> {
  const { supervisor, signal } = deps;
  await Promise.all([
    supervisor.keepUp('dhcp', () => dhcpService(deps), signal),
    supervisor.keepUp('tftp', () => tftp(deps), signal),
    supervisor.keepUp('http', () => http(deps), signal),
    supervisor.keepUp('page', async () => ({ closed: followUplink(deps, servePage(deps)) }), signal),
    supervisor.keepUp('mdns', async () => publishNames({ ...deps, hardwareAddressOf }), signal),
    supervisor.keepUp('mdns-browser', async () => browseNames({ ...deps, hardwareAddressOf }), signal),
    watchSpanningTree({
      ...deps,
      interface: deps.site.interface,
      tell: deps.neighbourhood.switches,
      shell: systemShell,
    }),
  ]);
}

function tftp(deps: ServicesDeps) {
  const { site, inherited, config } = deps;
  const fd = inherited.get(69);
  const desk = bootFileDesk({
    ...deps,
    hardwareAddressOf: createNeighbours(deps),
    server: { address: site.address, port: config.http.port },
    openKitFile: deps.images.openKitFile,
    kitFiles: deps.images.kitFiles,
    openEeprom: deps.eeproms.open,
    installerInitramfs: async () => {
      const made = await deps.installer.initramfs();
      return made.ok ? made.value : undefined;
    },
  });
  const bind = { address: fd === undefined ? site.address : anyAddress, port: 69 };
  return tftpServer({
    openUdp: deps.openUdp,
    listen: { bind, ...(fd !== undefined && { fd }) },
    transferAddress: site.address,
    clock: deps.clock,
    log: deps.log.child({ service: 'tftp' }),
    signal: deps.signal,
    limits: { perClient: 16, total: 512 },
    admit: createGate(tftpLimits, knownAddresses(site.address, deps.runner.fleet, deps.traffic)),
    count: deps.traffic.count('tftp'),
    open: desk.open,
    onServed: desk.onServed,
  });
}

async function http(deps: ServicesDeps) {
  const { site, signal } = deps;
  const routes = [...(await forPeople(site.address, deps)), ...bootApi(deps.boot), clusterFileRoute(deps)];
  return await serveAt(site.address, routes, signal, deps);
}

/** On the uplink: for the owner's laptop. There are no boards there, and nothing is for them. */
const servePage = (deps: ServicesDeps) => async (place: Place, life: AbortSignal) => {
  const server = await serveAt(place.address, await forPeople(place.address, deps), life, deps);
  await server.closed;
};

const forPeople = async (address: Ipv4, { read, page, config }: ServicesDeps): Promise<readonly Route[]> => [
  ...lanApi(read),
  ...(await pages()),
  ...pageApi({ ...read, ...page }, pageHosts(address, config.http.port)),
];

// In the bundle this file is brambled.js, and the page's files are in a folder beside it.
const pages = () => (import.meta.url.endsWith('.ts') ? pageRoutes() : pageRoutes(new URL('./page/', import.meta.url)));

async function serveAt(address: Ipv4, routes: readonly Route[], signal: AbortSignal, deps: ServicesDeps) {
  const { port } = deps.config.http;
  const known = knownAddresses(address, deps.runner.fleet, deps.traffic);
  const server = await serveHttp({
    listen: { address, port },
    routes,
    log: deps.log.child({ service: 'http' }),
    signal,
    admit: createGate(httpLimits, known),
    isKnown: known.isKnown,
    count: deps.traffic.count('http'),
  });
  if (!server.ok) throw new Error(`port ${port} of ${address}: ${server.error.detail}`);
  return server.value;
}
