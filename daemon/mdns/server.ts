/** The mDNS responder on one interface: packets by multicast-dns, everything that is decided in the files beside it. */
import { createSocket } from 'node:dgram';
import multicastDns, { type Destination, type MulticastDns, type Packet } from 'multicast-dns';
import {
  type Instant,
  type Ipv4,
  inSubnet,
  type Millis,
  millis,
  parseIpv4,
  type Subnet,
  since,
} from '../../config/values.ts';
import type { Clock, Log, Random } from '../ports.ts';
import { type Announcement, announceAgain, publish, silentAnnouncer, withdraw } from './announcer.ts';
import { type MdnsMessage, type MdnsQuestion, packLots, readPacket, writeQuestion, writeRecord } from './packet.ts';
import { identity, type MdnsRecord, sameName } from './records.ts';
import { conflicting, forgotten, type MdnsReply, notJustSent, respond } from './responder.ts';

export type MdnsServerDeps = {
  readonly interfaceAddress: Ipv4;
  /**
   * Of that interface. A socket on 0.0.0.0 hears the groups that other programs joined on other interfaces, too; what comes
   * from outside is dropped.
   */
  readonly subnet?: Subnet;
  /** A socket on port 5353 that a launcher bound to the device. */
  readonly fd?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Its end says goodbye to everything. */
  readonly signal: AbortSignal;
  readonly records: readonly MdnsRecord[];
};

export type MdnsServer = {
  /** All records from now on; the difference is announced. The same ones again cost nothing. */
  readonly update: (records: readonly MdnsRecord[]) => void;
  /** Settles once `signal` was aborted, the goodbyes are out and the socket is closed. Never rejects. */
  readonly closed: Promise<void>;
};

/**
 * Port 5353 is shared with avahi, if it runs. If it cannot be bound, that is a warning: names then do not resolve, all
 * else works. We do not probe before the first announcement, and a conflict is logged, not fought over.
 */
export function mdnsServer(deps: MdnsServerDeps): MdnsServer {
  const { clock, log, signal } = deps;
  const { link, start } = openLink(deps);
  const sentAt = new Map<string, Instant>();
  let announcer = silentAnnouncer;
  let wanted = deps.records;
  let joined = false;
  let usable = true;
  let warned = false;

  link.on('error', (cause) => {
    usable = false;
    log.warn('mDNS is off', { address: deps.interfaceAddress, cause });
  });
  link.on('warning', (cause) => {
    // Malformed packets; and before we are in: the group cannot be joined yet, which is tried every five seconds.
    if (joined || warned) log.debug('mDNS warning', { detail: cause.message });
    else log.warn('mDNS cannot join its group yet', { address: deps.interfaceAddress, detail: cause.message });
    warned = !joined;
  });
  link.on('networkInterface', () => {
    joined = true;
    log.info('mDNS is on', { address: deps.interfaceAddress });
    update(wanted);
  });
  link.on('packet', (packet, from) => {
    try {
      receive(packet, { address: from.address, port: from.port });
    } catch (cause) {
      log.error('mDNS packet not handled', { from: from.address, cause });
    }
  });

  function update(records: readonly MdnsRecord[]): void {
    wanted = records;
    const still = new Set(records.map(identity));
    for (const old of sentAt.keys()) if (!still.has(old)) sentAt.delete(old);
    if (joined && !signal.aborted) carryOut(publish(announcer, records, clock.now()));
  }

  function carryOut(announcement: Announcement): void {
    const before = announcer.again;
    announcer = announcement.announcer;
    void multicast(announcement.say);
    const { again } = announcer;
    if (again === undefined || again === before) return;
    later(since(clock.now(), again.at), () => {
      if (announcer.again === again) carryOut(announceAgain(announcer));
    });
  }

  function receive(packet: Packet, from: Destination): void {
    const address = parseIpv4(from.address);
    // Nothing can be sent to port 0, and trying would throw where nobody catches.
    if (!joined || signal.aborted || !address.ok || from.port === 0) return;
    // RFC 6762 section 11.
    if (deps.subnet !== undefined && !inSubnet(deps.subnet, address.value)) return;
    const message = readPacket(packet);
    if (message.kind === 'query') {
      for (const reply of respond(message, from.port, announcer.records)) send(reply, message, from);
      return;
    }
    if (address.value === deps.interfaceAddress) return;
    for (const heard of conflicting(message, announcer.records)) {
      log.warn('somebody else answers for a name of ours', { name: heard.name, type: heard.type, from: from.address });
    }
    const again = forgotten(message, announcer.records);
    if (again.length > 0) void multicast(notJustSent(again, sentAt, clock.now()));
  }

  function send(reply: MdnsReply, query: MdnsMessage, from: Destination): void {
    if (reply.to === 'multicast') {
      const speak = (): void => void multicast(notJustSent(reply.answers, sentAt, clock.now()), reply.additionals);
      if (reply.shared) later(millis(20 + ((deps.random.bytes(1)[0] ?? 0) * 100) / 255), speak);
      else speak();
      return;
    }
    const flush = reply.to !== 'legacy';
    const write = (record: MdnsRecord) => writeRecord(record, { flush });
    // RFC 6762 6.7: plain DNS wants its id back, and its question. Only those with a name of ours: they can be encoded.
    const echo = flush ? {} : { id: query.id, questions: query.questions.filter(isOurs).map(writeQuestion) };
    void transmit({ ...echo, answers: reply.answers.map(write), additionals: reply.additionals.map(write) }, from);
  }

  const isOurs = ({ name }: MdnsQuestion): boolean => announcer.records.some((record) => sameName(record.name, name));

  async function multicast(answers: readonly MdnsRecord[], additionals: readonly MdnsRecord[] = []): Promise<void> {
    for (const record of answers) sentAt.set(identity(record), clock.now());
    const lots = packLots(answers);
    const more = packLots([...answers, ...additionals]).length === 1 ? additionals : [];
    const write = (record: MdnsRecord) => writeRecord(record);
    await Promise.all(lots.map((lot) => transmit({ answers: lot.map(write), additionals: more.map(write) }, null)));
  }

  function transmit(packet: Packet, to: Destination | null): Promise<void> {
    return new Promise((resolve) => {
      link.respond(packet, to, (cause) => {
        if (cause != null) log.debug('mDNS packet not sent', { to: to?.address, cause });
        resolve();
      });
    });
  }

  function later(wait: Millis, then: () => void): void {
    // It rejects for one reason only: the end.
    clock.sleep(wait, signal).then(then, () => undefined);
  }

  const closed = Promise.withResolvers<void>();
  async function close(): Promise<void> {
    if (joined && usable) await multicast(withdraw(announcer).say);
    try {
      link.destroy(closed.resolve);
    } catch {
      // It was never open.
      closed.resolve();
    }
  }
  signal.addEventListener('abort', () => void close(), { once: true });
  if (signal.aborted) void close();
  else start();
  return { update, closed: closed.promise };
}

/** `start` comes after the listeners: binding a descriptor emits at once. */
function openLink({ interfaceAddress, fd }: MdnsServerDeps): {
  readonly link: MulticastDns;
  readonly start: () => void;
} {
  // Quirk: multicast-dns 7.2 given the interface only binds to its address and hears no multicast.
  if (fd === undefined) {
    return { link: multicastDns({ interface: interfaceAddress, bind: '0.0.0.0' }), start: () => undefined };
  }
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  const link = multicastDns({ interface: interfaceAddress, bind: false, socket });
  return { link, start: () => socket.bind({ fd }) };
}
