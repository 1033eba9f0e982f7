/** On which of the master's networks which names are told. Pure. */
import { type Ipv4, inSubnet, type Subnet, subnetOf } from '../../config/values.ts';
import type { NetworkInterface } from '../system/interface-choice.ts';
import type { Site } from './site.ts';

export type NamesPlace = { readonly interface: string; readonly address: Ipv4; readonly subnet: Subnet };

/**
 * Where the owner's laptop is while the boards have a switch of their own: the master is to be found there, too. The boards
 * are not told of: nothing there can reach them. `undefined` while the uplink has no address.
 */
export function uplinkPlace(
  uplink: string | undefined,
  site: Pick<Site, 'interface' | 'subnet'>,
  interfaces: readonly NetworkInterface[],
): NamesPlace | undefined {
  const found = interfaces.find(({ name }) => name === uplink && name !== site.interface);
  // What comes in is told apart by its subnet.
  const usable = found?.addresses.find(({ address }) => !inSubnet(site.subnet, address));
  if (found === undefined || usable === undefined) return undefined;
  return { interface: found.name, address: usable.address, subnet: subnetOf(usable.address, usable.prefix) };
}

export const samePlace = (a: NamesPlace | undefined, b: NamesPlace | undefined): boolean =>
  a?.interface === b?.interface && a?.address === b?.address && a?.subnet.prefix === b?.subnet.prefix;
