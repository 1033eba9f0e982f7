/** Whether somebody speaks SSH at an address: nothing is sent, and only the first line is looked at (RFC 4253 4.2). */
import { connect } from 'node:net';
import type { Ipv4 } from '../../config/values.ts';

/** Settles within two seconds. */
export function answersSsh(address: Ipv4, signal: AbortSignal, port = 22): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, signal });
    const end = (answers: boolean): void => {
      socket.destroy();
      resolve(answers);
    };
    socket.setTimeout(2000, () => end(false));
    socket.on('error', () => end(false));
    socket.once('data', (bytes) => end(bytes.subarray(0, 4).toString('latin1') === 'SSH-'));
    socket.once('close', () => end(false));
  });
}
