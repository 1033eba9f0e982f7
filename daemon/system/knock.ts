/**
 * Whether a machine lives, without root and without a program: a datagram to a UDP port where nobody listens is refused by
 * its kernel (ICMP port unreachable, RFC 1122 3.2.2.1), and a connected socket is told so: ECONNREFUSED.
 */
import { createSocket, type Socket } from 'node:dgram';
import { connect } from 'node:net';
import type { AskTcp, Echo, OpenKnock } from '../ports.ts';

const nothing = new Uint8Array(0);

/** Somebody there said no: no such port, no such protocol. */
const refusals = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOPROTOOPT']);
/** Of the other machine's silence: its hardware address is not to be had, or a router says so. */
const silences = new Set(['EHOSTUNREACH', 'EHOSTDOWN', 'ETIMEDOUT']);

const echoOf = (error: unknown): Echo => {
  const code = error instanceof Error ? String(Reflect.get(error, 'code')) : '';
  if (refusals.has(code)) return 'answered';
  // The rest is ours: ENETUNREACH, ENETDOWN, EADDRNOTAVAIL, EPERM of a firewall, EMFILE.
  return silences.has(code) ? 'silent' : 'unasked';
};

/**
 * One socket for each machine, for good: with one source port the other side's connection tracking keeps one entry. Linux sends
 * one such ICMP a second to an address, and six at once (net.ipv4.icmp_ratelimit): whoever knocks more often is not heard.
 */
export const openKnock: OpenKnock = (to, onEcho) => {
  let socket: Socket | undefined;
  let connected = false;

  const failed = (from: Socket, error: unknown): void => {
    if (from !== socket) return;
    const echo = echoOf(error);
    if (echo === 'unasked') {
      // Its address or its way may be gone: the next knock is through another one.
      close();
      onEcho(echo, error);
    } else if (echo === 'answered') onEcho(echo);
  };
  const send = (through: Socket, again: boolean): void =>
    through.send(nothing, (error) => {
      if (error === null) return;
      failed(through, error);
      // What the answer to an earlier one left behind kept this one here.
      if (again && through === socket) send(through, false);
    });

  function open(): void {
    const opened = createSocket({
      type: 'udp4',
      // Only addresses come in, never names: nothing is to be looked up for them.
      lookup: (address, _options, callback) => callback(null, address, 4),
    });
    socket = opened;
    opened.on('error', (error) => failed(opened, error));
    opened.on('message', () => onEcho('answered'));
    opened.connect(to.port, to.address, (error?: Error) => {
      if (opened !== socket) return;
      if (error !== undefined) return failed(opened, error);
      connected = true;
      send(opened, true);
    });
  }

  function close(): void {
    const old = socket;
    [socket, connected] = [undefined, false];
    old?.close();
  }

  return {
    knock: () => {
      if (socket === undefined) open();
      else if (connected) send(socket, true);
    },
    close,
  };
};

export const askTcp: AskTcp = (to, timeout, signal) =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve('unasked');
    const socket = connect({ host: to.address, port: to.port });
    const settle = (echo: Echo): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      // No FIN: nothing of it is to stay on either side.
      socket.resetAndDestroy();
      resolve(echo);
    };
    const onAbort = (): void => settle('unasked');
    // An answer that came while this process was busy is read before it is called late.
    const timer = setTimeout(() => setImmediate(settle, 'silent'), timeout);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => settle('answered'));
    socket.on('error', (error) => settle(echoOf(error)));
  });
