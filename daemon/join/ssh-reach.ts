/**
 * What another machine is for a board: its sshd opens a TCP connection for us (`direct-tcpip`, RFC 4254 7.2), so that the board
 * needs no program for it.
 */
import type { Client } from 'ssh2';
import type { Ipv4, Millis } from '../../config/values.ts';
import type { SshSession } from './driver.ts';
import { messageOf } from './ssh-errors.ts';

/**
 * `answered`: connected, or refused. `silent`: the board's kernel gave up. `late`: nothing was heard of it in time, which may also
 * be the way to the board itself. `unable`: its sshd opens no connections, or says nothing that we understand.
 */
export type Reached = 'answered' | 'silent' | 'late' | 'unable';

/** What a board sees of others. */
export type PeerSession = Pick<SshSession, 'run'> & { readonly reaches: Reaches };

/** Never rejects. */
export type Reaches = (address: Ipv4, port: number, timeout: Millis) => Promise<Reached>;

/** A board's sshd tries for two minutes where everything is dropped; more at a time are not asked for. */
const pendingMax = 24;
/** SSH_OPEN_CONNECT_FAILED of RFC 4254 5.1; OpenSSH then tells the system's words. */
const connectFailed = 2;

export function reachFrom(connection: Client): Reaches {
  let pending = 0;
  return (address, port, timeout) =>
    new Promise((resolve) => {
      if (pending >= pendingMax) return resolve('unable');
      // What came while this process was busy is read before it is called late.
      const timer = setTimeout(() => setImmediate(resolve, 'late'), timeout);
      const settle = (reached: Reached): void => {
        clearTimeout(timer);
        resolve(reached);
      };
      pending += 1;
      try {
        connection.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
          pending -= 1;
          channel?.on('error', () => undefined).destroy();
          settle(error === undefined ? 'answered' : reachedBy(error));
        });
      } catch {
        // The connection is closed.
        pending -= 1;
        settle('late');
      }
    });
}

function reachedBy(error: Error): Reached {
  const reason: unknown = Reflect.get(error, 'reason');
  // One that ended with its connection has none.
  if (typeof reason !== 'number') return 'late';
  if (reason !== connectFailed) return 'unable';
  const words = messageOf(error);
  if (/refused|reset/i.test(words)) return 'answered';
  return /no route|timed out|unreachable|host is down/i.test(words) ? 'silent' : 'unable';
}
