/** All boards, in memory, by everything they are looked up with. The disk is the truth; this is what it says. */
import {
  type DeviceId,
  type Hostname,
  type Ipv4,
  type Mac,
  parseDeviceId,
  parseHostname,
} from '../../config/values.ts';
import type { Device, DeviceState } from './device.ts';
import { isUndecided } from './registry.ts';

export type Fleet = {
  readonly all: () => readonly Device[];
  readonly byId: (id: DeviceId) => Device | undefined;
  readonly byMac: (mac: Mac) => Device | undefined;
  readonly byAddress: (address: Ipv4) => Device | undefined;
  readonly byName: (name: Hostname) => Device | undefined;
  readonly byArming: (arming: string) => Device | undefined;
  /** The board of this name whose card was made and of which no packet was seen. */
  readonly awaited: (hostname: string) => Device | undefined;
  /** Those that nobody decided about. */
  readonly undecided: () => ReadonlyMap<DeviceId, Device>;
  readonly put: (device: Device) => void;
  readonly remove: (id: DeviceId) => void;
};

/** A nonce is good for what was armed with it, as long as that lasts. */
const isArmed = (state: DeviceState): state is Extract<DeviceState, { readonly arming: string }> =>
  state.name === 'installing' || (state.name === 'wiping' && state.start.step !== 'done');

export function createFleet(devices: readonly Device[]): Fleet {
  const byId = new Map<DeviceId, Device>();
  const macs = new Map<Mac, DeviceId>();
  const addresses = new Map<Ipv4, DeviceId>();
  const names = new Map<Hostname, DeviceId>();
  const undecided = new Map<DeviceId, Device>();
  const find = (id: DeviceId | undefined) => (id === undefined ? undefined : byId.get(id));

  /** Another one may have been heard there since, or have taken the name. */
  function leave({ id, address, name }: Device): void {
    if (address !== undefined && addresses.get(address) === id) addresses.delete(address);
    if (names.get(name) === id) names.delete(name);
  }

  function put(device: Device): void {
    const before = byId.get(device.id);
    if (before !== undefined) leave(before);
    byId.set(device.id, device);
    if (device.address !== undefined) addresses.set(device.address, device.id);
    names.set(device.name, device.id);
    for (const mac of device.macs) macs.set(mac, device.id);
    if (isUndecided(device)) undecided.set(device.id, device);
    else undecided.delete(device.id);
  }

  function remove(id: DeviceId): void {
    const device = byId.get(id);
    if (device === undefined) return;
    byId.delete(id);
    undecided.delete(id);
    leave(device);
    for (const mac of device.macs) macs.delete(mac);
  }

  function awaited(hostname: string): Device | undefined {
    const name = parseHostname(hostname.toLowerCase());
    const device = name.ok ? find(names.get(name.value)) : undefined;
    return device?.macs.length === 0 && device.state.name === 'starting' && device.state.card ? device : undefined;
  }

  for (const device of devices) put(device);
  return {
    all: () => [...byId.values()],
    byId: find,
    byMac: (mac) => find(macs.get(mac)),
    byAddress: (address) => find(addresses.get(address)),
    byName: (name) => find(names.get(name)),
    byArming: (arming) => byId.values().find(({ state }) => isArmed(state) && state.arming === arming),
    awaited,
    undecided: () => undecided,
    put,
    remove,
  };
}

/** By name or by id. */
export function boardNamed(fleet: Fleet, name: string): Device | undefined {
  const [asName, asId] = [parseHostname(name), parseDeviceId(name)];
  return (asName.ok ? fleet.byName(asName.value) : undefined) ?? (asId.ok ? fleet.byId(asId.value) : undefined);
}
