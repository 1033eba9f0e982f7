/** Is there another DHCP server on this network? What we ask, and what an answer to it or to anybody else tells. Pure. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Ipv4, type Mac, type Millis, macBytes, millis, minutes, seconds } from '../../config/values.ts';
import type { Endpoint } from '../ports.ts';
import { ipv4Option, option, textBytes, uint8Option } from './options.ts';
import { type DhcpPacket, decodePacket, encodePacket, type PacketProblem, unspecified } from './packet.ts';

/** A look every five seconds, or eight if the search is short: a router that is still booting is found when it is up. */
export const searchPause = (search: Millis): Millis => millis(Math.min(seconds(5), Math.max(1, Math.ceil(search / 8))));
/** Once we serve. Somebody may plug the boards' switch into the home network at any time. */
export const watchPause: Millis = minutes(2);

/** Whose this is, in the logs of the other server. */
export const searchVendorClass = 'bramble-search';

/**
 * A DISCOVER of our own (RFC 2131 4.4.1). The broadcast flag has the answer come to everybody: it offers an address that we
 * do not have, and no REQUEST ever follows, so the other server forgets it.
 */
export function searchDiscover({ mac, xid }: { readonly mac: Mac; readonly xid: number }): Uint8Array {
  return encodePacket({
    op: 1,
    htype: 1,
    hops: 0,
    xid,
    secs: 0,
    broadcast: true,
    ciaddr: unspecified,
    yiaddr: unspecified,
    siaddr: unspecified,
    giaddr: unspecified,
    chaddr: macBytes(mac),
    sname: '',
    file: '',
    options: new Map([
      [option.messageType, Uint8Array.of(messageType.discover)],
      [option.parameterRequestList, Uint8Array.of(option.subnetMask, option.router, option.domainNameServer)],
      [option.vendorClass, textBytes(searchVendorClass)],
    ]),
  });
}

/** RFC 2132 9.6. */
const messageType = { discover: 1, offer: 2, ack: 5, nak: 6 } as const;

export type ForeignServer = {
  /** Option 54; without one the sender. Anybody on this network can claim any: what follows from it may only narrow. */
  readonly server: Ipv4;
  /** It answered our own DISCOVER; otherwise we overheard what it told another client. */
  readonly asked: boolean;
};
export type OverheardProblem = PacketProblem | Problem<'NOT_FROM_SERVER' | 'OUR_OWN' | 'GIVES_NO_ADDRESS'>;

/** What came in on the clients' port. `own` is our server identifier: the kernel lets us hear our own broadcasts, too. */
export function readForeignServer(
  datagram: Uint8Array,
  from: Endpoint,
  { own, mac, xid }: { readonly own: Ipv4; readonly mac: Mac; readonly xid: number | undefined },
): Result<ForeignServer, OverheardProblem> {
  const decoded = decodePacket(datagram);
  if (!decoded.ok) return decoded;
  const packet = decoded.value;
  if (packet.op !== 2) return problem('NOT_FROM_SERVER', 'a client sent it', 0);
  const server = ipv4Option(packet.options, option.serverIdentifier) ?? from.address;
  if (server === own) return problem('OUR_OWN', 'our own message');
  if (!givesAddresses(packet)) return problem('GIVES_NO_ADDRESS', 'it gives no address');
  const ours = macBytes(mac);
  const asked = packet.xid === xid && ours.every((byte, index) => packet.chaddr[index] === byte);
  return ok({ server, asked });
}

/** A proxyDHCP server, whose OFFERs hold no address, is no danger to anybody's addresses; nor is an answer to an INFORM. */
function givesAddresses({ options, yiaddr }: DhcpPacket): boolean {
  const type = uint8Option(options, option.messageType);
  if (type === messageType.nak) return true;
  return (type === messageType.offer || type === messageType.ack) && yiaddr !== unspecified;
}
