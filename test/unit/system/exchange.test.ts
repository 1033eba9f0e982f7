import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { millis, minutes } from '../../../config/values.ts';
import { exchange } from '../../../daemon/system/exchange.ts';

const signal = new AbortController().signal;

/** A server that does as it is told with each line. */
async function listening(t: ExecutionContext, onLine: (line: string, socket: Socket) => void): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-exchange-'));
  const path = join(folder, 'sock');
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', (data) => onLine(data.toString(), socket));
    t.teardown(() => socket.destroy());
  }).listen(path);
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  return path;
}

test('one line there, the answer back once the other side has closed', async (t) => {
  const path = await listening(t, (line, socket) => {
    socket.write('you said ');
    socket.end(line);
  });
  t.deepEqual(await exchange(path, 'hello', { signal, timeout: minutes(1) }), { ok: true, value: 'you said hello\n' });
});

test('an answer that does not end is cut', async (t) => {
  const path = await listening(t, (_, socket) => socket.end('x'.repeat(100_000)));
  const answer = await exchange(path, 'hello', { signal, timeout: minutes(1) });
  t.deepEqual(answer, { ok: true, value: 'x'.repeat(1024) });
});

test('nobody listens', async (t) => {
  const answer = await exchange(join(tmpdir(), 'bramble-nobody'), 'hello', { signal, timeout: minutes(1) });
  t.like(answer, { ok: false, error: { code: 'EXCHANGE_FAILED' } });
  t.false(answer.ok);
  if (!answer.ok) t.regex(answer.error.detail, /bramble-nobody: connect ENOENT/);
});

test('no answer: given up after the time, or when it is over', async (t) => {
  const life = new AbortController();
  const path = await listening(t, (line) => {
    if (line === 'over\n') life.abort();
  });
  const late = await exchange(path, 'late', { signal, timeout: millis(20) });
  t.deepEqual(late, { ok: false, error: { code: 'EXCHANGE_FAILED', detail: `${path}: no answer in time` } });
  const over = await exchange(path, 'over', { signal: life.signal, timeout: minutes(1) });
  t.deepEqual(over, { ok: false, error: { code: 'EXCHANGE_FAILED', detail: `${path}: ended` } });
  t.like(await exchange(path, 'after', { signal: life.signal, timeout: minutes(1) }), { ok: false });
});
