/** Sees the machines of the LAN: those that offer SSH or call themselves workstations, and whoever announces an address. */
import type { Packet } from 'multicast-dns';
import { after, type Instant, type Ipv4, inSubnet, millis, seconds, since } from '../../config/values.ts';
import type { Clock, Endpoint, Log, Random } from '../ports.ts';
import type { Gate } from '../traffic/gate.ts';
import { createAlarm, earliest } from './alarm.ts';
import { absorb, type Cache, emptyCache, knownAnswers, withoutExpired } from './cache.ts';
import type { OpenMdnsLink } from './link.ts';
import { type MdnsQuestion, packLots, readPacket, writeQuery } from './packet.ts';
import type { MdnsPlace, MdnsSelf } from './place.ts';
import { askedByOthers, beginAsking, dueQuestions, nextQuestion, type Questions, withoutAsked } from './questions.ts';
import { openMdnsLink } from './server-link.ts';
import { browsedQuestions, isOfInterest, type SeenHost, seenHosts, sightingChanges } from './sightings.ts';

export type MdnsBrowserDeps = MdnsPlace &
  MdnsSelf & {
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
    readonly signal: AbortSignal;
    /** Whether this host is listened to now. Default: all are. */
    readonly admit?: Gate<Ipv4>;
    /** For a host that is new, has another address, or of which more is known; in batches, at most ten a second. */
    readonly onSeen: (host: SeenHost) => void;
    /** It said goodbye, or did not answer for the time that its records live (two minutes). */
    readonly onGone?: (host: SeenHost) => void;
    /** For tests. */
    readonly openLink?: OpenMdnsLink;
  };

export type MdnsBrowser = {
  /** The interface has another address: what was seen is forgotten, and looked for there. */
  readonly move: (place: MdnsPlace) => void;
  /** All that is seen now. */
  readonly hosts: () => readonly SeenHost[];
  /** Settles once it listens, or `signal` was aborted before; rejects like `closed`. */
  readonly ready: Promise<void>;
  /** Settles once `signal` was aborted and the socket is closed. Rejects if the port cannot be had. */
  readonly closed: Promise<void>;
};

const membershipCheck = seconds(5);
/** A machine says its things in several packets: it is told about when it had time for them. */
const gather = millis(100);
const heardMax = 100;

/** Never takes an answer from avahi or our responder: it is bound to the group's address and asks without the QU bit. */
export function mdnsBrowser(deps: MdnsBrowserDeps): MdnsBrowser {
  const { clock, log, signal } = deps;
  let place: MdnsPlace = deps;
  let cache: Cache = emptyCache;
  let hosts: ReadonlyMap<string, SeenHost> = new Map();
  let lookAt: Instant | undefined;
  let heard: readonly { readonly question: MdnsQuestion; readonly at: Instant }[] = [];
  const alarm = createAlarm({ clock, log, signal, onDue });
  let questions: Questions | undefined;
  const ready = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  // Whoever wants to know waits for `closed`.
  ready.promise.catch(() => undefined);
  const link = (deps.openLink ?? openMdnsLink)({
    bind: '224.0.0.251',
    log,
    ...(deps.admit !== undefined && { admit: deps.admit }),
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

  async function keepJoined(): Promise<void> {
    let before = await deps.linkChanges?.();
    while (!signal.aborted) {
      const now = await deps.linkChanges?.();
      // The cable was out: who is there now is asked at once.
      if (now !== before) questions = undefined;
      before = now;
      join();
      await clock.sleep(membershipCheck, signal).catch(() => undefined);
    }
  }

  function join(): void {
    const result = link.join(place.interfaceAddress);
    if (result === 'unable') questions = undefined;
    else if (result === 'joined' || questions === undefined) {
      questions = beginAsking(alarm.now(), (deps.random.bytes(1)[0] ?? 0) / 255);
    }
    arm();
  }

  function move(next: MdnsPlace): void {
    if (signal.aborted) return;
    link.leave(place.interfaceAddress);
    place = next;
    cache = emptyCache;
    questions = undefined;
    look();
    join();
  }

  function receive(packet: Packet, from: Endpoint): void {
    if (signal.aborted || questions === undefined || isOwn(from.address)) return;
    if (place.subnet !== undefined && !inSubnet(place.subnet, from.address)) return;
    const message = readPacket(packet);
    const now = alarm.now();
    if (message.kind === 'query') {
      const asked = askedByOthers(message).map((question) => ({ question, at: now }));
      heard = [...asked, ...heard.filter(({ at }) => since(at, now) < seconds(1))].slice(0, heardMax);
      return;
    }
    if (from.port !== 5353) return;
    const next = absorb(cache, { message, from }, now, isOfInterest);
    if (next === cache) return;
    cache = next;
    lookAt ??= after(now, gather);
    arm();
  }

  function onDue(): void {
    const now = alarm.now();
    cache = withoutExpired(cache, now);
    look();
    if (questions !== undefined) {
      const due = dueQuestions(questions, browsedQuestions, cache, now);
      questions = due.questions;
      ask(withoutAsked(due.ask, heard, now), now);
    }
    arm();
  }

  function ask(due: readonly MdnsQuestion[], now: Instant): void {
    for (let at = 0; at < due.length; at += 20) {
      const some = due.slice(at, at + 20);
      const known = packLots(some.flatMap(({ name, type }) => knownAnswers(cache, name, type, now)));
      // 7.2: what does not fit follows, and whoever could answer waits for it.
      const [first = [], ...more] = known;
      void link.send(writeQuery(some, { answers: first, truncated: more.length > 0 }), null);
      more.forEach((answers, index) => {
        void link.send(writeQuery([], { answers, truncated: index < more.length - 1 }), null);
      });
    }
  }

  function look(): void {
    lookAt = undefined;
    const now = seenHosts(cache, place.subnet);
    const { seen, gone } = sightingChanges(hosts, now);
    hosts = now;
    try {
      for (const host of gone) deps.onGone?.(host);
      for (const host of seen) deps.onSeen(host);
    } catch (cause) {
      log.error('a sighting was not taken', { cause });
    }
  }

  function arm(): void {
    // A look is at most 100 ms away, and arms again: a flood of packets is not to be counted through each time.
    if (lookAt === undefined) {
      const asking = questions === undefined ? undefined : nextQuestion(questions, cache);
      alarm.set(earliest([asking, ...Array.from(cache.values(), ({ expires }) => expires)]));
    } else alarm.set(lookAt);
  }

  const isOwn = (from: Ipv4): boolean => from === place.interfaceAddress || deps.isOwn?.(from) === true;

  async function close(): Promise<void> {
    await link.close();
    ready.resolve();
    closed.resolve();
  }
  signal.addEventListener('abort', () => void close(), { once: true });
  if (signal.aborted) void close();
  return { move, hosts: () => [...hosts.values()], ready: ready.promise, closed: closed.promise };
}
