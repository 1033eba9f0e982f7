/** The mDNS responder on one interface: everything that is decided is in the files beside it. */
import type { Packet } from 'multicast-dns';
import { type Instant, type Ipv4, inSubnet, type Millis, millis, seconds } from '../../config/values.ts';
import type { Clock, Endpoint, Log, Random } from '../ports.ts';
import type { Count } from '../traffic/counts.ts';
import type { Gate } from '../traffic/gate.ts';
import { createAlarm, earliest } from './alarm.ts';
import { remind, withdraw } from './announcer.ts';
import { nextClaim, probeDelayMax } from './claims.ts';
import { type ConflictListeners, tellNames } from './conflicts.ts';
import type { OpenMdnsLink } from './link.ts';
import {
  currentRecords,
  hearProbe,
  hearResponse,
  heldRecords,
  type NamesStep,
  noNames,
  restart,
  tick,
  wantRecords,
} from './names.ts';
import { type Delayed, delay, notJustSent, sharedDelay, spacing, withoutSaid } from './outbox.ts';
import {
  type MdnsQuestion,
  packProbes,
  readPacket,
  writeLegacyResponse,
  writeQuery,
  writeResponses,
} from './packet.ts';
import type { MdnsPlace, MdnsSelf } from './place.ts';
import { identity, type MdnsRecord, sameName } from './records.ts';
import { forgotten, type MdnsReply, respond } from './responder.ts';
import { openMdnsLink } from './server-link.ts';
import { dueQueries, type Heard, nextQuery, takeQuery, truncatedDelay, type Waiting } from './truncated.ts';

export type MdnsServerDeps = MdnsPlace &
  MdnsSelf &
  ConflictListeners & {
    /** A socket on port 5353 that a launcher bound to the device. */
    readonly fd?: number;
    /**
     * On `0.0.0.0` (the default) it takes what is sent to port 5353 of this machine alone; only one can. On the group's
     * address it hears the group.
     */
    readonly bind?: '0.0.0.0' | '224.0.0.251';
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
    /** Its end says goodbye to everything. */
    readonly signal: AbortSignal;
    readonly records: readonly MdnsRecord[];
    readonly admit?: Gate<Ipv4>;
    readonly count?: Count;
    /** For tests. */
    readonly openLink?: OpenMdnsLink;
  };

export type MdnsServer = {
  /** All records from now on; the difference is probed for and announced. The same ones again cost nothing. */
  readonly update: (records: readonly MdnsRecord[]) => void;
  /** The interface has another address, or another interface has to be used. Everything is probed for and announced anew. */
  readonly move: (place: MdnsPlace, records: readonly MdnsRecord[]) => void;
  /** The interface was away: joins the group again and starts over. (A device that came back is found within 5 s anyway.) */
  readonly rejoin: () => void;
  /** Settles once it listens, or `signal` was aborted before; rejects like `closed`. */
  readonly ready: Promise<void>;
  /** Settles once `signal` was aborted, the goodbyes are out and the socket is closed. Rejects if the port cannot be had. */
  readonly closed: Promise<void>;
};

const membershipCheck = seconds(5);

/**
 * Port 5353 may be shared. Names are probed for before they are used (about 0.9 s), and left to whoever has them.
 */
export function mdnsServer(deps: MdnsServerDeps): MdnsServer {
  const { clock, log, signal } = deps;
  let place: MdnsPlace = deps;
  let names = noNames(place.interfaceAddress);
  let wanted = deps.records;
  let view = { claims: names.claims, wanted: names.wanted, renames: names.renames, records: heldRecords(names) };
  let joined = false;
  let warned = false;
  let waiting: readonly Waiting[] = [];
  let delayed: Delayed | undefined;
  const sentAt = new Map<string, Instant>();
  const alarm = createAlarm({ clock, log, signal, onDue });
  const ready = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  // Whoever wants to know waits for `closed`.
  ready.promise.catch(() => undefined);
  const link = (deps.openLink ?? openMdnsLink)({
    ...(deps.fd !== undefined && { fd: deps.fd }),
    bind: deps.bind ?? '0.0.0.0',
    log,
    ...(deps.admit !== undefined && { admit: deps.admit }),
    ...(deps.count !== undefined && { count: deps.count }),
    onReady: () => {
      ready.resolve();
      void keepJoined();
    },
    onFailed: (cause) => {
      ready.reject(cause);
      void link.close().then(() => closed.reject(cause));
    },
    onPacket: receive,
  });

  /** An interface that was removed and came back has lost the membership; a cable that was out asks for a new start. */
  async function keepJoined(): Promise<void> {
    let before = await deps.linkChanges?.();
    while (!signal.aborted) {
      const now = await deps.linkChanges?.();
      if (now === before) join();
      else rejoin();
      before = now;
      await clock.sleep(membershipCheck, signal).catch(() => undefined);
    }
  }

  function join(): void {
    const address = place.interfaceAddress;
    const result = link.join(address);
    if (result === 'unable') {
      if (joined || !warned) log.warn('mDNS cannot join its group', { address });
      warned = true;
      joined = false;
    } else if (result === 'joined' || !joined) {
      joined = true;
      warned = false;
      log.info('mDNS is on', { address });
      names = restart(names, address, alarm.now(), probeDelay());
      carryOut(wantRecords(names, wanted, alarm.now(), probeDelay()));
    }
  }

  function update(records: readonly MdnsRecord[]): void {
    wanted = records;
    const still = new Set(records.map(identity));
    for (const old of sentAt.keys()) if (!still.has(old)) sentAt.delete(old);
    if (joined && !signal.aborted) carryOut(wantRecords(names, records, alarm.now(), probeDelay()));
  }

  function move(next: MdnsPlace, records: readonly MdnsRecord[]): void {
    // What is no more is taken back while we can still be heard where it was said.
    update(records);
    link.leave(place.interfaceAddress);
    place = next;
    rejoin();
  }

  function rejoin(): void {
    if (signal.aborted) return;
    link.leave(place.interfaceAddress);
    joined = false;
    join();
  }

  function onDue(): void {
    const now = alarm.now();
    carryOut(tick(names, now));
    const queries = dueQueries(waiting, now);
    waiting = queries.waiting;
    for (const heard of queries.due) answer(heard);
    if (delayed !== undefined && delayed.at <= now) {
      const { answers, additionals } = delayed;
      delayed = undefined;
      say(notJustSent(answers, sentAt, now), additionals);
    }
    arm();
  }

  function arm(): void {
    const due = [nextClaim(names.claims), names.announcer.again?.at, nextQuery(waiting), delayed?.at];
    alarm.set(joined ? earliest(due) : undefined);
  }

  function carryOut(step: NamesStep): void {
    names = step.names;
    for (const { questions, authorities } of packProbes(step.probe)) {
      void link.send(writeQuery(questions, { authorities }), null);
    }
    say(step.say);
    for (const event of step.events) tellNames(event, deps);
    arm();
  }

  function receive(packet: Packet, from: Endpoint): void {
    if (!joined || signal.aborted) return;
    // RFC 6762 section 11.
    if (place.subnet !== undefined && !inSubnet(place.subnet, from.address)) return;
    const message = readPacket(packet);
    if (message.kind !== 'query') deps.count?.('ignored');
    const heard: Heard = { message, from };
    const now = alarm.now();
    if (message.kind === 'query') {
      if (!isOwn(from.address)) carryOut(hearProbe(names, heard, now));
      const taken = takeQuery(waiting, heard, now, truncatedDelay(chance()));
      waiting = taken.waiting;
      if (taken.open !== undefined) answer(taken.open);
    } else if (!isOwn(from.address) && from.port === mdnsPort) {
      // RFC 6762 section 6: responses come from port 5353, others are no mDNS.
      delayed = withoutSaid(delayed, message);
      carryOut(hearResponse(names, heard, now));
      const again = forgotten(message, held());
      const soon = notJustSent(again, sentAt, now);
      say(soon);
      names = {
        ...names,
        announcer: remind(
          names.announcer,
          again.filter((record) => !soon.includes(record)),
          now,
        ),
      };
    }
    arm();
  }

  function answer(heard: Heard): void {
    const now = alarm.now();
    const replies = respond(heard, held(), { sentAt, now });
    deps.count?.(replies.length === 0 ? 'ignored' : 'answered');
    for (const reply of replies) send(reply, heard, now);
  }

  /** Worked out anew only when something has changed: anybody may ask as often as he likes. */
  function held(): readonly MdnsRecord[] {
    const { claims, wanted: all, renames } = names;
    if (view.claims !== claims || view.wanted !== all || view.renames !== renames) {
      view = { claims, wanted: all, renames, records: heldRecords(names) };
    }
    return view.records;
  }

  function send(reply: MdnsReply, { message, from }: Heard, now: Instant): void {
    const { answers, additionals } = reply;
    if (reply.to === 'multicast') {
      if (reply.shared && !reply.defence) delayed = delay(delayed, reply, now, sharedDelay(chance()));
      else say(notJustSent(answers, sentAt, now, reply.defence ? spacing.defence : spacing.usual), additionals);
      return;
    }
    const { id } = message;
    // Only questions with a name of ours: they can be encoded.
    const packets =
      reply.to === 'legacy'
        ? [writeLegacyResponse(answers, { id, questions: message.questions.filter(isOurs), additionals })]
        : // RFC 6762 18.1: an answer to one asker has the id of his query.
          writeResponses(answers, { id, additionals });
    for (const packet of packets) void link.send(packet, from);
  }

  const isOurs = ({ name }: MdnsQuestion): boolean =>
    currentRecords(names).some((record) => sameName(record.name, name));

  function say(answers: readonly MdnsRecord[], additionals: readonly MdnsRecord[] = []): void {
    void sayAll(answers, additionals);
  }

  async function sayAll(answers: readonly MdnsRecord[], additionals: readonly MdnsRecord[] = []): Promise<void> {
    const now = alarm.now();
    // RFC 6762 section 6 counts them wherever they stand in a packet.
    const more = notJustSent(additionals, sentAt, now);
    const packets = writeResponses(answers, { additionals: more });
    const beside = packets[0]?.additionals?.length === 0 ? [] : more;
    for (const record of [...answers, ...beside]) sentAt.set(identity(record), now);
    await Promise.all(packets.map((packet) => link.send(packet, null)));
  }

  const isOwn = (from: Ipv4): boolean => from === place.interfaceAddress || deps.isOwn?.(from) === true;
  const chance = (): number => (deps.random.bytes(1)[0] ?? 0) / 255;
  const probeDelay = (): Millis => millis(chance() * probeDelayMax);

  async function close(): Promise<void> {
    if (joined) await sayAll(withdraw(names.announcer).say);
    await link.close();
    ready.resolve();
    closed.resolve();
  }
  signal.addEventListener('abort', () => void close(), { once: true });
  if (signal.aborted) void close();
  return { update, move, rejoin, ready: ready.promise, closed: closed.promise };
}

const mdnsPort = 5353;
