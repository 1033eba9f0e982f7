/** Names on the LAN: those that we publish, the conflicts about them, and the Pis that we hear of and do not manage. */
import { hostname } from 'node:os';
import { must } from '../../config/result.ts';
import { type Ipv4, type Mac, parseHostname } from '../../config/values.ts';
import { isInstalled } from '../boot/offer.ts';
import { ouiOf, raspberryPiOuis } from '../dhcp/machine-identifier.ts';
import type { StrangerView } from '../http/wire.ts';
import type { Fleet } from '../lifecycle/fleet.ts';
import { mdnsBrowser } from '../mdns/browser.ts';
import { masterRecords } from '../mdns/records.ts';
import { mdnsService } from '../mdns/server-names.ts';
import type { SeenHost } from '../mdns/sightings.ts';
import type { NetworkDeps } from './network-services.ts';

/** What other hosts say of names and of themselves. In memory: they say it again. */
export type Neighbourhood = {
  /** Pis that came up by themselves, with a card of their own. */
  readonly strangers: () => readonly StrangerView[];
  /** Names of ours that another host has, with what it says. */
  readonly conflicts: Map<string, string>;
  readonly seen: (host: SeenHost, mac: Mac | undefined) => void;
  readonly gone: (host: SeenHost) => void;
};

export function createNeighbourhood(fleet: () => Fleet): Neighbourhood {
  const pis = new Map<string, { readonly host: SeenHost; readonly mac: Mac }>();
  const isOurs = (name: SeenHost['name'], address: Ipv4, mac: Mac): boolean =>
    [fleet().byMac(mac), fleet().byAddress(address), fleet().byName(name)].some((device) => device !== undefined);
  return {
    strangers: () =>
      [...pis.values()]
        .filter(({ host, mac }) => !isOurs(host.name, host.address, mac))
        .map(({ host, mac }) => ({ name: host.name, address: host.address, mac })),
    conflicts: new Map(),
    seen: (host, mac) => {
      if (mac !== undefined && raspberryPiOuis.includes(ouiOf(mac))) pis.set(host.name, { host, mac });
    },
    gone: (host) => void pis.delete(host.name),
  };
}

type NamesDeps = NetworkDeps & { readonly hardwareAddressOf: (address: Ipv4) => Promise<Mac | undefined> };

export function publishNames(deps: NamesDeps) {
  const { site, runner, changes, neighbourhood } = deps;
  const own = parseHostname(hostname().split('.', 1)[0]?.toLowerCase() ?? '');
  const name = own.ok ? own.value : must(parseHostname('bramble'));
  const records = () =>
    masterRecords({
      name,
      address: site.address,
      httpPort: deps.config.http.port,
      version: deps.version,
      state: deps.supervisor.failing().size === 0 ? 'ready' : 'degraded',
      boards: runner.fleet
        .all()
        .flatMap((device) =>
          device.address === undefined
            ? []
            : [{ name: device.name, address: device.address, ssh: isInstalled(device) }],
        ),
    });
  const fd = deps.takeSocket(5353);
  const server = mdnsService({
    interface: site.interface,
    interfaceAddress: site.address,
    subnet: site.subnet,
    ...(fd !== undefined && { fd }),
    clock: deps.clock,
    random: deps.random,
    log: deps.log.child({ service: 'mdns' }),
    signal: deps.signal,
    records: records(),
    onConflict: ({ name: taken, theirs, newName }) =>
      void neighbourhood.conflicts.set(taken, newName === undefined ? (theirs ?? 'another host') : `we are ${newName}`),
    onConflictOver: ({ name: free }) => void neighbourhood.conflicts.delete(free),
  });
  // The same records again cost nothing.
  const unsubscribeBoards = changes.subscribe(() => server.update(records()));
  const unsubscribeServices = deps.supervisor.subscribe(() => server.update(records()));
  const ended = server.closed.finally(() => {
    unsubscribeBoards();
    unsubscribeServices();
  });
  return { closed: ended };
}

export function browseNames(deps: NamesDeps) {
  const { site, neighbourhood, log } = deps;
  const ask = async (host: SeenHost): Promise<void> =>
    neighbourhood.seen(host, host.mac ?? (await deps.hardwareAddressOf(host.address)));
  return mdnsBrowser({
    interfaceAddress: site.address,
    subnet: site.subnet,
    clock: deps.clock,
    random: deps.random,
    log: log.child({ service: 'mdns' }),
    signal: deps.signal,
    onSeen: (host) => void ask(host),
    onGone: neighbourhood.gone,
  });
}
