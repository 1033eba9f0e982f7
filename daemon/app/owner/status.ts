/** `GET /v1/status`, from what is in memory at this moment. Pure. */
import type { Config } from '../../../config/schema.ts';
import { type Instant, inSubnet, subnetText } from '../../../config/values.ts';
import type { MasterView, StatusView, StrangerView, TrafficView } from '../../http/wire.ts';
import type { Device } from '../../lifecycle/device.ts';
import { nextDeed } from '../../lifecycle/explain.ts';
import { isUndecided } from '../../lifecycle/registry.ts';
import { type DhcpStanding, dhcpModeView, standingAdvice } from '../network/dhcp-standing.ts';
import type { Guest } from '../network/guests.ts';
import type { Site } from '../network/site.ts';
import { type Bridge, spanningTreeAdvice } from '../network/spanning-tree.ts';
import { deviceView, guestView } from './views.ts';

export type StatusFacts = {
  readonly config: Config;
  readonly revision: number;
  readonly now: Instant;
  readonly version: string;
  readonly hostname: string;
  readonly site: Site | undefined;
  readonly siteProblem: string;
  readonly standing: DhcpStanding;
  /** What is wrong with the boards’ way out and clock. */
  readonly gatewayAdvice: string | undefined;
  /** What is wrong with addresses, and what to do. */
  readonly addressAdvice: readonly string[];
  readonly guests: readonly Guest[];
  readonly services: ReadonlyMap<string, string>;
  readonly cluster: { readonly reachable: boolean; readonly detail: string };
  readonly bases: number;
  readonly devices: readonly Device[];
  readonly strangers: readonly StrangerView[];
  /** Names of ours that another host has. */
  readonly nameConflicts: ReadonlyMap<string, string>;
  /** Of the boards' network, with spanning tree. */
  readonly bridges: readonly Bridge[];
  /** Its first DISCOVERs get lost. */
  readonly isLate: (device: Device) => boolean;
  readonly progressOf: (device: Device) => number | undefined;
  readonly traffic: TrafficView;
};

export function statusView(facts: StatusFacts): StatusView {
  return {
    revision: facts.revision,
    generatedAt: new Date(facts.now).toISOString(),
    version: facts.version,
    master: masterView(facts),
    devices: facts.devices.map((device) => deviceView(device, facts.progressOf(device))),
    strangers: facts.strangers,
    guests: facts.guests.map(guestView),
  };
}

function masterView(facts: StatusFacts): MasterView {
  const { config, site } = facts;
  return {
    hostname: facts.hostname,
    interface: site?.interface ?? null,
    address: site?.address ?? null,
    dhcpMode: dhcpModeView(facts.standing),
    admission: config.admission.mode,
    cluster: { driver: config.cluster.driver, ...facts.cluster },
    advice: advice(facts),
    traffic: facts.traffic,
  };
}

/** What keeps every board waiting comes before what one board waits for. */
function advice(facts: StatusFacts): readonly string[] {
  const { config, site, services, bases, cluster, devices } = facts;
  // Before there is a site nothing is served anyway.
  const standing = site === undefined && facts.standing.name !== 'off' ? undefined : standingAdvice(facts.standing);
  const contradiction = facts.standing.name === 'proxy' && config.topology === 'behind-master';
  const waiting = devices.filter(isUndecided).length;
  return [
    ...(site === undefined ? [facts.siteProblem] : []),
    ...[...services].filter(([, reason]) => reason !== 'starting').map(([name, reason]) => `${name}: ${reason}`),
    ...(standing === undefined ? [] : [standing]),
    ...(contradiction
      ? [
          'another DHCP server gives the addresses here, though topology is behind-master: set it to beside-router, or stop that server, set dhcp.mode to full and restart',
        ]
      : []),
    ...elsewhere(devices, site),
    ...(facts.gatewayAdvice === undefined ? [] : [facts.gatewayAdvice]),
    ...(bases === 0 ? ['import a base image: boards cannot be installed without one'] : []),
    ...(cluster.reachable ? [] : [`the cluster cannot be reached: ${cluster.detail}`]),
    ...(waiting >= config.pending.max
      ? [`${waiting} boards wait for a decision: no other is taken in (pending.max)`]
      : []),
    ...[...facts.nameConflicts].map(([name, theirs]) => `another host is called ${name} (${theirs}): rename it`),
    ...spanningTreeAdvice(facts.bridges, devices, facts.isLate),
    ...facts.addressAdvice,
    ...devices.map(nextDeed).filter((deed) => deed !== undefined),
  ];
}

/** Boards whose permanent address is of a network where the master was before: nothing there reaches them. */
function elsewhere(devices: readonly Device[], site: Site | undefined): readonly string[] {
  const moved =
    site === undefined
      ? []
      : devices.filter(({ address, addressing }) => addressing === 'reserved' && !inSubnet(site.subnet, address));
  const [first, ...more] = moved;
  if (site === undefined || first === undefined) return [];
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  const own = `${subnetText(site.subnet)}, the network of ${site.interface}`;
  return [
    `${first.name}${others}: the address ${first.address} is not in ${own}: give the master its old address again, or install them anew`,
  ];
}
