/** Hostile datagrams no faster than the server takes them: behind each lot goes a question that has to be answered. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

export type Peer = {
  readonly socket: Socket;
  readonly send: (payload: Uint8Array, to: Target) => Promise<void>;
  /** The next datagram for which `wanted` gives something, or `undefined` after the deadline. */
  readonly hear: <T>(wanted: Hearing<T>, deadlineMs: number) => Promise<T | undefined>;
};
export type Target = { readonly port: number; readonly address: string };
type Hearing<T> = (payload: Uint8Array, from: Target) => T | undefined;

export async function openPeer(address: string, port: number): Promise<Peer> {
  const socket = createSocket({ type: 'udp4', reuseAddr: port !== 0 });
  // What the kernel says of a closed port is no end of the run.
  socket.on('error', () => undefined);
  socket.bind(port, address);
  await once(socket, 'listening');
  socket.setBroadcast(true);
  const send = (payload: Uint8Array, to: Target): Promise<void> =>
    new Promise((resolve, reject) =>
      socket.send(payload, to.port, to.address, (error) => (error === null ? resolve() : reject(error))),
    );
  const hear = <T>(wanted: Hearing<T>, deadlineMs: number): Promise<T | undefined> =>
    new Promise((resolve) => {
      const settle = (value: T | undefined): void => {
        clearTimeout(timer);
        socket.off('message', onMessage);
        resolve(value);
      };
      const onMessage = (payload: Uint8Array, from: Target): void => {
        const value = wanted(payload, from);
        if (value !== undefined) settle(value);
      };
      const timer = setTimeout(settle, deadlineMs, undefined);
      socket.on('message', onMessage);
    });
  return { socket, send, hear };
}

/** Fits a socket's buffer, whatever the lot is made of. */
const lotSize = 48;
const patienceMs = 1000;
const tries = 10;

export type Lot = {
  readonly from: Peer;
  readonly to: Target;
  readonly payload: () => Uint8Array;
  /** Sends a question to the same socket of the server that only this call's answer answers; `false` when it was not answered in time. */
  readonly isAnswered: (deadlineMs: number) => Promise<boolean>;
};

/** Questions behind each lot, or none: as fast as it goes. */
export type Pace = 'answered' | 'blind';

/** Rejects when the server does not answer any more. Returns how many questions had to be asked again. */
export async function sendLots(count: number, pace: Pace, nextLot: () => Lot): Promise<number> {
  let askedAgain = 0;
  for (let sent = 0; sent < count; sent += lotSize) {
    const { from, to, payload, isAnswered } = nextLot();
    await Promise.all(Array.from({ length: lotSize }, () => from.send(payload(), to)));
    let attempt = 0;
    while (pace === 'answered' && !(await isAnswered(patienceMs))) {
      attempt += 1;
      askedAgain += 1;
      if (attempt === tries) throw new Error(`no answer any more after ${sent} datagrams`);
    }
  }
  return askedAgain;
}
