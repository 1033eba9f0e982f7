/** Whether a host on our network is switched on: nothing is sent but the beginning of a connection. */
import { connect } from 'node:net';
import type { Ipv4 } from '../../config/values.ts';

/** Its kernel refuses what nobody listens on; so a refusal is a sign of life, too. Settles within a second. */
export function isHostAlive(address: Ipv4, signal: AbortSignal, port = 22): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, signal });
    const end = (alive: boolean): void => {
      socket.destroy();
      resolve(alive);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once('connect', () => end(true));
    socket.on('error', (error) =>
      end('code' in error && (error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET')),
    );
  });
}
