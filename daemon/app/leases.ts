/** What a DHCP client is granted: the meeting of the DHCP server and the life of boards. */
import { inSubnet, type Subnet, seconds } from '../../config/values.ts';
import { isInstalled } from '../boot/offer.ts';
import type { Timelines } from '../boot/timeline.ts';
import type { DhcpRequest, Lease } from '../dhcp/server.ts';
import { provisionalLease } from '../lifecycle/registry.ts';
import type { Runner } from '../lifecycle/runner.ts';
import type { Clock, Log } from '../ports.ts';

/** What our installer calls itself (option 60); it may run on hardware whose address prefix nobody knows. */
export const INSTALLER_VENDOR_CLASS = 'bramble-installer';

/** Installed boards keep their address while the master is away; the others ask again at each boot. */
const INSTALLED_LEASE = seconds(30 * 24 * 3600);

export function leaseDesk(deps: {
  readonly runner: Runner;
  readonly timelines: Timelines;
  readonly clock: Clock;
  readonly log: Log;
  readonly subnet: Subnet;
}): (request: DhcpRequest) => Promise<Lease | undefined> {
  const { runner, timelines, clock, log } = deps;
  return async (request) => {
    const { mac, serial, model, isPxe } = request;
    const known = runner.fleet.byMac(mac);
    // Until guests are served too, a laptop on the same switch hears nothing from us.
    if (known === undefined && !isBoard(request)) return undefined;
    const sighted = await runner.sight({ mac, serial, model });
    if (!sighted.ok) {
      log.warn('no address for this board', { mac, ...sighted.error });
      return undefined;
    }
    const device = sighted.value;
    if (!inSubnet(deps.subnet, device.address)) {
      // It got it when the master stood in another network. Nothing could reach it there now.
      log.warn('the address of this board is of another network', { name: device.name, address: device.address });
      return undefined;
    }
    const now = clock.now();
    if (isPxe && request.kind === 'discover') timelines.bootRom(device.id, now);
    timelines.mark(device.id, now, `${isPxe ? 'boot ROM' : 'system'} is given ${device.address}`);
    return {
      address: device.address,
      hostname: device.name,
      leaseTime: isInstalled(device) ? INSTALLED_LEASE : provisionalLease(device),
      // Also where it may not boot from us: TFTP then has no file for it, and it goes on to its disk at once. An OFFER
      // without these options would have the ROM ask again for 45 s (facts 3.4).
      boot: true,
    };
  };
}

const isBoard = ({ isPi, vendorClass }: DhcpRequest): boolean => isPi || vendorClass === INSTALLER_VENDOR_CLASS;
