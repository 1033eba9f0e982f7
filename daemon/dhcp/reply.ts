/** The messages a server sends (RFC 2131 4.3, table 3), filled so that every netbooting Pi model is content (facts 3.5). */
import { type Hostname, type Ipv4, ipv4Bytes, type Millis, type Subnet, subnetMask } from '../../config/values.ts';
import { foundationOui, ouiOf } from './machine-identifier.ts';
import { ipv4ListBytes, type Options, option, textBytes, uint32Bytes } from './options.ts';
import { type DhcpPacket, unspecified } from './packet.ts';
import type { DhcpRequest } from './request.ts';

/** What a board is promised. Whoever hands it over has it on disk. */
export type Lease = {
  readonly address: Ipv4;
  /** Guests keep their own. */
  readonly hostname?: Hostname;
  readonly leaseTime: Millis;
  /** It shall boot from us: then a PXE client also hears from where. */
  readonly boot: boolean;
};

/** This server and what it tells every client about the network. What is left out is not told. */
export type DhcpSelf = {
  /** Server identifier and TFTP server: a Pi 3B's ROM wants both to be one host in its own subnet (facts 3.5). */
  readonly address: Ipv4;
  readonly subnet: Subnet;
  readonly gateway?: Ipv4;
  readonly dns?: readonly Ipv4[];
  readonly ntp?: readonly Ipv4[];
  readonly domain?: string;
};

export type ReplyTo = { readonly packet: DhcpPacket; readonly request: DhcpRequest; readonly self: DhcpSelf };

const messageTypes = { offer: 2, ack: 5, nak: 6 } as const;
/** RFC 2132 9.2: the largest duration that is not "for ever". */
const longestLease = 0xfffffffe;

/** OFFER or ACK of an address. */
export function leaseReply(type: 'offer' | 'ack', to: ReplyTo, lease: Lease): DhcpPacket {
  const leaseTime = Math.max(1, Math.min(longestLease, Math.floor(lease.leaseTime / 1000)));
  const options: [number, Uint8Array][] = [
    [option.leaseTime, uint32Bytes(leaseTime)],
    ...networkOptions(to.self),
    ...nameOption(lease),
  ];
  const reply = { ...blankReply(type, to, options), ciaddr: to.packet.ciaddr, yiaddr: lease.address };
  return lease.boot && to.request.isPxe ? withBoot(reply, to) : reply;
}

/** RFC 2131 4.3.5: an ACK for a client that has an address of its own carries neither address nor lease time. */
export function informReply(to: ReplyTo, lease: Lease): DhcpPacket {
  const options = [...networkOptions(to.self), ...nameOption(lease)];
  const reply = { ...blankReply('ack', to, options), ciaddr: to.packet.ciaddr };
  return lease.boot && to.request.isPxe ? withBoot(reply, to) : reply;
}

/** An OFFER beside the router's: no address, only from where to boot (facts 3.7). Answered like dnsmasq's, to everybody. */
export const proxyReply = (to: ReplyTo): DhcpPacket => ({
  ...withBoot(blankReply('offer', to, []), to),
  broadcast: true,
});

/** RFC 2131 4.3.2: behind a relay agent the broadcast bit makes the agent broadcast it. */
export function nakReply(to: ReplyTo, why: string): DhcpPacket {
  const reply = blankReply('nak', to, [[option.message, textBytes(why)]]);
  return to.request.giaddr === undefined ? reply : { ...reply, broadcast: true };
}

function blankReply(
  type: keyof typeof messageTypes,
  { packet, self }: ReplyTo,
  options: Iterable<readonly [number, Uint8Array]>,
): DhcpPacket {
  return {
    op: 2,
    htype: packet.htype,
    hops: 0,
    xid: packet.xid,
    secs: 0,
    broadcast: packet.broadcast,
    ciaddr: unspecified,
    yiaddr: unspecified,
    siaddr: unspecified,
    giaddr: packet.giaddr,
    chaddr: packet.chaddr,
    sname: '',
    file: '',
    options: new Map([
      [option.messageType, Uint8Array.of(messageTypes[type])],
      [option.serverIdentifier, ipv4Bytes(self.address)],
      ...echoed(packet.options),
      ...options,
    ]),
  };
}

/** RFC 6842 (61) and RFC 3046 2.2 (82): what the client or its relay agent needs to know its answer by. */
function* echoed(options: Options): Generator<[number, Uint8Array]> {
  for (const code of [option.clientIdentifier, option.relayAgentInformation]) {
    const value = options.get(code);
    // Longer than one option can carry is nobody's identifier, and would make the answer larger than 576 bytes.
    if (value !== undefined && value.length <= 255) yield [code, value];
  }
}

function* networkOptions({ subnet, gateway, dns = [], ntp = [], domain }: DhcpSelf): Generator<[number, Uint8Array]> {
  yield [option.subnetMask, ipv4Bytes(subnetMask(subnet.prefix))];
  if (gateway !== undefined) yield [option.router, ipv4Bytes(gateway)];
  if (dns.length > 0) yield [option.domainNameServer, ipv4ListBytes(dns)];
  if (domain !== undefined) yield [option.domainName, textBytes(domain)];
  if (ntp.length > 0) yield [option.ntpServers, ipv4ListBytes(ntp)];
}

const nameOption = ({ hostname }: Lease): readonly [number, Uint8Array][] =>
  hostname === undefined ? [] : [[option.hostName, textBytes(hostname)]];

/**
 * From where to boot, in every form that some model needs (facts 3.5): 43 for the Pi 3, 43 or 66 for the Pi 4, siaddr with
 * file name and the first sub-option of 43 for the Pi 5. Sent without being asked for: a REQUEST has no option 55.
 */
function withBoot(reply: DhcpPacket, { packet, request, self }: ReplyTo): DhcpPacket {
  const machineIdentifier = packet.options.get(option.clientMachineIdentifier);
  const options = new Map(reply.options);
  options.set(option.vendorClass, textBytes('PXEClient'));
  // An ASCII dotted quad: a Pi 4 refuses the address as four bytes.
  options.set(option.tftpServerName, textBytes(self.address));
  if (machineIdentifier?.length === 17) options.set(option.clientMachineIdentifier, machineIdentifier);
  options.set(option.vendorSpecific, bootMenu(ouiOf(request.mac) === foundationOui ? paddedMenuText : menuText));
  return { ...reply, siaddr: self.address, sname: self.address, file: 'bootcode.bin', options };
}

const menuText = 'Raspberry Pi Boot';
/** Quirk: the ROM of the Pi 3B mis-computes the length and wants three spaces more (firmware issue 941). */
const paddedMenuText = `${menuText}   `;

/** PXE's vendor options (Intel PXE 2.1, 2.2.3): discovery control, prompt, menu with one entry of type 0, end. */
function bootMenu(text: string): Uint8Array {
  const name = textBytes(text);
  return Uint8Array.of(
    ...[6, 1, 3],
    ...[10, 4, 0, ...textBytes('PXE')],
    ...[9, name.length + 3, 0, 0, name.length, ...name],
    option.end,
  );
}
