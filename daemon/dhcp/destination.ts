/** Where a reply goes (RFC 2131 4.1). */
import { type Ipv4, inSubnet, ipv4FromNumber, type Subnet } from '../../config/values.ts';
import type { Endpoint } from '../ports.ts';
import { type DhcpPacket, unspecified } from './packet.ts';

export const serverPort = 67;
export const clientPort = 68;
export const limitedBroadcast: Ipv4 = ipv4FromNumber(0xffffffff);

/**
 * Through the relay agent if one passed the request on; to the client's address if it has one; else to everybody. A client
 * that has no address yet and does not ask for broadcast should get unicast to the address it is being given; Node has no
 * raw sockets, and the RFC allows broadcast there. A NAK has no ciaddr: the client's address is wrong.
 */
export function replyDestination(reply: DhcpPacket, subnet: Subnet): Endpoint {
  if (reply.giaddr !== unspecified) return { address: reply.giaddr, port: serverPort };
  // Anybody can write any address there: an answer to it never leaves our own network.
  const reachable = reply.ciaddr !== unspecified && inSubnet(subnet, reply.ciaddr);
  return { address: reachable ? reply.ciaddr : limitedBroadcast, port: clientPort };
}
