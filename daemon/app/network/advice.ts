/** What the owner has to know of the boards’ network, and to do about it. Pure. */
import type { Config } from '../../../config/schema.ts';
import { type DeviceId, inSubnet, subnetText } from '../../../config/values.ts';
import type { StrangerView } from '../../http/wire.ts';
import type { Device } from '../../lifecycle/device.ts';
import { type DhcpStanding, isStandstill, standingAdvice } from './dhcp-standing.ts';
import type { Guest } from './guests.ts';
import type { Site } from './site.ts';
import { type Bridge, spanningTreeAdvice } from './spanning-tree.ts';

/** At one moment. */
export type NetworkFacts = {
  readonly site: Site | undefined;
  /** Why there is no site, and what to do. */
  readonly siteProblem: string;
  readonly standing: DhcpStanding;
  /** What is wrong with the boards’ way out and clock. */
  readonly gatewayAdvice: string | undefined;
  /** What is wrong with addresses, and what to do. */
  readonly addressAdvice: readonly string[];
  readonly guests: readonly Guest[];
  readonly strangers: readonly StrangerView[];
  /** Names of ours that another host has, with what it says. */
  readonly nameConflicts: ReadonlyMap<string, string>;
  /** Of the boards’ network, with spanning tree. */
  readonly bridges: readonly Bridge[];
  /** Boards whose first DISCOVERs get lost. */
  readonly late: ReadonlySet<DeviceId>;
};

export type NetworkAdvice = {
  /** What keeps every board waiting, or every new one. */
  readonly all: readonly string[];
  readonly some: readonly string[];
};

/** Both most important first. */
export function networkAdvice(facts: NetworkFacts, config: Config, devices: readonly Device[]): NetworkAdvice {
  const { site, standing, late } = facts;
  // Before there is a site nothing is served anyway.
  const aboutDhcp = site === undefined && standing.name !== 'off' ? undefined : standingAdvice(standing, config);
  const all = [
    site === undefined ? facts.siteProblem : undefined,
    aboutDhcp,
    routerAdvice(facts, config),
    elsewhereAdvice(facts, devices),
    facts.gatewayAdvice,
  ];
  return {
    all: all.filter((line) => line !== undefined),
    some: [
      ...[...facts.nameConflicts].map(([name, theirs]) => `another host is called ${name} (${theirs}): rename it`),
      ...spanningTreeAdvice(facts.bridges, devices, ({ id }) => late.has(id)),
      ...facts.addressAdvice,
    ],
  };
}

/** Boards are not served, and will not be until the owner does something about it. */
export const isNetworkDown = (facts: NetworkFacts, devices: readonly Device[]): boolean =>
  facts.site === undefined || isStandstill(facts.standing) || elsewhere(facts, devices).length > 0;

/** The LAN counts as shared, and boards get no default route: on a bare switch it is the topology that is not written. */
function routerAdvice({ site, standing }: NetworkFacts, { topology }: Config): string | undefined {
  if (site === undefined || standing.name !== 'alone') return undefined;
  if (topology !== 'beside-router' || site.gateway !== undefined) return undefined;
  return `no router is on ${site.interface} and no other DHCP server answers: are the boards on a switch of their own? then write topology: behind-master (else set dhcp.gateway)`;
}

/** Boards whose permanent address is of a network where the master was before: nothing there reaches them. */
const elsewhere = ({ site }: NetworkFacts, devices: readonly Device[]): readonly Device[] =>
  site === undefined
    ? []
    : devices.filter(({ address, addressing }) => addressing === 'reserved' && !inSubnet(site.subnet, address));

function elsewhereAdvice(facts: NetworkFacts, devices: readonly Device[]): string | undefined {
  const [first, ...more] = elsewhere(facts, devices);
  if (facts.site === undefined || first === undefined) return undefined;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  const own = `${subnetText(facts.site.subnet)}, the network of ${facts.site.interface}`;
  return `${first.name}${others}: the address ${first.address} is not in ${own}, and nothing here reaches it: give the master its old address again`;
}
