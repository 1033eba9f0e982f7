/** The services on the boards' network. They start once the site is known, and are kept up from then on. */

import { must } from '../../config/result.ts';
import type { Config } from '../../config/schema.ts';
import { type Ipv4, parseIpv4 } from '../../config/values.ts';
import { installerInitramfs } from '../../image-builder/index.ts';
import type { Timelines } from '../boot/timeline.ts';
import { dhcpServer } from '../dhcp/server.ts';
import { type BootDeps, bootApi } from '../http/endpoints/boot.ts';
import { lanApi } from '../http/endpoints/lan.ts';
import type { ReadDeps } from '../http/endpoints/read.ts';
import { pageRoutes } from '../http/page/assets.ts';
import { serveHttp } from '../http/server.ts';
import type { Runner } from '../lifecycle/runner.ts';
import type { Clock, Log, OpenUdp, Random } from '../ports.ts';
import { hardwareAddressOf } from '../system/neighbours.ts';
import { closeInherited } from '../system/udp.ts';
import { tftpServer } from '../tftp/server.ts';
import { bootFileDesk } from './boot-files.ts';
import type { Changes } from './changes.ts';
import type { ImageDesk } from './images.ts';
import { leaseDesk } from './leases.ts';
import { browseNames, type Neighbourhood, publishNames } from './names-service.ts';
import type { Site } from './site.ts';
import type { Supervisor } from './supervise.ts';

export type NetworkDeps = {
  readonly config: Config;
  readonly site: Site;
  readonly version: string;
  readonly runner: Runner;
  readonly timelines: Timelines;
  readonly changes: Changes;
  readonly images: ImageDesk;
  readonly neighbourhood: Neighbourhood;
  readonly boot: BootDeps;
  readonly read: ReadDeps;
  readonly openUdp: OpenUdp;
  /** Sockets that the launcher bound to the interface, by port. */
  readonly inherited: ReadonlyMap<number, number>;
  readonly supervisor: Supervisor;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
};

const anyAddress: Ipv4 = must(parseIpv4('0.0.0.0'));

/** Settles when the signal is aborted and all is closed. */
export async function networkServices(deps: NetworkDeps): Promise<void> {
  const { supervisor, config, inherited } = deps;
  // Nobody would read it, and no other DHCP server could have the port.
  if (config.dhcp.mode === 'off') closeInherited(inherited.get(67));
  await Promise.all([
    ...(config.dhcp.mode === 'off' ? [] : [supervisor.keepUp('dhcp', () => dhcp(deps))]),
    supervisor.keepUp('tftp', () => tftp(deps)),
    supervisor.keepUp('http', () => http(deps)),
    supervisor.keepUp('mdns', async () => publishNames({ ...deps, hardwareAddressOf })),
    supervisor.keepUp('mdns-browser', async () => browseNames({ ...deps, hardwareAddressOf })),
  ]);
}

async function dhcp(deps: NetworkDeps) {
  const { site, config, inherited, log } = deps;
  const fd = inherited.get(67);
  if (fd === undefined && site.shared) {
    // A socket on 0.0.0.0 hears every interface and cannot tell them apart: it would answer the wrong network.
    throw new Error(
      'not started through the launcher, and this machine has more than one network: use bramble.service',
    );
  }
  const started = Promise.withResolvers<void>();
  const closed = dhcpServer({
    openUdp: deps.openUdp,
    ...(fd !== undefined && { fd }),
    clock: deps.clock,
    log: log.child({ service: 'dhcp' }),
    signal: deps.signal,
    mode: config.dhcp.mode,
    self: {
      address: site.address,
      subnet: site.subnet,
      ...(site.gateway !== undefined && { gateway: site.gateway }),
      dns: site.dns,
      ntp: site.ntp,
    },
    onSighting: leaseDesk({ ...deps, subnet: site.subnet, log: log.child({ service: 'dhcp' }) }),
    onListening: started.resolve,
  });
  // Whichever comes first: it listens, or it could not.
  await Promise.race([started.promise, closed]);
  return { closed };
}

function tftp(deps: NetworkDeps) {
  const { site, inherited, config } = deps;
  const fd = inherited.get(69);
  const desk = bootFileDesk({
    ...deps,
    hardwareAddressOf,
    server: { address: site.address, port: config.http.port },
    openKitFile: deps.images.openKitFile,
    installerInitramfs,
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
    open: desk.open,
    onServed: (served) => {
      desk.onServed(served).catch((error: unknown) => deps.log.debug('a transfer was not noted', { error }));
    },
  });
}

async function http(deps: NetworkDeps) {
  const { site, config, log, signal } = deps;
  // In the bundle this file is brambled.js, and the page's files are in a folder beside it.
  const pages = await (import.meta.url.endsWith('.ts')
    ? pageRoutes()
    : pageRoutes(new URL('./page/', import.meta.url)));
  const server = await serveHttp({
    listen: { address: site.address, port: config.http.port },
    routes: [...lanApi(deps.read), ...pages, ...bootApi(deps.boot)],
    log: log.child({ service: 'http' }),
    signal,
  });
  if (!server.ok) throw new Error(`port ${config.http.port}: ${server.error.detail}`);
  return server.value;
}
