/** Where the daemon stands: its interface, its address there, what boards are told about the network. Pure. */

import { clusterRangeIn } from '../../../config/cluster-ranges.ts';
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import {
  type AddressRange,
  type Ipv4,
  inSubnet,
  ipv4FromNumber,
  ipv4Number,
  maskNumber,
  overlap,
  type Subnet,
  subnetOf,
  subnetText,
} from '../../../config/values.ts';
import { defaultRange } from '../../lifecycle/registry.ts';
import { chooseInterface, type UsableInterface } from '../../system/interface-choice.ts';
import type { Surroundings } from '../../system/surroundings.ts';

export type Site = {
  readonly interface: string;
  /** The kernel's number of it, if it could be read. */
  readonly index?: number;
  readonly address: Ipv4;
  readonly subnet: Subnet;
  /** The permanent addresses of boards, where they are ours to give. */
  readonly range: AddressRange;
  /** Addresses that no board may get, inside the range or not. */
  readonly taken: readonly Ipv4[];
  readonly gateway: Ipv4 | undefined;
  readonly dns: readonly Ipv4[];
  readonly ntp: readonly Ipv4[];
  /** Behind the master: the interface towards the internet, if there is one. */
  readonly uplink: string | undefined;
  /** More than one interface could be heard by a socket that is not bound to one. */
  readonly shared: boolean;
};

export function siteOf(config: Config, surroundings: Surroundings): Result<Site, Problem> {
  const { interfaces } = surroundings;
  const chosen = chooseInterface(config.interface, interfaces);
  if (!chosen.ok) {
    const { code, detail, line } = chosen.error;
    return problem(code, line === '' ? detail : `${detail}; write into bramble.yaml: ${line}`);
  }
  const { name, index, address } = chosen.value;
  const subnet = subnetOf(address.address, address.prefix);
  const own = `${subnetText(subnet)}, the subnet of ${name}`;
  const range = config.addresses ?? defaultRange(subnet.network, subnet.prefix);
  if (!inSubnet(subnet, range.first) || !inSubnet(subnet, range.last)) {
    return problem('RANGE_OUTSIDE', `addresses ${range.first}-${range.last} are not in ${own}`);
  }
  const told = handOuts(config, surroundings, chosen.value);
  if (told.gateway !== undefined && !inSubnet(subnet, told.gateway)) {
    return problem('GATEWAY_OUTSIDE', `dhcp.gateway ${told.gateway} is not in ${own}`);
  }
  const uplink = uplinkOf(config, surroundings, name);
  if (uplink === name) return problem('UPLINK_IS_INTERFACE', `the boards are on ${name}: it cannot be the uplink, too`);
  const clash = clashOf(subnet, config, interfaces.find((one) => one.name === uplink)?.addresses ?? []);
  if (clash !== undefined) {
    return problem('SUBNET_OVERLAP', `${own}, overlaps ${clash}: give ${name} an address of another network`);
  }
  const broadcast = ipv4FromNumber((ipv4Number(subnet.network) | ~maskNumber(subnet.prefix)) >>> 0);
  const gateways = told.gateway === undefined ? [] : [told.gateway];
  return ok({
    interface: name,
    ...(index !== undefined && { index }),
    address: address.address,
    subnet,
    range,
    taken: [subnet.network, broadcast, address.address, ...gateways, ...told.dns, ...told.ntp],
    ...told,
    uplink,
    shared: interfaces.some((other) => other.name !== name && other.kind !== 'loopback' && other.addresses.length > 0),
  });
}

/**
 * Options 3, 6 and 42. Behind the master it is gateway and clock, and all three are always there: k3s stops without a default
 * route. It runs no resolver: boards ask those that it asks itself.
 */
function handOuts(
  { dhcp, topology }: Config,
  { defaultRoutes, resolvers }: Surroundings,
  { name, address: { address, prefix } }: UsableInterface,
): Pick<Site, 'gateway' | 'dns' | 'ntp'> {
  const others = resolvers.filter((resolver) => resolver !== address);
  if (topology === 'behind-master') {
    // Where nothing is known, what gave the master its way out mostly resolves as well.
    const likely = defaultRoutes.find((route) => route.interface !== name)?.gateway ?? address;
    const dns = dhcp.dns ?? (others.length > 0 ? others : [likely]);
    return { gateway: dhcp.gateway ?? address, dns, ntp: dhcp.ntp ?? [address] };
  }
  const subnet = subnetOf(address, prefix);
  const routers = defaultRoutes.filter((route) => route.interface === name && inSubnet(subnet, route.gateway));
  const gateway = dhcp.gateway ?? routers[0]?.gateway;
  const fallback = gateway === undefined ? [] : [gateway];
  return { gateway, dns: dhcp.dns ?? (others.length > 0 ? others : fallback), ntp: dhcp.ntp ?? fallback };
}

/** One that was named is believed: it may come up later. */
function uplinkOf({ topology, uplink }: Config, { defaultRoutes }: Surroundings, name: string): string | undefined {
  if (topology !== 'behind-master') return undefined;
  return uplink === 'auto' ? defaultRoutes.find((route) => route.interface !== name)?.interface : uplink;
}

/** What the boards' subnet has addresses in common with. */
function clashOf(subnet: Subnet, { cluster }: Config, uplink: UsableInterface['addresses']): string | undefined {
  const taken = clusterRangeIn(subnet, cluster);
  if (taken !== undefined) return `${subnetText(taken)}, where the cluster has its pods and services (cluster.ranges)`;
  const outside = uplink.map(({ address, prefix }) => subnetOf(address, prefix)).find((one) => overlap(one, subnet));
  return outside && `${subnetText(outside)}, the network of the uplink`;
}

/**
 * Whether the services may go on. Resolvers, clocks and ranges are looked up when they are needed. `isBound`: what we hear on
 * is bound to the interface, and other interfaces may come and go.
 */
export const isSamePlace = (a: Site, b: Site, isBound: boolean): boolean =>
  a.interface === b.interface &&
  a.index === b.index &&
  a.address === b.address &&
  a.subnet.prefix === b.subnet.prefix &&
  a.gateway === b.gateway &&
  (isBound || a.shared === b.shared);
