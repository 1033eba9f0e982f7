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
  /** How long nobody has to answer before `onQuiet`; 0: no time at all. Only time with a cable counts. */
  readonly search: Millis;
  /** Between two looks after that. */
  readonly watch?: Millis;
  /** Whether a cable is in: without one, silence means nothing. */
  readonly isConnected: () => Promise<boolean>;
  /** Once, after `search` without an answer. */
  readonly onQuiet: () => void;
  /** Once; nothing is asked or heard after it. */
  readonly onForeign: (found: ForeignServer) => void;
  /** The port cannot be had, and why; tried again until it can. */
  readonly onDeaf: (reason: string) => void;
};

const deafPause = seconds(30);

/** Looks and listens until another server was heard or `signal` is aborted; settles once its sockets are closed. */
export async function dhcpSearch(deps: DhcpSearchDeps): Promise<void> {
  const heard = new AbortController();
  const life = AbortSignal.any([deps.signal, heard.signal]);
  let xid: number | undefined;

  const onMessage = (datagram: Uint8Array, from: Endpoint): void => {
    if (life.aborted) return;
    const read = readForeignServer(datagram, from, { own: deps.address, mac: deps.mac, xid });
    if (!read.ok) {
      deps.log.debug('dhcp overheard', { from: from.address, ...read.error });
      return;
    }
    heard.abort();
    deps.onForeign(read.value);
  };

  const sockets = await openUntil(deps, life, onMessage);
  if (sockets === undefined) return;
  const look = (): void => {
    xid = new DataView(Uint8Array.from(deps.random.bytes(4)).buffer).getUint32(0);
    const to = { address: limitedBroadcast, port: serverPort };
    sockets.sender.send(searchDiscover({ mac: deps.mac, xid }), to);
    deps.log.debug('dhcp search: asked', { xid: xid.toString(16).padStart(8, '0') });
  };
  try {
    const pause = searchPause(deps.search);
    // Rests are counted, the clock is not read: it may jump hours when the network tells it the time.
    for (let quiet = 0; quiet < deps.search; ) {
      look();
      await deps.clock.sleep(millis(Math.min(pause, deps.search - quiet)), life);
      if (await deps.isConnected()) quiet += pause;
      life.throwIfAborted();
    }
    deps.onQuiet();
    for (;;) {
      look();
      await deps.clock.sleep(deps.watch ?? watchPause, life);
    }
  } catch (cause) {
    if (!life.aborted) throw cause;
  } finally {
    await sockets.close();
  }
}

type Sockets = { readonly sender: Udp; readonly close: () => Promise<void> };
type OnMessage = (datagram: Uint8Array, from: Endpoint) => void;

/** `undefined`: the signal was aborted before the port could be had. */
async function openUntil(deps: DhcpSearchDeps, life: AbortSignal, onMessage: OnMessage): Promise<Sockets | undefined> {
  while (!life.aborted) {
    try {
      return await open(deps, onMessage);
    } catch (cause) {
      deps.onDeaf(cause instanceof Error ? cause.message : String(cause));
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
