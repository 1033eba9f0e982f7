/** The edge of the search for another DHCP server: the clients' port, the looks, the listening. */
import type { Ipv4, Mac, Millis } from '../../config/values.ts';
import { millis, seconds } from '../../config/values.ts';
import type { Clock, Endpoint, Log, OpenUdp, Random, Udp } from '../ports.ts';
import { clientPort, limitedBroadcast, serverPort } from './destination.ts';
import { unspecified } from './packet.ts';
import { type ForeignServer, readForeignServer, searchDiscover, searchPause, watchPause } from './search.ts';

export type DhcpSearchDeps = {
  readonly openUdp: OpenUdp;
  /** A socket on port 68 that is bound to the interface. */
  readonly fd?: number;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Our interface's, so that no server keeps an address for a client that does not exist. */
  readonly mac: Mac;
  /** Our address and server identifier. */
  readonly address: Ipv4;
  /** How long nobody has to answer before `onQuiet`; 0: no time at all. Only time with a cable counts. Asked as each search begins. */
  readonly search: () => Millis;
  /** Between two looks after that. */
  readonly watch?: Millis;
  /** Whether a cable is in: without one, silence means nothing. */
  readonly isConnected: () => Promise<boolean>;
  /** Whether the cable was out since this was asked last. A rejection ends the search. */
  readonly wasUnplugged: () => Promise<boolean>;
  /** The cable was out: it may be another network. The search then begins anew. */
  readonly onMoved: () => void;
  /** After `search` without an answer; once for each search. */
  readonly onQuiet: () => void;
  /** Once; nothing is asked or heard after it. */
  readonly onForeign: (found: ForeignServer) => void;
  /** The port cannot be had or nothing can be sent, and why; tried again until it can. */
  readonly onDeaf: (reason: string) => void;
  /** A look went out: the first one, or the first one after `onDeaf`. */
  readonly onHearing: () => void;
};

export type DhcpSearch = {
  /** Settles once another server was heard or `signal` is aborted, and the sockets are closed. */
  readonly closed: Promise<void>;
  /** Somebody may be there: looks at once, every three seconds at most. Anybody on the network can cause it. */
  readonly lookNow: () => void;
};

const deafPause = seconds(30);
/** How soon it is noticed that the cable was out: before anybody has plugged it in elsewhere. */
const turn = seconds(1);
const spacing = seconds(3);

/** Looks and listens until another server was heard. */
export function dhcpSearch(deps: DhcpSearchDeps): DhcpSearch {
  const { clock, log } = deps;
  const heard = new AbortController();
  const life = AbortSignal.any([deps.signal, heard.signal]);
  let xid: number | undefined;
  /** Rests since the last look; the clock is not read: it may jump hours when the network tells it the time. */
  let sinceLook: number = Number.POSITIVE_INFINITY;
  let isWanted = false;
  /** What became of the last look. */
  let outcome: { readonly isSent: true } | { readonly isSent: false; readonly reason: string } | undefined;
  let nap = new AbortController();

  const onMessage = (datagram: Uint8Array, from: Endpoint): void => {
    if (life.aborted) return;
    const read = readForeignServer(datagram, from, { own: deps.address, mac: deps.mac, xid });
    if (!read.ok) {
      log.debug('dhcp overheard', { from: from.address, ...read.error });
      return;
    }
    heard.abort();
    deps.onForeign(read.value);
  };

  const lookNow = (): void => {
    const isFirst = !isWanted;
    isWanted = true;
    // What was rested is lost by it: once a look.
    if (isFirst && sinceLook >= spacing) nap.abort();
  };

  const look = (sender: Udp): void => {
    xid = new DataView(Uint8Array.from(deps.random.bytes(4)).buffer).getUint32(0);
    [isWanted, sinceLook, outcome] = [false, 0, undefined];
    sender.send(searchDiscover({ mac: deps.mac, xid }), { address: limitedBroadcast, port: serverPort }, (failure) => {
      outcome = failure === undefined ? { isSent: true } : { isSent: false, reason: reasonOf(failure) };
    });
    log.debug('dhcp search: asked', { xid: xid.toString(16).padStart(8, '0') });
  };

  /** False: somebody wants a look. */
  const rest = async (duration: Millis): Promise<boolean> => {
    nap = new AbortController();
    if (life.aborted) nap.abort();
    const rested = await clock.sleep(duration, nap.signal).then(
      () => true,
      () => false,
    );
    life.throwIfAborted();
    return rested;
  };

  /** Settles when the cable was out. */
  async function searchOnce(sender: Udp): Promise<void> {
    const search = deps.search();
    let quiet = 0;
    let [isQuiet, isHearing] = [false, false];
    sinceLook = Number.POSITIVE_INFINITY;
    for (;;) {
      if (!isQuiet && quiet >= search) {
        isQuiet = true;
        deps.onQuiet();
      }
      const usual = isQuiet ? (deps.watch ?? watchPause) : searchPause(search);
      const pause = outcome?.isSent === false ? Math.min(usual, deafPause) : usual;
      if (sinceLook >= pause || (isWanted && sinceLook >= spacing)) look(sender);
      const span = millis(Math.min(turn, pause - sinceLook, isQuiet ? turn : search - quiet));
      const rested = await rest(span);
      if (await deps.wasUnplugged()) return;
      if (!rested) continue;
      sinceLook += span;
      // Silence after a look that did not go out is no proof.
      if (outcome === undefined) continue;
      if (!outcome.isSent) {
        isHearing = false;
        deps.onDeaf(outcome.reason);
        continue;
      }
      if (!isHearing) deps.onHearing();
      isHearing = true;
      if (!isQuiet && (await deps.isConnected())) quiet += span;
    }
  }

  async function follow(): Promise<void> {
    life.addEventListener('abort', () => nap.abort(), { once: true });
    const sockets = await openUntil(deps, life, onMessage);
    if (sockets === undefined) return;
    try {
      if (await deps.wasUnplugged()) deps.onMoved();
      for (;;) {
        await searchOnce(sockets.sender);
        deps.onMoved();
      }
    } catch (cause) {
      if (!life.aborted) throw cause;
    } finally {
      await sockets.close();
    }
  }

  return { closed: follow(), lookNow };
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

type Sockets = { readonly sender: Udp; readonly close: () => Promise<void> };
type OnMessage = (datagram: Uint8Array, from: Endpoint) => void;

/** `undefined`: the signal was aborted before the port could be had. */
async function openUntil(deps: DhcpSearchDeps, life: AbortSignal, onMessage: OnMessage): Promise<Sockets | undefined> {
  while (!life.aborted) {
    try {
      return await open(deps, onMessage);
    } catch (cause) {
      if (await deps.wasUnplugged()) deps.onMoved();
      deps.onDeaf(reasonOf(cause));
      await deps.clock.sleep(deafPause, life).catch(() => undefined);
    }
  }
  return undefined;
}

/** As the server does it: a socket that is not bound to the interface needs a second one, with our address, to send from. */
async function open({ openUdp, fd, address }: DhcpSearchDeps, onMessage: OnMessage): Promise<Sockets> {
  const bind = { address: unspecified, port: clientPort };
  const listener = await openUdp({ bind, broadcast: true, ...(fd !== undefined && { fd }), onMessage });
  if (fd !== undefined) return { sender: listener, close: listener.close };
  try {
    const sender = await openUdp({ bind: { address, port: clientPort }, broadcast: true, onMessage });
    return {
      sender,
      close: async () => {
        await Promise.all([sender.close(), listener.close()]);
      },
    };
  } catch (cause) {
    await listener.close();
    throw cause;
  }
}
