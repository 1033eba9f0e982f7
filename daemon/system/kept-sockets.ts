/**
 * The launcher's sockets, kept open for the life of the process: a service that ends and starts again on the same interface
 * gets the same one. Nobody could open another, and a descriptor that was closed is soon another file's number.
 */
import type { Endpoint, OpenUdp, Udp } from '../ports.ts';
import { closeInherited } from './udp.ts';

export type KeptSockets = {
  /** As the one below it; with `fd`, `close` only lets go of the socket. Rejects while somebody has it, and after `releaseSocket`. */
  readonly openUdp: OpenUdp;
  /** Closes the launcher's socket for good: nobody here would read it, and another program may need the port. */
  readonly releaseSocket: (fd: number | undefined) => Promise<void>;
  /** The launcher's socket of this port, for who opens and closes it by itself: once. */
  readonly takeSocket: (port: number) => number | undefined;
};

type Receiver = (payload: Uint8Array, from: Endpoint) => void;
type Kept = { readonly socket: Promise<Udp>; receiver: Receiver | undefined };

/** All are closed once `signal` is aborted and nobody has them any more. */
export function keepSockets(deps: {
  readonly openUdp: OpenUdp;
  /** Descriptors by port. */
  readonly inherited: ReadonlyMap<number, number>;
  readonly signal: AbortSignal;
}): KeptSockets {
  const { openUdp, inherited, signal } = deps;
  const kept = new Map<number, Kept>();
  const released = new Set<number>();

  async function open(fd: number, options: Parameters<OpenUdp>[0]): Promise<Udp> {
    const { port } = options.bind;
    if (released.has(fd)) throw new Error(`the launcher's socket of port ${port} was given up: start the daemon again`);
    const known = kept.get(fd);
    if (known?.receiver !== undefined) throw new Error(`the launcher's socket of port ${port} is in use`);
    const own: Kept = known ?? {
      socket: openUdp({ ...options, onMessage: (payload, from) => own.receiver?.(payload, from) }),
      receiver: undefined,
    };
    own.receiver = options.onMessage;
    kept.set(fd, own);
    try {
      const { local, send, close } = await own.socket;
      const letGo = async (): Promise<void> => {
        own.receiver = undefined;
        if (signal.aborted) await close();
      };
      return { local, send, close: letGo };
    } catch (cause) {
      kept.delete(fd);
      throw cause;
    }
  }

  async function releaseSocket(fd: number | undefined): Promise<void> {
    if (fd === undefined || released.has(fd)) return;
    released.add(fd);
    const own = kept.get(fd);
    if (own === undefined) return closeInherited(fd);
    await (await own.socket).close();
  }

  function takeSocket(port: number): number | undefined {
    const fd = inherited.get(port);
    if (fd === undefined || released.has(fd)) return undefined;
    released.add(fd);
    return fd;
  }

  const closeIdle = (): void => {
    for (const { socket, receiver } of kept.values()) {
      if (receiver === undefined) void socket.then((udp) => udp.close()).catch(() => undefined);
    }
  };
  signal.addEventListener('abort', closeIdle, { once: true });
  return {
    openUdp: (options) => (options.fd === undefined ? openUdp(options) : open(options.fd, options)),
    releaseSocket,
    takeSocket,
  };
}
