/**
 * One connection up to the login. The host key is the one we generated for the board: nothing is trusted on first use, and
 * node-ssh without a verifier would accept any key (facts packages 7, measured).
 */
import { NodeSSH } from 'node-ssh';
import { must, ok, problem, type Result } from '../../config/result.ts';
import type { Millis } from '../../config/values.ts';
import type { SshProblem, SshSession } from './driver.ts';
import { parsePublicLine } from './keys.ts';
import { connectProblem, isTimeout, messageOf } from './ssh-errors.ts';
import { type PeerSession, reachFrom } from './ssh-reach.ts';
import { openSession } from './ssh-session.ts';

export type SshTarget = {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** OpenSSH format, not encrypted. */
  readonly privateKey: string;
  /** The only host keys that are accepted, each `ssh-ed25519 AAAA…`. */
  readonly hostKeys: readonly string[];
};

export type WithSshOptions = SshTarget & {
  readonly signal: AbortSignal;
  /** For the connection up to the login. */
  readonly timeout: Millis;
};

type Opened = {
  readonly session: SshSession & PeerSession;
  readonly shown: string;
  readonly close: () => Promise<void>;
};

export async function openConnection(options: WithSshOptions): Promise<Result<Opened, SshProblem>> {
  const { host, port, username, privateKey, signal, timeout } = options;
  const expected = options.hostKeys.map((line) => ({ line, key: must(parsePublicLine(line)) }));
  const ssh = new NodeSSH();
  let shown: string | undefined;
  let foreignKey = false;
  const connecting = ssh.connect({
    ...{ host, port, username, privateKey, readyTimeout: timeout },
    // A dead board is noticed after 20 s even while a command is silent.
    ...{ keepaliveInterval: 5000, keepaliveCountMax: 3 },
    algorithms: { serverHostKey: ['ssh-ed25519'] },
    authHandler: ['publickey'],
    hostVerifier: (key) => {
      shown = expected.find((one) => one.key.equals(key))?.line;
      foreignKey = shown === undefined;
      return !foreignKey;
    },
  });
  // node-ssh takes its own listener off after the login; an error without a listener would end the process.
  const connection = ssh.connection;
  if (connection === null) throw new Error('node-ssh made no connection');
  // Small packets, each waiting for an answer: with Nagle's algorithm a login took 165 ms instead of 35, a command 180
  // instead of 90 (measured on loopback; the rest is sshd's own Nagle, which is on for sessions without a terminal).
  connection.setNoDelay(true);
  let lost: unknown;
  const closed = new Promise<void>((resolve) => void connection.once('close', () => resolve()));
  connection.on('error', (error: unknown) => {
    lost ??= error;
  });
  const onAbort = (): void => void connection.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  const close = async (): Promise<void> => {
    signal.removeEventListener('abort', onAbort);
    const force = setTimeout(() => connection.destroy(), 1000);
    connection.end();
    await closed;
    clearTimeout(force);
  };
  try {
    await connecting;
  } catch (error) {
    signal.removeEventListener('abort', onAbort);
    connection.destroy();
    await closed;
    const found = connectProblem(error, foreignKey);
    return problem(found, `${username}@${host} port ${port}: ${messageOf(error)}`);
  }
  const why = (): string => (lost === undefined ? 'the connection was closed' : messageOf(lost));
  const session = openSession(ssh, closed, () => ({
    code: isTimeout(lost) ? 'SSH_TIMEOUT' : 'SSH_CLOSED',
    detail: why(),
  }));
  if (shown === undefined) throw new Error('ssh2 logged in without a look at the host key');
  return ok({ session: { ...session, reaches: reachFrom(connection) }, shown, close });
}
