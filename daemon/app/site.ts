/** Where the daemon stands: its interface, its address there, what boards are told about the network. */

import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Config } from '../../config/schema.ts';
import {
  type AddressRange,
  type Ipv4,
  inSubnet,
  ipv4FromNumber,
  ipv4Number,
  maskNumber,
  type Subnet,
  seconds,
  subnetOf,
} from '../../config/values.ts';
import { defaultRange } from '../lifecycle/registry.ts';
import type { Clock, Log } from '../ports.ts';
import { readInterfaces } from '../system/interface.ts';
import { chooseInterface, type NetworkInterface } from '../system/interface-choice.ts';

export type Site = {
  readonly interface: string;
  readonly address: Ipv4;
  readonly subnet: Subnet;
  /** The permanent addresses of boards. */
  readonly range: AddressRange;
  /** Addresses that no board may get, inside the range or not. */
  readonly taken: readonly Ipv4[];
  readonly gateway: Ipv4 | undefined;
  readonly dns: readonly Ipv4[];
  readonly ntp: readonly Ipv4[];
  /** More than one interface could be heard by a socket that is not bound to one. */
  readonly shared: boolean;
};

export async function findSite(config: Config): Promise<Result<Site, Problem>> {
  return siteOf(config, await readInterfaces());
}

export function siteOf(config: Config, interfaces: readonly NetworkInterface[]): Result<Site, Problem> {
  const chosen = chooseInterface(config.interface, interfaces);
  if (!chosen.ok) {
    const { code, detail, line } = chosen.error;
    return problem(code, line === '' ? detail : `${detail}; write into bramble.yaml: ${line}`);
  }
  const { name, address } = chosen.value;
  const subnet = subnetOf(address.address, address.prefix);
  if (config.dhcp.mode === 'proxy' && config.addresses === undefined) {
    // The board's own network configuration gets an address of the range, and the router would give it to another one.
    return problem(
      'RANGE_MISSING',
      'beside a router the boards need addresses that it does not give out: write into bramble.yaml: addresses: FIRST-LAST',
    );
  }
  const range = config.addresses ?? defaultRange(subnet.network, subnet.prefix);
  if (!inSubnet(subnet, range.first) || !inSubnet(subnet, range.last)) {
    const own = `${subnet.network}/${subnet.prefix}`;
    return problem('RANGE_OUTSIDE', `addresses ${range.first}-${range.last} are not in ${own}, the subnet of ${name}`);
  }
  // Behind the master it is gateway, resolver hand-out and clock; k3s stops without a default route (design, Networks).
  const gateway = config.dhcp.gateway ?? (config.topology === 'behind-master' ? address.address : undefined);
  if (gateway !== undefined && !inSubnet(subnet, gateway)) {
    const own = `${subnet.network}/${subnet.prefix}`;
    return problem('GATEWAY_OUTSIDE', `dhcp.gateway ${gateway} is not in ${own}, the subnet of ${name}`);
  }
  const broadcast = ipv4FromNumber((ipv4Number(subnet.network) | ~maskNumber(subnet.prefix)) >>> 0);
  const taken = [subnet.network, broadcast, address.address, ...(gateway === undefined ? [] : [gateway])];
  const fallback = gateway === undefined ? [] : [gateway];
  return ok({
    interface: name,
    address: address.address,
    subnet,
    range,
    taken: [...taken, ...(config.dhcp.dns ?? []), ...(config.dhcp.ntp ?? [])],
    gateway,
    dns: config.dhcp.dns ?? fallback,
    ntp: config.dhcp.ntp ?? fallback,
    shared: interfaces.some((other) => other.name !== name && other.kind !== 'loopback' && other.addresses.length > 0),
  });
}

/** What is known by now of where the daemon stands. */
export type Whereabouts = {
  readonly site: () => Site | undefined;
  /** Why there is no site yet, and what to do. */
  readonly problem: () => string;
  /** Looks until it is clear; a cable may come later. Throws the signal's reason. */
  readonly find: (signal: AbortSignal) => Promise<Site>;
};

export function createWhereabouts(config: Config, { clock, log }: { clock: Clock; log: Log }): Whereabouts {
  let site: Site | undefined;
  let reason = 'looking for the network of the boards';

  async function find(signal: AbortSignal): Promise<Site> {
    for (;;) {
      const found = await findSite(config);
      if (found.ok) {
        site = found.value;
        return site;
      }
      const { code, detail } = found.error;
      if (detail !== reason) log.warn('network not clear, nothing is served', { code, detail });
      reason = detail;
      await clock.sleep(seconds(3), signal);
    }
  }

  return { site: () => site, problem: () => reason, find };
}
