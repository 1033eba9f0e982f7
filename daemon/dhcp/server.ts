/** The edge: sockets in, decisions from the pure files, sockets out. */
import { ok, type Result } from '../../config/result.ts';
import { type Ipv4, type Mac, millis } from '../../config/values.ts';
import type { Clock, Endpoint, Log, OpenUdp, Udp } from '../ports.ts';
import type { Count } from '../traffic/counts.ts';
import type { Gate } from '../traffic/gate.ts';
import {
  addressAskedFor,
  answerRequest,
  chosenServer,
  type DhcpMode,
  type GivenUp,
  givenUp,
  silenceWithoutLease,
} from './answer.ts';
import { coalesce, type Job } from './coalesce.ts';
import { limitedBroadcast, replyDestination, serverPort } from './destination.ts';
import { senderOf } from './limits.ts';
import { fitTo, requestedOptions } from './message-size.ts';
import { type DhcpPacket, decodePacket, encodePacket, type PacketProblem, unspecified } from './packet.ts';
import type { DhcpSelf, Lease } from './reply.ts';
import { type DhcpRequest, type RequestProblem, readRequest } from './request.ts';

export type { DhcpMode, GivenUp } from './answer.ts';
export { unspecified } from './packet.ts';
export type { DhcpSelf, Lease } from './reply.ts';
export type { DhcpRequest } from './request.ts';

export type DhcpServerDeps = {
  readonly openUdp: OpenUdp;
  /** A socket on port 67 that is bound to the interface; without it every interface of the machine is heard. */
  readonly fd?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly mode: DhcpMode;
  /** Whether it may speak for the whole network and refuse addresses; asked at each answer. Default: it may. */
  readonly isAuthoritative?: () => boolean;
  readonly self: DhcpSelf;
  /**
   * What the board is granted; resolves only after that is on disk. `undefined`: it gets no answer. Called for one message of
   * a board at a time and for several boards at once; a rejection is logged and means silence.
   */
  readonly onSighting: (request: DhcpRequest) => Promise<Lease | undefined>;
  /** In mode `full`: a client found its address in use, or needs it no more. Must not throw. */
  readonly onGivenUp?: (given: GivenUp) => void;
  /** In mode `full`: a client says that it chose this other server, of our own subnet. Anybody can claim it. Must not throw. */
  readonly onChoseAnother?: (server: Ipv4) => void;
  /** Beside a router: a client wants this address from it, and will mostly get it. Anybody can claim it. */
  readonly onAsked?: (asked: { readonly mac: Mac; readonly address: Ipv4 }) => void;
  /** Every message of a client that is listened to, answered or not. Must not throw. */
  readonly onMessage?: (request: DhcpRequest) => void;
  /** What was sent; `boots`: with where to boot from. Must not throw. */
  readonly onAnswered?: (request: DhcpRequest, sent: Sent) => void;
  /** Whether this sender is listened to now, before anything is decoded. Default: all are. */
  readonly admit?: Gate<Mac>;
  readonly count?: Count;
  /** Called once, when the sockets are bound. */
  readonly onListening?: () => void;
  /** Prefixes of Raspberry Pi hardware addresses, if other ones are to be taken for a hint. */
  readonly ouis?: readonly string[];
};

/** Unknown boards whose sighting is being written. More at once can only be a flood, and the clients ask again. */
const capacity = 1024;
/**
 * All boards of a shelf are switched on at one moment. What the kernel keeps by default are some 200 datagrams: one pause of
 * 50 ms, and boards go unheard.
 */
const receiveBuffer = 1 << 20;
/** Quirk: a Pi 3B's ROM may hold the OFFER back until another packet comes in (facts 3.7). */
const strayDelay = millis(300);
const discardPort = 9;

export type Sent = { readonly answer: 'offer' | 'ack' | 'nak'; readonly address: Ipv4; readonly boots: boolean };

type Received = { readonly packet: DhcpPacket; readonly request: DhcpRequest };

/** Serves until `signal` is aborted; settles when the messages in work are done and the sockets closed. */
export async function dhcpServer(deps: DhcpServerDeps): Promise<void> {
  const { log, signal, self, count = () => undefined } = deps;
  let sender: Udp | undefined;
  const strays = new Set<Promise<void>>();

  const work = async (job: Job<Received>): Promise<void> => {
    try {
      await handle(job);
    } catch (cause) {
      count('failed');
      log.error('dhcp message not answered', { ...fieldsOf(job.latest.request), cause });
    }
  };
  const lanes = coalesce<Mac, Received>({ capacity, repeats: isRepetition, work });

  const onMessage = (datagram: Uint8Array, from: Endpoint, unicast: boolean): void => {
    if (signal.aborted) return;
    const claimed = senderOf(datagram);
    const passage = claimed === undefined ? 'stranger' : (deps.admit?.(claimed) ?? 'stranger');
    if (passage === 'flood') {
      count('flood');
      return;
    }
    const received = readDatagram(datagram, unicast, deps.ouis);
    if (!received.ok) {
      count('malformed');
      log.debug('dhcp datagram dropped', { from: from.address, ...received.error });
      return;
    }
    const { request } = received.value;
    const fields = fieldsOf(request);
    deps.onMessage?.(request);
    const given = deps.mode === 'full' ? givenUp(request, self.address) : undefined;
    if (given !== undefined) {
      // Not yet known whether it is the sender's at all.
      log.debug('dhcp address given up', { ...fields, address: given.address });
      deps.onGivenUp?.(given);
    }
    const another = deps.mode === 'full' ? chosenServer(request, self) : undefined;
    if (another !== undefined) deps.onChoseAnother?.(another);
    const asked = deps.mode === 'proxy' ? addressAskedFor(request) : undefined;
    if (asked !== undefined) deps.onAsked?.({ mac: request.mac, address: asked });
    const why = silenceWithoutLease(request, deps.mode, self.address);
    if (why !== undefined) {
      count('ignored');
      log.debug('dhcp message not answered', { ...fields, why });
      return;
    }
    const pushed = lanes.push(request.mac, received.value, passage === 'known');
    if (pushed === 'repeated') count('repeated');
    if (pushed === 'full') {
      count('capacity');
      log.debug('dhcp message dropped: too much in work', fields);
    }
  };

  const handle = async (job: Job<Received>): Promise<void> => {
    const lease = await deps.onSighting(job.latest.request);
    const { packet, request } = job.latest;
    if (signal.aborted) return;
    const answer = answerRequest({ packet, request, self }, lease, deps.mode, deps.isAuthoritative?.() ?? true);
    if (answer.answer === 'silence') {
      count(lease === undefined ? 'refused' : 'ignored');
      log.debug('dhcp message not answered', { ...fieldsOf(request), why: answer.why });
      return;
    }
    const to = replyDestination(answer.packet, self.subnet);
    // Boot ROMs get the one order that every model is known to read.
    const wanted = request.isPxe ? undefined : requestedOptions(packet);
    sender?.send(encodePacket(fitTo(packet, answer.packet), wanted), to);
    count('answered');
    const { yiaddr } = answer.packet;
    deps.onAnswered?.(request, { answer: answer.answer, address: yiaddr, boots: lease?.boot === true });
    log.debug(`dhcp ${answer.answer} sent`, { ...fieldsOf(request), to: to.address, address: yiaddr });
    if (request.isMaskRom) {
      const stray = sendStray().finally(() => strays.delete(stray));
      strays.add(stray);
    }
  };

  const sendStray = async (): Promise<void> => {
    try {
      await deps.clock.sleep(strayDelay, signal);
      sender?.send(new Uint8Array(18), { address: limitedBroadcast, port: discardPort });
    } catch (cause) {
      if (!signal.aborted) log.error('dhcp stray datagram not sent', { cause });
    }
  };

  const sockets = deps.mode === 'off' ? undefined : await openSockets(deps, onMessage);
  sender = sockets?.sender;
  try {
    deps.onListening?.();
    await aborted(signal);
    await lanes.idle();
    await Promise.all(strays);
  } finally {
    await sockets?.close();
  }
}

/**
 * One socket hears what is sent to everybody. The other one is bound to our own address: it hears what is sent to us alone,
 * and what it sends leaves by the right interface with the right source, whatever the default route is.
 */
async function openSockets(
  { openUdp, fd, self, log }: DhcpServerDeps,
  onMessage: (datagram: Uint8Array, from: Endpoint, unicast: boolean) => void,
): Promise<{ readonly sender: Udp; readonly close: () => Promise<void> }> {
  const listener = await openUdp({
    bind: { address: unspecified, port: serverPort },
    broadcast: true,
    receiveBuffer,
    ...(fd !== undefined && { fd }),
    onMessage: (datagram, from) => onMessage(datagram, from, false),
  });
  try {
    const own = await openUdp({
      bind: { address: self.address, port: serverPort },
      broadcast: true,
      receiveBuffer,
      onMessage: (datagram, from) => onMessage(datagram, from, true),
    });
    return {
      sender: own,
      close: async () => {
        await Promise.all([own.close(), listener.close()]);
      },
    };
  } catch (cause) {
    if (fd === undefined) {
      await listener.close();
      throw cause;
    }
    // Without the right to open port 67 the device-bound socket does both; the kernel then picks the source address.
    log.debug('dhcp sends from the inherited socket', { cause });
    return { sender: listener, close: listener.close };
  }
}

function readDatagram(
  datagram: Uint8Array,
  unicast: boolean,
  ouis: readonly string[] | undefined,
): Result<Received, PacketProblem | RequestProblem> {
  const packet = decodePacket(datagram);
  if (!packet.ok) return packet;
  const request = readRequest(packet.value, { unicast, ...(ouis && { ouis }) });
  return request.ok ? ok({ packet: packet.value, request: request.value }) : request;
}

/** The same question again: a client that heard nothing yet. Then only the newest xid is of use to it. */
const isRepetition = (a: Received, b: Received): boolean =>
  a.request.kind === b.request.kind &&
  a.request.isPxe === b.request.isPxe &&
  a.request.serial === b.request.serial &&
  a.request.model === b.request.model &&
  a.request.requestedAddress === b.request.requestedAddress &&
  a.request.serverIdentifier === b.request.serverIdentifier &&
  a.request.ciaddr === b.request.ciaddr &&
  a.request.giaddr === b.request.giaddr;

const fieldsOf = ({ mac, xid, kind }: DhcpRequest) => ({ mac, xid: xid.toString(16).padStart(8, '0'), kind });

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
