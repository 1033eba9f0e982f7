/** A board that misbehaves on purpose: ssh2's server half, with what a real sshd would never do. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import ssh2, { type AuthContext, type ServerChannel, type ServerConnection, type ServerSession } from 'ssh2';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';

export type FakeBoard = {
  readonly port: number;
  readonly hostKey: string;
  /** The commands as they came over the wire. */
  readonly commands: readonly string[];
  /** Each attempt to log in, in order: its method, and the fingerprint of the key that was offered. */
  readonly offered: readonly string[];
};

export type OnCommand = (command: string, channel: ServerChannel, connection: ServerConnection) => void;

/** Does what it is told, as a real board's sshd would: a shell of this machine, so only for harmless commands. */
export const obey: OnCommand = (command, channel) => {
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { stdio: 'pipe' });
  channel.once('close', () => void child.kill('SIGKILL'));
  child.stdin.on('error', () => undefined);
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.once('close', (code, signal) => {
    if (signal === null) channel.exit(code ?? 0);
    else channel.exit(signal.slice(3), false);
    channel.end();
  });
};

export async function startFakeBoard(
  t: ExecutionContext,
  onCommand: OnCommand,
  authorized?: string,
): Promise<FakeBoard> {
  const hostKey = generateSshKeyPair('fake board');
  const commands: string[] = [];
  const offered: string[] = [];
  const server = new ssh2.Server({ hostKeys: [hostKey.privateOpenssh] }, (connection) => {
    connection.on('error', () => undefined);
    connection.on('authentication', (context: AuthContext) => {
      const isKey = context.method === 'publickey';
      offered.push(isKey ? createHash('sha256').update(context.key.data).digest('hex') : context.method);
      const known = isKey && (authorized === undefined || authorized.includes(context.key.data.toString('base64')));
      if (known) context.accept();
      else context.reject(['publickey']);
    });
    connection.on('session', (accept: () => ServerSession) => {
      accept().on('exec', (take: () => ServerChannel, _refuse: unknown, { command }: { command: string }) => {
        commands.push(command);
        const channel = take();
        channel.on('error', () => undefined);
        onCommand(command, channel, connection);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => void server.close());
  const { port }: Pick<AddressInfo, 'port'> = Object(server.address());
  return { port, hostKey: hostKey.publicLine, commands, offered };
}
