/** The read-only TFTP server: listens, keeps the limits, and gives every request a session of its own. */
import type { Ipv4 } from '../../config/values.ts';
import type { Clock, Endpoint, Log, OpenUdp } from '../ports.ts';
import type { Count } from '../traffic/counts.ts';
import type { Gate, Passage } from '../traffic/gate.ts';
import { decodePacket, encodePacket, errorCode, type TftpRequest } from './packet.ts';
import { type OpenFile, type Served, serveRequest } from './session.ts';

export type { FileRequest, OpenFile, Served } from './session.ts';

export type TftpServerDeps = {
  readonly openUdp: OpenUdp;
  /** `fd`: a socket that a launcher bound to the device; port 69 needs a capability. */
  readonly listen: { readonly bind: Endpoint; readonly fd?: number };
  /** Our address on the served LAN: each transfer sends from a port of its own there. */
  readonly transferAddress: Ipv4;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the server and all transfers. */
  readonly signal: AbortSignal;
  /**
   * Transfers at one time; those whom `admit` does not know have half of `total` at most. Firmware runs one or two; probes
   * that were never finished count until they time out.
   */
  readonly limits: { readonly perClient: number; readonly total: number };
  readonly open: OpenFile;
  /** Whether requests of this address are listened to now. Default: of all, as of those we know. */
  readonly admit?: Gate<Ipv4>;
  readonly count?: Count;
  /** After every transfer that found its file. */
  readonly onServed?: (served: Served) => void;
};

export type TftpServer = {
  readonly local: Endpoint;
  /** Settles once `signal` was aborted and every socket and file is closed. Never rejects. */
  readonly closed: Promise<void>;
};

type Session = {
  readonly client: Endpoint;
  readonly file: string;
  readonly passage: Passage;
  readonly ending: AbortController;
  readonly done: Promise<void>;
  /** The client answered: the request was not a ghost's. */
  alive: boolean;
};

/** Resolves when it listens; rejects as `openUdp` does when the port cannot be bound. */
export async function tftpServer(deps: TftpServerDeps): Promise<TftpServer> {
  const { log, signal, listen, count = () => undefined } = deps;
  /** In order of arrival. */
  const sessions = new Set<Session>();

  function receive(payload: Uint8Array, from: Endpoint): void {
    if (signal.aborted) return;
    const passage = deps.admit?.(from.address) ?? 'known';
    if (passage === 'flood') {
      count('flood');
      return;
    }
    const packet = decodePacket(payload);
    if (!packet.ok) {
      count('malformed');
      log.debug('malformed request', { client: from.address, code: packet.error.code });
      // Only to what was meant as a request: an answer to noise would be noise to somebody else.
      const meantAsRequest = payload[0] === 0 && (payload[1] === 1 || payload[1] === 2);
      if (meantAsRequest) listening.send(malformed, from);
      return;
    }
    const request = packet.value;
    if (request.opcode === 'RRQ' || request.opcode === 'WRQ') accept(request, from, passage);
    else count('ignored');
  }

  function accept(request: TftpRequest, client: Endpoint, passage: Passage): void {
    const before = find(({ client: { address, port } }) => address === client.address && port === client.port);
    // A repeated request: the session sends again by itself. Quirk: a second OACK breaks bootcode.bin (facts 2.6).
    if (before !== undefined && !before.alive && before.file === request.file) {
      count('repeated');
      return;
    }
    // A board that was power-cycled begins at the same port again.
    before?.ending.abort();
    if (!makeRoom(client, passage)) {
      count('capacity');
      log.debug('too many transfers', { client: client.address, file: request.file });
      return;
    }
    const ending = new AbortController();
    const done = Promise.withResolvers<void>();
    const session: Session = { client, file: request.file, passage, ending, done: done.promise, alive: false };
    sessions.add(session);
    // It never rejects.
    void serve(request, session).then(done.resolve);
  }

  async function serve(request: TftpRequest, session: Session): Promise<void> {
    const { client, ending } = session;
    try {
      const served = await serveRequest(deps, request, client, ending.signal, () => {
        session.alive = true;
      });
      count(served === undefined ? 'refused' : 'answered');
      if (served === undefined) return;
      log.debug('file served', { file: served.file, client: client.address, bytes: served.bytes, ended: served.ended });
      deps.onServed?.(served);
    } catch (error) {
      count('failed');
      log.error('transfer failed', { file: request.file, client: client.address, error });
    } finally {
      sessions.delete(session);
    }
  }

  /**
   * Requests that nobody stands behind go first, the client's own oldest next; others' transfers never. Whoever forges
   * senders can make up strangers only: for them nothing of those we know goes, and they go before these.
   */
  function makeRoom({ address }: Endpoint, passage: Passage): boolean {
    const { perClient, total } = deps.limits;
    const all = [...sessions];
    const strangers = all.filter((session) => session.passage === 'stranger');
    const own = all.filter((session) => session.client.address === address);
    const full = all.length >= total || (passage === 'stranger' && strangers.length >= Math.ceil(total / 2));
    const ownFull = own.length >= perClient;
    if (!full && !ownFull) return true;
    const others = passage === 'stranger' ? strangers : [...strangers, ...all];
    const victim =
      own.find((session) => !session.alive) ?? (ownFull ? own[0] : others.find((session) => !session.alive));
    if (victim === undefined) return false;
    sessions.delete(victim);
    victim.ending.abort();
    return true;
  }

  function find(wanted: (session: Session) => boolean): Session | undefined {
    for (const session of sessions) if (wanted(session)) return session;
    return undefined;
  }

  const listening = await deps.openUdp({ ...listen, onMessage: receive });
  const closed = Promise.withResolvers<void>();
  async function close(): Promise<void> {
    const running = [...sessions];
    for (const session of running) session.ending.abort();
    await Promise.allSettled([listening.close(), ...running.map((session) => session.done)]);
    closed.resolve();
  }
  signal.addEventListener('abort', () => void close(), { once: true });
  if (signal.aborted) void close();
  return { local: listening.local, closed: closed.promise };
}

const malformed = encodePacket({ opcode: 'ERROR', code: errorCode.illegalOperation, message: 'Malformed request' });
