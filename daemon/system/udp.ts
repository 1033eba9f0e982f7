/** `OpenUdp` over node:dgram. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, fstatSync } from 'node:fs';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { parseIpv4 } from '../../config/values.ts';
import type { Endpoint, Log, OpenUdp, Udp } from '../ports.ts';

/**
 * Rejects only if the socket cannot be bound (`error.code`: EADDRINUSE, EACCES …). Fixed ports may be shared (SO_REUSEADDR).
 * A descriptor that a launcher left can be had once: it is closed with its socket, and its number is then another file's.
 */
export const nodeUdp = (log: Log): OpenUdp => {
  const adopted = new Set<number>();
  return async ({ bind, broadcast = false, receiveBuffer, fd, onMessage }) => {
    if (fd !== undefined && adopted.has(fd)) {
      throw new Error(`the socket of port ${bind.port} that the launcher left is closed: start the daemon again`);
    }
    const socket = createSocket({
      type: 'udp4',
      // A fixed port may be taken over from a process that has just ended. With port 0 two sockets that share could be given
      // the same port by Linux (6 of 600, measured), and two transfers would eat each other's packets.
      reuseAddr: bind.port !== 0,
      // Only addresses come in, never names: nothing is to be looked up for them.
      lookup: (address, _options, callback) => callback(null, address, 4),
    });
    socket.on('message', deliverTo(onMessage, log));
    try {
      const listening = once(socket, 'listening');
      if (fd === undefined) socket.bind(bind.port, bind.address);
      else socket.bind({ fd });
      await listening;
      if (fd !== undefined) adopted.add(fd);
      if (broadcast) socket.setBroadcast(true);
      if (receiveBuffer !== undefined) socket.setRecvBufferSize(receiveBuffer);
      const local = localEndpoint(socket);
      socket.on('error', (cause) => log.warn('udp socket reported an error', { ...local, cause }));
      return { local, send: sendOn(socket, local, log), close: () => closeSocket(socket) };
    } catch (cause) {
      socket.close();
      throw cause;
    }
  };
};

/** For a socket that nothing here will use. */
export function closeInherited(fd: number | undefined): void {
  try {
    if (fd !== undefined && fstatSync(fd).isSocket()) closeSync(fd);
  } catch {
    // It is closed already.
  }
}

function deliverTo(
  onMessage: (payload: Uint8Array, from: Endpoint) => void,
  log: Log,
): (payload: Uint8Array, from: RemoteInfo) => void {
  // A transfer hears one client for thousands of packets: parsed once.
  let last: Endpoint | undefined;
  return (payload, from) => {
    try {
      if (last?.port !== from.port || last.address !== from.address) last = endpointOf(from);
      if (last !== undefined) onMessage(payload, last);
    } catch (cause) {
      // Nothing that comes from the network may end the process.
      log.error('udp datagram not handled', { from: from.address, port: from.port, cause });
    }
  };
}

function endpointOf({ address, port }: RemoteInfo): Endpoint | undefined {
  const parsed = parseIpv4(address);
  return parsed.ok ? { address: parsed.value, port } : undefined;
}

function sendOn(socket: Socket, local: Endpoint, log: Log): Udp['send'] {
  const failed = (cause: unknown): void => log.warn('udp datagram not sent', { from: local.address, cause });
  // One for all datagrams; the error names the destination.
  const logFailure = (error: Error | null): void => {
    if (error !== null) failed(error);
  };
  return (payload, to, onSent) => {
    const tell = (error: Error | null): void => {
      logFailure(error);
      onSent?.(error ?? undefined);
    };
    try {
      socket.send(payload, to.port, to.address, onSent === undefined ? logFailure : tell);
    } catch (cause) {
      // Thrown at once for port 0 and after `close`.
      failed(cause);
      onSent?.(cause);
    }
  };
}

function localEndpoint(socket: Socket): Endpoint {
  const { address, port } = socket.address();
  const parsed = parseIpv4(address);
  if (!parsed.ok) throw new Error(`not an IPv4 socket: ${parsed.error.detail}`);
  return { address: parsed.value, port };
}

const closeSocket = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    try {
      socket.close(() => resolve());
    } catch {
      // Closed before.
      resolve();
    }
  });

/** Port to descriptor, from the launcher's `BRAMBLE_FDS` (`67=3,69=4,5353=5`). Empty if there is no launcher. */
export function parseInheritedSockets(
  text: string | undefined,
): Result<ReadonlyMap<number, number>, Problem<'BAD_BRAMBLE_FDS'>> {
  const sockets = new Map<number, number>();
  for (const part of (text ?? '').split(',').filter((entry) => entry !== '')) {
    const [, port, fd] = /^(\d{1,5})=(\d{1,4})$/.exec(part) ?? [];
    if (port === undefined || fd === undefined) {
      return problem('BAD_BRAMBLE_FDS', `${JSON.stringify(part)} is not PORT=DESCRIPTOR`);
    }
    sockets.set(Number(port), Number(fd));
  }
  return ok(sockets);
}
