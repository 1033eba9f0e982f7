/** What a DHCP client is granted: the meeting of the DHCP server and the life of boards. */
import { type Ipv4, inSubnet, type Mac, type Subnet, seconds } from '../../../config/values.ts';
import { isInstalled, isToldToBoot } from '../../boot/offer.ts';
import { type DhcpRequest, type Lease, unspecified } from '../../dhcp/server.ts';
import type { Device } from '../../lifecycle/device.ts';
import { provisionalLease } from '../../lifecycle/registry.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Log } from '../../ports.ts';
import type { Adoption } from '../boards/adoption.ts';
import type { Rivals } from '../boards/rivals.ts';
import type { Addresses } from './addresses.ts';
import { type BootDiary, INSTALLER_VENDOR_CLASS } from './boot-diary.ts';

/** Installed boards keep their address while the master is away; the others ask again at each boot. */
const INSTALLED_LEASE = seconds(30 * 24 * 3600);

export function leaseDesk(deps: {
  readonly runner: Pick<Runner, 'fleet' | 'sight'>;
  readonly diary: Pick<BootDiary, 'met'>;
  readonly log: Log;
  readonly subnet: Subnet;
  /** False beside a router: boards are only told from where to boot. */
  readonly givesAddresses: boolean;
  /** Boards get a permanent address of ours here: by DHCP, or beside a router in their own configuration. */
  readonly reservesAddresses: boolean;
  readonly addresses: Pick<Addresses, 'leaseGuest' | 'told' | 'strayRelay'>;
  /** Takes note of it. A packet proves nothing: it is answered as the board would be. */
  readonly noticeRival: Rivals['notice'];
  readonly adoption: Pick<Adoption, 'systemHeard' | 'restarted'>;
}): (request: DhcpRequest) => Promise<Lease | undefined> {
  const { runner, log, addresses } = deps;
  return async (request) => {
    const { mac, serial, model, isPxe, hostname } = request;
    // Of a card that we made nobody knows into which board it is put, but its system calls itself by the name on it.
    const known = runner.fleet.byMac(mac) ?? runner.fleet.awaited(hostname ?? '');
    const isRelayed = request.giaddr !== undefined && !inSubnet(deps.subnet, request.giaddr);
    if (isRelayed && deps.reservesAddresses) {
      // An address of ours would not work behind that relay agent, and ours are all there are (RFC 2131 4.3.1). Where the
      // router gives them all, its clients are only told from where to boot.
      if (known !== undefined || isBoard(request)) addresses.strayRelay(request.giaddr);
      return undefined;
    }
    if (known === undefined && !isBoard(request)) return addresses.leaseGuest(request);
    // Of a board that is known it was noted as it came in.
    const isNew = runner.fleet.byMac(mac) === undefined;
    const sighted = await runner.sight({ mac, serial, model, hostname });
    if (!sighted.ok) {
      log.warn('no address for this board', { mac, ...sighted.error });
      return undefined;
    }
    const device = sighted.value;
    if (isNew) deps.diary.met(request);
    deps.noticeRival(device, request);
    const isSystem = !isPxe && request.vendorClass !== INSTALLER_VENDOR_CLASS;
    deps.adoption[isSystem ? 'systemHeard' : 'restarted'](device);
    if (device.addressing === 'reserved') addresses.told(device);
    if (!deps.givesAddresses) return lease(device, unspecified);
    if (device.addressing === 'heard') {
      log.warn('this board has no address of ours', { name: device.name });
      return undefined;
    }
    if (!inSubnet(deps.subnet, device.address)) {
      // It got it when the master stood in another network. Nothing could reach it there now.
      log.warn('the address of this board is of another network', { name: device.name, address: device.address });
      return undefined;
    }
    return lease(device, device.address);
  };
}

const lease = (board: Device, address: Ipv4): Lease => ({
  address,
  hostname: board.name,
  leaseTime: isInstalled(board) ? INSTALLED_LEASE : provisionalLease(board),
  boot: isToldToBoot(board),
});

const isBoard = ({ isPi, vendorClass }: DhcpRequest): boolean => isPi || vendorClass === INSTALLER_VENDOR_CLASS;

/**
 * Who is granted what on a network that may not be ours: boards on our disk always, any other only where `isOurs`. Our own
 * interface is no board, though the master may well be a Raspberry Pi and ask for an address or for other servers.
 */
export function grantsFor(deps: {
  readonly isOurs: () => boolean;
  readonly own: Mac | undefined;
  readonly isKnown: (mac: Mac) => boolean;
  readonly lease: (request: DhcpRequest) => Promise<Lease | undefined>;
  readonly log: Log;
}): (request: DhcpRequest) => Promise<Lease | undefined> {
  return async (request) => {
    const { mac } = request;
    if (mac === deps.own) return undefined;
    const mayBeAnswered = deps.isKnown(mac) ? () => true : deps.isOurs;
    if (!mayBeAnswered()) {
      deps.log.debug('a board that is not known waits: this network may be another DHCP server’s', { mac });
      return undefined;
    }
    const lease = await deps.lease(request);
    // The other server may have been heard while the disk was written.
    return mayBeAnswered() ? lease : undefined;
  };
}
