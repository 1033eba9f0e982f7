/** Is somebody using this address, and who? Asked before an address is given away. */
import { type Ipv4, inSubnet, type Mac, millis, type Subnet } from '../../../config/values.ts';
import type { Clock, OpenUdp } from '../../ports.ts';

export type AddressCheck = {
  /**
   * The hardware address that answers for it; undefined if none does, for an address of another network, and for our own.
   * Settles after a second at most; any number may be asked at once. Rejects if the question could not be sent, and with
   * the signal's reason. A host that went away may be named once more: the kernel remembers it, and this question makes it
   * look again, which takes it some eight seconds.
   */
  readonly occupant: (address: Ipv4, signal: AbortSignal) => Promise<Mac | undefined>;
};

export type AddressCheckDeps = {
  readonly openUdp: OpenUdp;
  /** Our own address on the boards' network and what is on the same link. */
  readonly site: { readonly address: Ipv4; readonly subnet: Subnet };
  /** What the kernel has learned by ARP; see `system/neighbours.ts`. */
  readonly hardwareAddressOf: (address: Ipv4) => Promise<Mac | undefined>;
  readonly clock: Pick<Clock, 'sleep'>;
};

/** The discard protocol (RFC 863): whoever gets the datagram has nothing to do with it. */
const discardPort = 9;
/** Rests before each look. An answer takes milliseconds; a phone that sleeps takes most of a second. */
const looks = [50, 150, 300, 500].map(millis);

/**
 * ARP needs a raw socket, which the daemon does not have. But a datagram to a host on our link makes the kernel ask for its
 * hardware address, and what it hears stands in its table.
 */
export function createAddressCheck({ openUdp, site, hardwareAddressOf, clock }: AddressCheckDeps): AddressCheck {
  async function occupant(address: Ipv4, signal: AbortSignal): Promise<Mac | undefined> {
    signal.throwIfAborted();
    if (address === site.address || !inSubnet(site.subnet, address)) return undefined;
    // Bound to our own address: it leaves by the boards' interface.
    const socket = await openUdp({ bind: { address: site.address, port: 0 }, onMessage: () => undefined });
    try {
      socket.send(new Uint8Array(0), { address, port: discardPort });
      for (const rest of looks) {
        await clock.sleep(rest, signal);
        const mac = await hardwareAddressOf(address);
        if (mac !== undefined) return mac;
      }
      return undefined;
    } finally {
      await socket.close();
    }
  }
  return { occupant };
}
