import { getEventListeners, once } from 'node:events';
import { connect, createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { millis, minutes, seconds, since } from '../../config/values.ts';
import type { SshSession } from '../../daemon/join/driver.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { awaitSsh, withSsh } from '../../daemon/join/ssh.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { createClockDouble } from '../support/doubles.ts';
import { freePort, startSshd } from './join-board.ts';
import { obey, startFakeBoard } from './join-fake-board.ts';

const daemonKey = generateSshKeyPair('daemon');
const anySignal = () => new AbortController().signal;
const target = (port: number, hostKey: string, privateKey = daemonKey.privateOpenssh) => ({
  ...{ host: '127.0.0.1', username: 'root', timeout: seconds(10), signal: anySignal() },
  ...{ port, hostKeys: [hostKey], privateKey },
});
const codeOf = (result: { ok: true } | { ok: false; error: { code: string } }): string =>
  result.ok ? 'ok' : result.error.code;

/** A way to the board on which everything is lost once it is not `whole`. */
async function startCable(t: ExecutionContext, to: number, whole: () => boolean): Promise<number> {
  const cable = createServer((near) => {
    const far = connect(to, '127.0.0.1');
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => undefined).on('data', (chunk) => void (whole() && into.write(chunk)));
      from.once('close', () => into.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(cable, 'listening');
  t.teardown(() => void cable.close());
  const { port }: { port: number } = Object(cable.address());
  return port;
}

test('real sshd: a foreign key while starting means wait; it is there once the right one answers', async (t) => {
  const right = generateSshKeyPair('board');
  const stock = await startSshd(t, { authorized: daemonKey.publicLine });
  const waiting = awaitSsh({
    ...target(stock.port, right.publicLine),
    ...{ deadline: seconds(60), clock: systemClock },
  });
  const first = await awaitSsh({ ...target(stock.port, right.publicLine), deadline: millis(1), clock: systemClock });
  t.is(codeOf(first), 'SSH_HOST_KEY_CHANGED', 'reported once the deadline is over');
  await stock.stop();
  await startSshd(t, { authorized: daemonKey.publicLine, hostKey: right, port: stock.port });
  t.is(codeOf(await waiting), 'ok');
});

test('real sshd: the plug is pulled in the middle of a command', async (t) => {
  const sshd = await startSshd(t, { authorized: daemonKey.publicLine });
  await run({ port: sshd.port, hostKey: sshd.hostKey.publicLine }, async (session) => {
    const running = session.run('sh', ['-c', 'echo begun; exec sleep 60']);
    await sshd.stop();
    t.is(codeOf(await running), 'SSH_CLOSED');
  });
});

test('fake board: the cable is pulled: silence is noticed in spite of a patient command', async (t) => {
  let cable = true;
  const board = await startFakeBoard(t, () => {
    cable = false;
  });
  const port = await startCable(t, board.port, () => cable);
  await run({ ...board, port }, async (session) => {
    t.is(codeOf(await session.run('kubeadm', ['join'], { timeout: minutes(6) })), 'SSH_TIMEOUT');
  });
});

test('nobody listens', async (t) => {
  t.is(codeOf(await withSsh(target(await freePort(), daemonKey.publicLine), async () => t.fail())), 'SSH_REFUSED');
});

test('somebody listens and says nothing', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => void silent.close());
  const { port }: { port: number } = Object(silent.address());
  const options = { ...target(port, daemonKey.publicLine), timeout: millis(300) };
  t.is(codeOf(await withSsh(options, async () => t.fail())), 'SSH_TIMEOUT');
});

test('somebody who speaks something else', async (t) => {
  const other = createServer(
    (socket) => void socket.on('error', () => undefined).end('HTTP/1.0 400 Bad Request\r\n\r\n'),
  );
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => void other.close());
  const { port }: { port: number } = Object(other.address());
  t.regex(codeOf(await withSsh(target(port, daemonKey.publicLine), async () => t.fail())), /^SSH_(CLOSED|TIMEOUT)$/);
});

const run = (board: { port: number; hostKey: string }, work: (session: SshSession) => Promise<unknown>) =>
  withSsh(target(board.port, board.hostKey), work);

test('fake board: after a foreign host key nothing is sent: no login is tried, no key offered', async (t) => {
  const board = await startFakeBoard(t, () => t.fail());
  const options = { ...target(board.port, generateSshKeyPair('other').publicLine), timeout: seconds(5) };
  t.is(codeOf(await withSsh(options, async () => t.fail())), 'SSH_HOST_KEY_CHANGED');
  t.deepEqual(board.offered, []);
  t.deepEqual(board.commands, []);
});

test('fake board: a foreign host key for a whole quarter of an hour is asked again and again, and hears nothing', async (t) => {
  t.timeout(120_000);
  const board = await startFakeBoard(t, () => t.fail());
  const clock = createClockDouble();
  const begun = clock.now();
  const settled = new AbortController();
  const options = { ...target(board.port, generateSshKeyPair('other').publicLine), clock, deadline: minutes(15) };
  const waiting = awaitSsh(options).finally(() => settled.abort());
  const over = once(settled.signal, 'abort');
  let tries = 0;
  while (!settled.signal.aborted) {
    // Its deadline, and the pause after a try.
    await Promise.race([clock.whenSleeping(2), over]);
    if (settled.signal.aborted) break;
    tries += 1;
    t.true(clock.now() - begun < minutes(15));
    const [next = begun] = clock.sleepers();
    await clock.advance(since(clock.now(), next));
  }
  t.is(codeOf(await waiting), 'SSH_HOST_KEY_CHANGED');
  t.is(clock.now() - begun, minutes(15));
  t.true(tries > 400, `${tries} tries`);
  t.deepEqual([board.offered, board.commands], [[], []]);
});

test('fake board: the connection ends in the middle of a command', async (t) => {
  const board = await startFakeBoard(t, (_command, channel, connection) => {
    channel.write('half');
    connection.end();
  });
  await run(board, async (session) => {
    t.is(codeOf(await session.run('kubeadm', ['join'])), 'SSH_CLOSED');
    t.is(codeOf(await session.run('rm', ['-f', 'x'])), 'SSH_CLOSED', 'and what follows');
  });
  t.deepEqual(board.commands, ["'kubeadm' 'join'"]);
});

test('fake board: a command that does not end', async (t) => {
  const board = await startFakeBoard(t, () => undefined);
  await run(board, async (session) => {
    t.is(codeOf(await session.run('sleep', ['9999'], { timeout: millis(200) })), 'SSH_TIMEOUT');
  });
});

test('fake board: a channel that closes without an exit code is no success', async (t) => {
  const board = await startFakeBoard(t, (_command, channel) => void channel.end());
  await run(board, async (session) => {
    t.is(codeOf(await session.run('true', [])), 'SSH_CLOSED');
  });
});

test('fake board: endless output is cut off', async (t) => {
  const board = await startFakeBoard(t, (_command, channel) => {
    const more = (): void => void (channel.writable && channel.write(Buffer.alloc(32_768, 'x'), more));
    more();
  });
  await run(board, async (session) => {
    t.is(codeOf(await session.run('yes', [])), 'SSH_CLOSED');
  });
});

test('fake board: one that goes on writing into a channel that was closed is cut off', async (t) => {
  const cut = new AbortController();
  const board = await startFakeBoard(t, (_command, channel, connection) => {
    connection.once('close', () => cut.abort());
    // Beneath ssh2's own manners.
    const [{ channelData }, { id }] = [Reflect.get(connection, '_protocol'), Reflect.get(channel, 'outgoing')];
    const protocol = Reflect.get(connection, '_protocol');
    const chunk = Buffer.alloc(16_384, 'x');
    const more = (): void => {
      if (cut.signal.aborted) return;
      Reflect.apply(channelData, protocol, [id, chunk]);
      setImmediate(more);
    };
    more();
  });
  await run(board, async (session) => {
    t.is(codeOf(await session.run('true', [])), 'SSH_CLOSED');
    // The session is still ours, and would go on hearing it.
    if (!cut.signal.aborted) await once(cut.signal, 'abort', { signal: AbortSignal.timeout(20_000) });
    t.true(cut.signal.aborted);
  });
});

test('fake board: an aborted signal ends it at once, with its reason', async (t) => {
  const closing = new AbortController();
  const board = await startFakeBoard(t, () => closing.abort(new Error('daemon stops')));
  const running = withSsh({ ...target(board.port, board.hostKey), signal: closing.signal }, (session) =>
    session.run('sleep', ['9999']),
  );
  await t.throwsAsync(running, { message: 'daemon stops' });
});

test('fake board: a character that is cut in two arrives whole', async (t) => {
  const bytes = Buffer.from('kä🍓');
  const board = await startFakeBoard(t, (_command, channel) => {
    const next = (at: number): void => {
      if (at < bytes.length) channel.write(bytes.subarray(at, at + 1), () => setImmediate(next, at + 1));
      else {
        channel.exit(0);
        channel.end();
      }
    };
    next(0);
  });
  await run(board, async (session) => t.is(must(await session.run('x', [])).stdout, 'kä🍓'));
});

test('an aborted signal ends the connecting too, and one that is aborted already begins nothing', async (t) => {
  const closing = new AbortController();
  let connections = 0;
  const silent = createServer(() => {
    connections += 1;
    closing.abort(new Error('daemon stops'));
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => void silent.close());
  const { port }: { port: number } = Object(silent.address());
  const options = { ...target(port, daemonKey.publicLine), timeout: minutes(2), signal: closing.signal };
  await t.throwsAsync(
    withSsh(options, async () => t.fail()),
    { message: 'daemon stops' },
  );
  await t.throwsAsync(
    withSsh(options, async () => t.fail()),
    { message: 'daemon stops' },
  );
  await t.throwsAsync(awaitSsh({ ...options, deadline: minutes(2), clock: systemClock }), { message: 'daemon stops' });
  t.is(connections, 1);
});

test('many sessions on one signal leave no listener on it', async (t) => {
  const closing = new AbortController();
  const board = await startFakeBoard(t, obey);
  for (let round = 0; round < 5; round += 1) {
    const options = { ...target(board.port, board.hostKey), signal: closing.signal };
    must(await withSsh(options, (session) => session.run('true', [])));
  }
  t.deepEqual(getEventListeners(closing.signal, 'abort'), []);
});

test('fake board: a secret is never part of a command', async (t) => {
  let received = '';
  const board = await startFakeBoard(t, (_command, channel) => {
    channel.setEncoding('utf8').on('data', (text: string) => {
      received += text;
    });
    channel.on('end', () => {
      channel.exit(0);
      channel.end();
    });
  });
  await run(board, (session) => session.putFile('/run/bramble/join.yaml', 'the secret', 0o600));
  t.is(received, 'the secret');
  t.false(board.commands.join().includes('the secret'));
  t.is(new Set(board.offered).size, 1, 'one key, no password');
});
