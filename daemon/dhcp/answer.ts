/** Which message a request gets, if any. When in doubt: silence; another server may know better. */
import { assertNever } from '../../config/result.ts';
import { type Ipv4, inSubnet, ipv4Number, maskNumber, type Subnet } from '../../config/values.ts';
import { type DhcpPacket, unspecified } from './packet.ts';
import { type DhcpSelf, informReply, type Lease, leaseReply, nakReply, proxyReply, type ReplyTo } from './reply.ts';
import type { DhcpRequest } from './request.ts';

/** `proxy`: beside a router that gives the addresses. `off`: not a word. */
export type DhcpMode = 'full' | 'proxy' | 'off';

export type Answer =
  | { readonly answer: 'offer' | 'ack' | 'nak'; readonly packet: DhcpPacket }
  | { readonly answer: 'silence'; readonly why: string };

const silence = (why: string): Answer => ({ answer: 'silence', why });

/** Whether a lease is needed to answer at all; if not, the board's sighting changes nothing. `undefined`: it is needed. */
export function silenceWithoutLease(request: DhcpRequest, mode: DhcpMode, self: Ipv4): string | undefined {
  if (mode === 'off') return 'mode off';
  if (mode === 'proxy') {
    if (request.kind !== 'discover') return 'the address is the router’s business';
    return request.isPxe ? undefined : 'does not boot from the network';
  }
  switch (request.kind) {
    case 'discover':
    case 'inform':
    case 'request-init-reboot':
    case 'request-renewing':
    case 'request-rebinding':
      return undefined;
    case 'request-selecting':
      return request.serverIdentifier === self ? undefined : 'chose another server';
    case 'release':
    case 'decline':
      // A reserved address stays reserved. Nothing is ever sent for these (RFC 2131 4.3.3, 4.3.4).
      return `${request.kind} has no answer`;
    default:
      return assertNever(request.kind);
  }
}

/**
 * The other server whose OFFER a client takes, by option 54 (RFC 2131 4.3.2). Undefined: it takes ours, or what stands there
 * is no host of this network; some clients write 0.0.0.0.
 */
export function chosenServer(
  { kind, serverIdentifier }: Pick<DhcpRequest, 'kind' | 'serverIdentifier'>,
  { address, subnet }: Pick<DhcpSelf, 'address' | 'subnet'>,
): Ipv4 | undefined {
  if (kind !== 'request-selecting' || serverIdentifier === undefined || serverIdentifier === address) return undefined;
  return isHost(subnet, serverIdentifier) ? serverIdentifier : undefined;
}

/** Neither the network's own address nor its broadcast address. */
const isHost = (subnet: Subnet, address: Ipv4): boolean =>
  inSubnet(subnet, address) &&
  address !== subnet.network &&
  ipv4Number(address) !== (ipv4Number(subnet.network) | ~maskNumber(subnet.prefix)) >>> 0;

/**
 * What a client asks the server of this network for: option 50 in SELECTING and INIT-REBOOT, its own address in REBINDING
 * (RFC 2131 4.3.2). RENEWING is for its server alone, and not heard.
 */
export function addressAskedFor({ kind, requestedAddress, ciaddr }: DhcpRequest): Ipv4 | undefined {
  if (kind === 'request-selecting' || kind === 'request-init-reboot') return requestedAddress;
  return kind === 'request-rebinding' || kind === 'request-renewing' ? ciaddr : undefined;
}

/**
 * `lease` is what the lifecycle grants this board, if anything; the caller asked `silenceWithoutLease` first. Not
 * `authoritative`: another server may be on this network, and the address that a board remembers may be from that one.
 */
export function answerRequest(
  to: ReplyTo,
  lease: Lease | undefined,
  mode: DhcpMode,
  authoritative: boolean = true,
): Answer {
  const { request } = to;
  if (lease === undefined) return silence('nothing is granted');
  if (mode === 'off') return silence('mode off');
  if (mode === 'proxy') {
    return lease.boot ? { answer: 'offer', packet: proxyReply(to) } : silence('shall not boot from us');
  }
  switch (request.kind) {
    case 'discover':
      return { answer: 'offer', packet: leaseReply('offer', to, lease) };
    case 'request-selecting':
      return ackOrNak(to, lease, request.requestedAddress ?? request.ciaddr);
    case 'request-init-reboot':
      return initReboot(to, lease, authoritative);
    case 'request-renewing':
    case 'request-rebinding':
      return renewal(to, lease, authoritative);
    case 'inform':
      return { answer: 'ack', packet: informReply(to, lease) };
    case 'release':
    case 'decline':
      return silence(`${request.kind} has no answer`);
    default:
      return assertNever(request.kind);
  }
}

const ack = (to: ReplyTo, lease: Lease): Answer => ({ answer: 'ack', packet: leaseReply('ack', to, lease) });

const ackOrNak = (to: ReplyTo, lease: Lease, wanted: Ipv4 | undefined): Answer =>
  wanted === lease.address ? ack(to, lease) : nak(to, lease);

const nak = (to: ReplyTo, lease: Lease): Answer => ({
  answer: 'nak',
  packet: nakReply(to, `the address that is yours here is ${lease.address}`),
});

/**
 * RFC 2131 4.3.2: an address of another network, or one that is not this client's, is refused, so that it asks anew at once.
 * Where another server may be the client may have it from that one, and that one will speak for it.
 */
function initReboot(to: ReplyTo, lease: Lease, authoritative: boolean): Answer {
  const wanted = to.request.requestedAddress;
  if (wanted === undefined || wanted === unspecified) return silence('asks for no address');
  if (wanted === lease.address) return ack(to, lease);
  return authoritative ? nak(to, lease) : silence('another server may have given it that address');
}

/** A client of ours that goes on with an address that is not its own any more. One of another network is not from us. */
function renewal(to: ReplyTo, lease: Lease, authoritative: boolean): Answer {
  const { ciaddr } = to.request;
  if (ciaddr === lease.address) return ack(to, lease);
  const isOfOurs = authoritative && ciaddr !== undefined && inSubnet(to.self.subnet, ciaddr);
  return isOfOurs ? nak(to, lease) : silence('its address is not from us');
}

/**
 * The client gives an address up: another host uses it (DECLINE, RFC 2131 4.3.3), or it needs none any more (RELEASE, 4.3.4).
 * Undefined: it does not, or says so to another server.
 */
export function givenUp(request: DhcpRequest, self: Ipv4): GivenUp | undefined {
  const { kind, serverIdentifier, requestedAddress, ciaddr } = request;
  if (serverIdentifier !== self || (kind !== 'decline' && kind !== 'release')) return undefined;
  const address = kind === 'decline' ? requestedAddress : ciaddr;
  return address === undefined ? undefined : { kind, request, address };
}

/** Anybody can claim it. */
export type GivenUp = {
  readonly kind: 'decline' | 'release';
  readonly request: DhcpRequest;
  readonly address: Ipv4;
};
