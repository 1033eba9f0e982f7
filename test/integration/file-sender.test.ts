/** Bases on the wire by sendfile(2): whole, from any place, to slow clients and to those that leave. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { on, once } from 'node:events';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { type Millis, parseIpv4, seconds } from '../../config/values.ts';
import { createFileSender, type SendFile } from '../../daemon/http/file-sender.ts';
import { get } from '../../daemon/http/router.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import { aheadBytes, sendBytes } from '../../daemon/http/stream.ts';
import type { ByteSource } from '../../daemon/ports.ts';
import { openFileSource } from '../../image-builder/disk.ts';
import { silentLog } from './installer-boot-fake.ts';

const sender = fileURLToPath(new URL('../../daemon/http/file-sender', import.meta.url));
const bytes = randomBytes(5 * 2 ** 20 + 12_345);
const held = 17_408;
/** More than the kernel takes on both sides for a client that does not read. */
const endless = 2 ** 30;

type Served = {
  readonly url: string;
  readonly port: number;
  readonly file: string;
  /** How many bytes were read by this process. */
  readonly read: () => number;
  /** Settles when the source of an answer is closed. */
  readonly closed: Promise<void>;
  readonly stop: () => Promise<void>;
};

/** `/?offset=N`: a file whose first bytes are held back as zeros, as a base is served. */
async function serveFile(
  t: ExecutionContext,
  { idle = seconds(20), size = bytes.length }: { readonly idle?: Millis; readonly size?: number } = {},
): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-sender-'));
  const file = join(folder, 'base.img');
  await writeFile(file, bytes);
  await truncate(file, size);
  const source = await openFileSource(file);
  let read = 0;
  const closed = Promise.withResolvers<void>();
  const view: ByteSource = {
    size: source.size,
    read: async (into, offset) => {
      const length = await source.read(into, offset);
      read += length;
      if (offset < held) into.fill(0, 0, Math.min(length, held - offset));
      return length;
    },
    close: async () => closed.resolve(),
    ...(source.file !== undefined && { file: { fd: source.file.fd, from: held } }),
  };
  const stop = new AbortController();
  const server = must(
    await serveHttp({
      listen: { address: must(parseIpv4('127.0.0.1')), port: 0 },
      routes: [get('/', ({ query }) => ({ kind: 'bytes', source: view, offset: Number(query.get('offset') ?? '0') }))],
      log: silentLog,
      signal: stop.signal,
      idle,
    }),
  );
  const stopServer = async (): Promise<void> => {
    stop.abort();
    await server.closed;
  };
  t.teardown(async () => {
    await stopServer();
    await source.close();
    await rm(folder, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${server.port}/`;
  return { url, port: server.port, file, read: () => read, closed: closed.promise, stop: stopServer };
}

const expected = (offset: number): Buffer => {
  const whole = Buffer.from(bytes);
  whole.fill(0, 0, held);
  return whole.subarray(offset);
};
const sum = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

test('a base is whole from any place, and only its beginning goes through this process', async (t) => {
  const { url, read } = await serveFile(t);
  for (const offset of [0, 1, held - 1, held, 1_000_001]) {
    const before = read();
    const response = await fetch(`${url}?offset=${offset}`);
    t.is(response.headers.get('content-length'), String(bytes.length - offset));
    t.is(sum(Buffer.from(await response.arrayBuffer())), sum(expected(offset)), `from ${offset}`);
    t.is(read() - before, aheadBytes, `from ${offset}`);
  }
});

test('what is little is sent without a process of its own', async (t) => {
  const { url, read } = await serveFile(t);
  const offset = bytes.length - aheadBytes - 1;
  const response = await fetch(`${url}?offset=${offset}`);
  t.is(sum(Buffer.from(await response.arrayBuffer())), sum(expected(offset)));
  t.is(read(), bytes.length - offset);
});

test('forty at once are all served whole: those without a process of their own by the daemon', async (t) => {
  const { url, read } = await serveFile(t);
  const whole = sum(expected(0));
  const sums = await Promise.all(
    Array.from({ length: 40 }, async () => sum(Buffer.from(await (await fetch(url)).arrayBuffer()))),
  );
  t.true(sums.every((one) => one === whole));
  t.true(read() >= 40 * aheadBytes);
});

/** Reads until so much has come, and then no more. */
async function takeSome(port: number, some: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  let taken = 0;
  for await (const [chunk] of on(socket, 'data')) {
    taken += chunk.length;
    if (taken >= some) break;
  }
  socket.pause();
  return socket;
}

test('a client that leaves in the middle ends its sender, and the source is closed', async (t) => {
  const { port, closed } = await serveFile(t, { size: endless });
  const socket = await takeSome(port, aheadBytes + 1);
  socket.destroy();
  await t.notThrowsAsync(closed);
});

test('a client that takes nothing any more is cut off', async (t) => {
  const { port, closed } = await serveFile(t, { idle: seconds(1), size: endless });
  const socket = await takeSome(port, aheadBytes + 1);
  await closed;
  const ended = once(socket, 'close');
  let rest = 0;
  socket.on('data', (chunk) => {
    rest += chunk.length;
  });
  socket.resume();
  await ended;
  t.true(rest < endless - aheadBytes, 'it was not sent whole');
});

test('a server that is stopped ends what it was sending', async (t) => {
  const { port, closed, stop } = await serveFile(t, { size: endless });
  await takeSome(port, aheadBytes + 1);
  await stop();
  await t.notThrowsAsync(closed);
});

test('a file that has become shorter cuts the connection, so that nobody takes it for whole', async (t) => {
  const { url, file } = await serveFile(t);
  await truncate(file, 2 * aheadBytes);
  await t.throwsAsync(fetch(url).then((response) => response.arrayBuffer()));
});

/** One answer by `sendBytes`, of which this process reads what `sendFile` does not send. */
async function sentWith(t: ExecutionContext, sendFile: SendFile): Promise<string> {
  const { file } = await serveFile(t);
  const source = await openFileSource(file);
  const server = createServer((_request, response) => {
    const signal = AbortSignal.timeout(30_000);
    void sendBytes({ source, offset: 0 }, response, sendFile, signal).then(() => response.end());
  });
  t.teardown(async () => {
    server.close();
    await source.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('it does not listen');
  const response = await fetch(`http://127.0.0.1:${address.port}/`, { headers: { connection: 'close' } });
  return sum(Buffer.from(await response.arrayBuffer()));
}

test('where there is no sender, and where it cannot send, the daemon sends by itself, and does not try again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-sender-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const [missing, unable, asked] = [join(folder, 'missing'), join(folder, 'unable'), join(folder, 'asked')];
  await writeFile(unable, `#!/bin/sh\necho x >> ${asked}\nexit 69\n`, { mode: 0o755 });
  for (const program of [missing, unable]) {
    const sendFile = createFileSender(seconds(20), program);
    t.is(await sentWith(t, sendFile), sum(bytes));
    t.is(await sentWith(t, sendFile), sum(bytes));
  }
  t.is(await readFile(asked, 'utf8'), 'x\n');
});

test('the sender says 69 for what cannot be sent so, 64 for what is no order, and ends with its standard input', async (t) => {
  // The file is a pipe, of which sendfile(2) wants no offset.
  const run = async (args: readonly string[], open = true): Promise<unknown> => {
    const child = spawn(sender, args, { stdio: ['pipe', 'ignore', 'ignore', 'pipe', 'pipe'], timeout: 20_000 });
    if (!open) child.stdin?.destroy();
    const [code] = await once(child, 'exit');
    return code;
  };
  t.is(await run(['0', '10', '5']), 69);
  t.is(await run(['0', '10', '5'], false), 1);
  t.is(await run(['0', '10']), 64);
  t.is(await run(['0', 'x', '5']), 64);
});
