/** What a client asks for and what it tells about itself, read from one message. Facts only; nothing is decided here. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Ipv4, type Mac, type Model, macFromBytes, type Serial } from '../../config/values.ts';
import { ouiOf, raspberryPiOuis, readMachineIdentifier } from './machine-identifier.ts';
import { ipv4Option, option, textOption, uint8Option } from './options.ts';
import { type DhcpPacket, unspecified } from './packet.ts';

/** The messages of a client; a REQUEST by the client's state (RFC 2131 4.3.2, table 4). */
export type RequestKind =
  | 'discover'
  | 'request-selecting'
  | 'request-init-reboot'
  | 'request-renewing'
  | 'request-rebinding'
  | 'decline'
  | 'release'
  | 'inform';

/** All of it is a claim of the sender. Boards are told apart by `mac`: the xid is the same for every Pi 3 (facts 3.1). */
export type DhcpRequest = {
  readonly mac: Mac;
  readonly xid: number;
  readonly kind: RequestKind;
  /** Seconds since the client began to ask, as it counts them; boot ROMs do not (facts 3.1). */
  readonly secs: number;
  /** Low 32 bits; the Pi 3B's ROM and an operating system send none. */
  readonly serial?: Serial;
  readonly boardRevision?: number;
  readonly model?: Model;
  /** A boot ROM, bootloader or PXE stack: it wants to know where to boot from. */
  readonly isPxe: boolean;
  /** By option 97 or, as a hint only, by the hardware address. */
  readonly isPi: boolean;
  /** The Pi 3B's mask ROM: it sends no REQUEST, and loses a reply that comes right behind another one (facts 3.7). */
  readonly isMaskRom: boolean;
  readonly requestedAddress?: Ipv4;
  readonly serverIdentifier?: Ipv4;
  /** The client's address, if it has one already. */
  readonly ciaddr?: Ipv4;
  /** The relay agent that passed it on. */
  readonly giaddr?: Ipv4;
  readonly hostname?: string;
  readonly vendorClass?: string;
  /** Option 61 in hex. Cloned systems share one, so boards are not told apart by it. */
  readonly clientIdentifier?: string;
};

export type RequestProblem = Problem<'NOT_FROM_CLIENT' | 'NOT_ETHERNET' | 'NO_MESSAGE_TYPE' | 'NOT_FOR_SERVER'>;
export type RequestContext = {
  /** It was sent to our own address, not to everybody: that is what tells RENEWING from REBINDING. */
  readonly unicast?: boolean;
  readonly ouis?: readonly string[];
};

export function readRequest(
  packet: DhcpPacket,
  { unicast = true, ouis = raspberryPiOuis }: RequestContext = {},
): Result<DhcpRequest, RequestProblem> {
  if (packet.op !== 1) return problem('NOT_FROM_CLIENT', 'a server sent it', 0);
  const mac = macFromBytes(packet.chaddr);
  if (packet.htype !== 1 || !mac.ok) {
    return problem('NOT_ETHERNET', `hardware type ${packet.htype}, ${packet.chaddr.length} bytes of address`, 1);
  }
  const messageType = uint8Option(packet.options, option.messageType);
  if (messageType === undefined) return problem('NO_MESSAGE_TYPE', 'option 53 is missing or not one byte long');
  const kind = requestKind(packet, messageType, unicast);
  if (kind === undefined) return problem('NOT_FOR_SERVER', `message type ${messageType}`);
  const option97 = packet.options.get(option.clientMachineIdentifier);
  const board = option97 === undefined ? undefined : readMachineIdentifier(option97, mac.value);
  const vendorClass = textOption(packet.options, option.vendorClass);
  const requestedAddress = ipv4Option(packet.options, option.requestedAddress);
  const serverIdentifier = ipv4Option(packet.options, option.serverIdentifier);
  const hostname = textOption(packet.options, option.hostName);
  const clientIdentifier = identifierOf(packet);
  return ok({
    mac: mac.value,
    xid: packet.xid,
    kind,
    secs: packet.secs,
    ...(board?.serial !== undefined && { serial: board.serial }),
    ...(board?.boardRevision !== undefined && { boardRevision: board.boardRevision }),
    ...(board?.model !== undefined && { model: board.model }),
    // Quirk: EEPROM firmware of early 2020 leaves option 60 out of its REQUEST (facts 3.1).
    isPxe: vendorClass?.startsWith('PXEClient') === true || board !== undefined,
    isPi: board !== undefined || ouis.includes(ouiOf(mac.value)),
    isMaskRom: board?.maskRom === true,
    ...(requestedAddress !== undefined && { requestedAddress }),
    ...(serverIdentifier !== undefined && { serverIdentifier }),
    ...(packet.ciaddr !== unspecified && { ciaddr: packet.ciaddr }),
    ...(packet.giaddr !== unspecified && { giaddr: packet.giaddr }),
    ...(hostname !== undefined && { hostname }),
    ...(vendorClass !== undefined && { vendorClass }),
    ...(clientIdentifier !== undefined && { clientIdentifier }),
  });
}

/** Two bytes at least (RFC 2132 9.14), and what one option can carry: more is nobody's, and would have to be kept. */
function identifierOf({ options }: DhcpPacket): string | undefined {
  const value = options.get(option.clientIdentifier);
  return value !== undefined && value.length >= 2 && value.length <= 255 ? hexOf(value) : undefined;
}

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** RFC 2132 9.6; 2, 5 and 6 are a server's. */
function requestKind(packet: DhcpPacket, messageType: number, unicast: boolean): RequestKind | undefined {
  switch (messageType) {
    case 1:
      return 'discover';
    case 3:
      return requestState(packet, unicast);
    case 4:
      return 'decline';
    case 7:
      return 'release';
    case 8:
      return 'inform';
    default:
      return undefined;
  }
}

/** RFC 2131 4.3.2. Some clients in SELECTING leave ciaddr filled; the server identifier decides. */
function requestState({ options, ciaddr }: DhcpPacket, unicast: boolean): RequestKind {
  if (options.has(option.serverIdentifier)) return 'request-selecting';
  if (ciaddr === unspecified) return 'request-init-reboot';
  return unicast ? 'request-renewing' : 'request-rebinding';
}
