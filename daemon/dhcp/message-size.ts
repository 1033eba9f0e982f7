/** How long an answer may be (RFC 2132 9.10), and what is left out of one that would be longer. */
import { option, optionLength, uint16Option } from './options.ts';
import { type DhcpPacket, optionsAt } from './packet.ts';

/** RFC 2131 2: every client takes this much; a smaller wish is no legal one (RFC 2132 9.10). */
const smallest = 576;
/** What Ethernet carries in one piece: ROMs do not put fragments together. */
const largest = 1500;
/** The size counts the IP and the UDP header, too. */
const headers = 28;

/**
 * What is kept first where there is too little room: what makes it an answer and tells whose it is, the address, where to
 * boot from, how to reach others. Then what the client asked for, in its own order, then the rest.
 */
const dearest: readonly number[] = [
  ...[option.messageType, option.serverIdentifier, option.leaseTime, option.clientIdentifier, option.subnetMask],
  ...[option.relayAgentInformation, option.vendorSpecific, option.vendorClass, option.tftpServerName],
  ...[option.clientMachineIdentifier, option.router, option.domainNameServer],
];

/** In bytes of UDP payload. */
export function maximumLength(asked: DhcpPacket): number {
  const wish = uint16Option(asked.options, option.maximumMessageSize) ?? smallest;
  return Math.min(largest, Math.max(smallest, wish)) - headers;
}

/** The answer itself if it fits, which it does but for clients and relay agents with very long identifiers. */
export function fitTo(asked: DhcpPacket, answer: DhcpPacket): DhcpPacket {
  const room = maximumLength(asked) - optionsAt - 1;
  let length = 0;
  for (const value of answer.options.values()) length += optionLength(value);
  if (length <= room) return answer;
  const codes = new Set([...dearest, ...requestedOptions(asked), ...answer.options.keys()]);
  const options = new Map<number, Uint8Array>();
  let left = room;
  for (const code of codes) {
    const value = answer.options.get(code);
    if (value === undefined || optionLength(value) > left) continue;
    left -= optionLength(value);
    options.set(code, value);
  }
  return { ...answer, options };
}

/** RFC 2132 9.8: what the client would like to hear, the most wanted first. */
export const requestedOptions = (asked: DhcpPacket): Uint8Array =>
  asked.options.get(option.parameterRequestList) ?? new Uint8Array();
