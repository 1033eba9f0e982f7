/** Beside a router: which address it gave to which board, as far as that can be heard. */
import { type DeviceId, type Ipv4, inSubnet, seconds } from '../../../config/values.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Site } from './site.ts';

/** The board asked for this address, or spoke from it. Whatever is not news costs nothing. */
export type HearAddress = (device: Device, address: Ipv4) => void;

/** Between two writes for one board: everybody can ask for addresses in its name, and the last word counts. */
const REST = seconds(10);

export function heardAddresses(deps: {
  readonly runner: () => Pick<Runner, 'fleet' | 'dispatch'>;
  readonly site: () => Pick<Site, 'subnet' | 'taken'> | undefined;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
  readonly signal: AbortSignal;
}): HearAddress {
  const { clock, log, signal } = deps;
  /** One a board at most. */
  const next = new Map<DeviceId, Ipv4>();
  const busy = new Set<DeviceId>();
  let turn: Promise<unknown> = Promise.resolve();

  async function settle(id: DeviceId): Promise<void> {
    busy.add(id);
    for (let address = next.get(id); address !== undefined && !signal.aborted; address = next.get(id)) {
      next.delete(id);
      const heard = address;
      // One after the other: two boards may be heard with one address.
      turn = turn
        .then(() => write(id, heard))
        .catch((cause: unknown) => log.error('an address is not noted', { cause }));
      await turn;
      await clock.sleep(REST, signal).catch(() => undefined);
    }
    busy.delete(id);
  }

  async function write(id: DeviceId, address: Ipv4): Promise<void> {
    const { fleet, dispatch } = deps.runner();
    const holder = fleet.byAddress(address);
    if (holder?.addressing === 'reserved') {
      log.warn('the router gave out an address of ours: take it out of its range', { address, name: holder.name });
      return;
    }
    if (holder !== undefined && holder.id !== id) await dispatch(holder.id, { event: 'address-lost', address });
    const { ok, ...heard } = await dispatch(id, { event: 'address-heard', address });
    if (ok) log.info('address is known', { name: fleet.byId(id)?.name, address });
    else log.debug('an address is not noted', heard);
  }

  return (device, address) => {
    const site = deps.site();
    if (device.addressing === 'reserved' || site === undefined) return;
    if (!inSubnet(site.subnet, address) || site.taken.includes(address)) return;
    if (device.address === address) {
      next.delete(device.id);
      return;
    }
    next.set(device.id, address);
    if (!busy.has(device.id)) void settle(device.id);
  };
}
