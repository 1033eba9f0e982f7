/** Names on the LAN: those that we publish, the conflicts about them, and the Pis that we hear of and do not manage. */
import { hostname } from 'node:os';
import { must } from '../../../config/result.ts';
import { type Hostname, type Ipv4, type Mac, parseHostname } from '../../../config/values.ts';
import { isInstalled } from '../../boot/offer.ts';
import { ouiOf, raspberryPiOuis } from '../../dhcp/machine-identifier.ts';
import type { StrangerView } from '../../http/wire.ts';
import type { Fleet } from '../../lifecycle/fleet.ts';
import { mdnsBrowser } from '../../mdns/browser.ts';
import { mdnsLimits } from '../../mdns/limits.ts';
import { masterRecords, sshPort } from '../../mdns/records.ts';
import type { MdnsServer } from '../../mdns/server.ts';
import { mdnsService } from '../../mdns/server-names.ts';
import type { SeenHost } from '../../mdns/sightings.ts';
import { carrierChanges } from '../../system/carrier.ts';
import { readInterfaces } from '../../system/interface.ts';
import { isPortServed } from '../../system/listening.ts';
import { createGate } from '../../traffic/gate.ts';
import { together } from '../lifetime.ts';
import { createAddressCheck } from './address-check.ts';
import { identifyHosts } from './identify-hosts.ts';
import { nameConflicts } from './name-conflicts.ts';
import type { ServicesDeps } from './network-services.ts';
import type { Bridge } from './spanning-tree.ts';
import { knownAddresses } from './traffic-desk.ts';
import { followUplink, type Place } from './uplink.ts';

/** What the master is called on the LAN. */
export function masterName(): Hostname {
  const own = parseHostname(hostname().split('.', 1)[0]?.toLowerCase() ?? '');
  return own.ok ? own.value : must(parseHostname('bramble'));
}

/** A host of the LAN whose hardware address is known. */
export type Identified = { readonly host: SeenHost; readonly mac: Mac };

/** What other hosts say of names and of themselves. In memory: they say it again. */
export type Neighbourhood = {
  /** Pis that came up by themselves, with a card of their own. */
  readonly strangers: () => readonly StrangerView[];
  /** Names of ours that another host has, with what it says. */
  readonly conflicts: Map<string, string>;
  /** All that are there by now. */
  readonly present: (hosts: readonly Identified[]) => void;
  /** Bridges with spanning tree, as last heard. */
  readonly bridges: () => readonly Bridge[];
  readonly switches: (bridges: readonly Bridge[]) => void;
};

export function createNeighbourhood(fleet: () => Fleet): Neighbourhood {
  let pis: readonly Identified[] = [];
  let bridges: readonly Bridge[] = [];
  const isOurs = (name: SeenHost['name'], address: Ipv4, mac: Mac): boolean =>
    [fleet().byMac(mac), fleet().byAddress(address), fleet().byName(name)].some((device) => device !== undefined);
  return {
    strangers: () =>
      pis
        .filter(({ host, mac }) => !isOurs(host.name, host.address, mac))
        .map(({ host, mac }) => ({ name: host.name, address: host.address, mac })),
    conflicts: new Map(),
    present: (hosts) => {
      pis = hosts.filter(({ mac }) => raspberryPiOuis.includes(ouiOf(mac)));
    },
    bridges: () => bridges,
    switches: (heard) => {
      bridges = heard;
    },
  };
}

type NamesDeps = ServicesDeps & { readonly hardwareAddressOf: (address: Ipv4) => Promise<Mac | undefined> };

/**
 * One responder for each network: on the boards' all names, on the uplink the master's own: nothing there can reach a board.
 * Conflicts about a board's name can only be heard where it is told.
 */
export async function publishNames(deps: NamesDeps): Promise<{ readonly closed: Promise<unknown> }> {
  const { site, runner, changes, neighbourhood, supervisor, clock, signal } = deps;
  const broken = new AbortController();
  const life = AbortSignal.any([signal, broken.signal]);
  const log = deps.log.child({ service: 'mdns' });
  const name = masterName();
  const boardsPlace: Place = site;
  let addresses: ReadonlySet<Ipv4> = new Set();
  let sshd = false;
  const look = async () => {
    const interfaces = await readInterfaces();
    addresses = new Set(interfaces.flatMap((one) => one.addresses.map(({ address }) => address)));
    sshd = await isPortServed(sshPort);
    return interfaces;
  };
  const recordsAt = (place: Place) =>
    masterRecords({
      name,
      address: place.address,
      ssh: sshd,
      httpPort: deps.config.http.port,
      version: deps.version,
      state: supervisor.failing().size === 0 ? 'ready' : 'degraded',
      boards: place === boardsPlace ? addressedBoards(runner.fleet) : [],
    });
  const responderAt = (place: Place, more: Partial<Parameters<typeof mdnsService>[0]>) =>
    mdnsService({
      interface: place.interface,
      interfaceAddress: place.address,
      subnet: place.subnet,
      isOwn: (address) => addresses.has(address),
      linkChanges: () => carrierChanges(place.interface),
      clock,
      random: deps.random,
      log,
      signal: life,
      records: recordsAt(place),
      admit: gateAt(place.address, deps),
      count: deps.traffic.count('mdns'),
      ...more,
    });

  await look();
  // They were those of another place, or are found again.
  neighbourhood.conflicts.clear();
  const fd = deps.takeSocket(5353);
  const boards = responderAt(boardsPlace, {
    ...(fd !== undefined && { fd }),
    onRefused: (detail) => supervisor.tell('avahi', detail && `avahi does not publish for us: ${detail}`),
    ...nameConflicts({ conflicts: neighbourhood.conflicts, runner, clock, log, signal: life }),
  });
  let uplink: { readonly server: MdnsServer; readonly place: Place } | undefined;
  const serveUplink = async (place: Place, here: AbortSignal): Promise<void> => {
    // What is sent to this machine alone is for the socket of the boards' network.
    const server = responderAt(place, { bind: '224.0.0.251', signal: here });
    uplink = { server, place };
    await server.closed.finally(() => {
      uplink = undefined;
    });
  };
  const update = (): void => {
    // The same records again cost nothing.
    boards.update(recordsAt(boardsPlace));
    uplink?.server.update(recordsAt(uplink.place));
  };

  const lookAndTell = async () => {
    const before = sshd;
    const interfaces = await look();
    if (sshd !== before) update();
    return interfaces;
  };

  const unsubscribeBoards = changes.subscribe(update);
  const unsubscribeServices = supervisor.subscribe(update);
  // By itself: what is wrong there must not take the boards' names along.
  const followed = supervisor.keepUp(
    'mdns-uplink',
    async () => ({ closed: followUplink({ ...deps, look: lookAndTell, signal: life }, serveUplink) }),
    life,
  );
  const closed = whole([boards.closed, followed], broken, signal).finally(() => {
    unsubscribeBoards();
    unsubscribeServices();
  });
  await boards.ready.catch(() => closed);
  return { closed };
}

/** `together`, and rejects with what broke it. */
async function whole(parts: readonly Promise<unknown>[], broken: AbortController, signal: AbortSignal): Promise<void> {
  await together(parts, broken, signal);
  broken.signal.throwIfAborted();
}

const gateAt = (own: Ipv4, { runner, traffic }: NamesDeps) =>
  createGate(mdnsLimits, knownAddresses(own, runner.fleet, traffic));

/** Beside a router, one that was not heard of yet has no address to be found at. */
const addressedBoards = (fleet: Fleet) =>
  fleet
    .all()
    .flatMap((device) =>
      device.address === undefined ? [] : [{ name: device.name, address: device.address, ssh: isInstalled(device) }],
    );

export async function browseNames(deps: NamesDeps): Promise<{ readonly closed: Promise<unknown> }> {
  const { site, neighbourhood, clock, signal } = deps;
  const broken = new AbortController();
  const life = AbortSignal.any([signal, broken.signal]);
  const log = deps.log.child({ service: 'mdns' });
  const browser = mdnsBrowser({
    interfaceAddress: site.address,
    subnet: site.subnet,
    linkChanges: () => carrierChanges(site.interface),
    clock,
    random: deps.random,
    // It hears the same as the responder, which counts it.
    admit: gateAt(site.address, deps),
    log,
    signal: life,
    onSeen: ({ name, address, mac, ssh }) => log.debug('a host is there', { name, address, mac, ssh }),
    onGone: ({ name, address }) => log.debug('a host is gone', { name, address }),
  });
  const { hosts } = browser;
  const { occupant } = createAddressCheck(deps);
  const identified = identifyHosts({ hosts, tell: neighbourhood.present, occupant, clock, log, signal: life });
  const closed = whole([browser.closed, identified], broken, signal);
  await browser.ready.catch(() => closed);
  return { closed };
}
