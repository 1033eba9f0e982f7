/** `bramble failover` and `bramble confirm-off`, over the unix socket; the daemon behind it is a double. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Terminal } from '../../cli/output/terminal.ts';
import { must } from '../../config/result.ts';
import { failoverRoutes } from '../../daemon/http/endpoints/failover.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import { runBramble } from '../support/command-line.ts';
import { failoverFake } from '../unit/http/failover-fake.ts';
import { silentLog } from './installer-boot-fake.ts';

/** worker-kube2 waits for proof. */
async function aDaemon(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-failover-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const socket = join(folder, 'brambled.sock');
  const { signal, abort } = lifetime();
  const routes = failoverRoutes(failoverFake('worker-kube2'));
  const server = must(await serveHttp({ listen: { socket }, routes, log: silentLog, signal }));
  t.teardown(async () => {
    abort();
    await server.closed;
  });
  const bramble = (args: readonly string[], more?: Partial<Terminal>) =>
    runBramble(args, { BRAMBLE_SOCKET: socket }, more);
  const post = (path: string, body: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const asked = httpRequest({ socketPath: socket, method: 'POST', path }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      asked.on('error', reject).end(body);
    });
  return { bramble, post };
}

function lifetime() {
  const stop = new AbortController();
  return { signal: stop.signal, abort: () => stop.abort() };
}

test('failover: what is seen of boards, and what waits for proof', async (t) => {
  const { bramble } = await aDaemon(t);
  const { code, out } = await bramble(['failover']);
  t.is(code, 0);
  t.regex(out, /^failover is on; two signs for 4s; 0 fenced, 1 may be\n/);
  t.regex(out, /worker-kube2 +waiting-for-proof +silent +4s/);
  t.regex(
    out,
    /worker-kube2: waiting for proof: power off worker-kube2 and run `bramble confirm-off worker-kube2`; what waits: default\/db-0\n$/,
  );
  t.like(JSON.parse((await bramble(['failover', '-o', 'json'])).out), { mode: 'on', limit: 1 });
});

test('failover pause and resume', async (t) => {
  const { bramble } = await aDaemon(t);
  t.regex(
    (await bramble(['failover', 'pause', '--for', '1h'])).out,
    /^failover is paused by anna for 1h00m more; bramble failover resume/,
  );
  t.regex((await bramble(['failover', 'pause'])).out, /^failover is paused by anna; bramble failover resume ends that/);
  t.regex((await bramble(['failover', 'resume'])).out, /^failover is on;/);
  t.is((await bramble(['failover', 'pause', '--for', 'soon'])).code, 64);
  t.is((await bramble(['failover', 'pause', '--for', '900h'])).code, 64);
});

test('confirm-off asks first, and says what moves', async (t) => {
  const { bramble } = await aDaemon(t);
  const questions: string[] = [];
  const asking = (answer: string): Partial<Terminal> => ({
    ask: async (question) => {
      questions.push(question);
      return answer;
    },
  });
  t.like(await bramble(['confirm-off', 'worker-kube2'], asking('no')), { code: 1, out: '' });
  t.regex(
    questions[0] ?? '',
    /^Is worker-kube2 powered off, for certain\?.* What waits for it: default\/db-0\. Type yes: $/,
  );
  t.like(await bramble(['confirm-off', 'worker-kube2'], asking('yes')), {
    code: 0,
    out: 'worker-kube2: 1 pod moves to other boards: default/db-0\n',
  });
  t.is((await bramble(['confirm-off', 'worker-kube2', '--yes'])).code, 0);
  t.is(questions.length, 2);
  t.like(await bramble(['confirm-off', 'worker-kube2']), { code: 64, out: '' }, 'nobody is there to be asked');
  t.like(await bramble(['confirm-off', 'worker-kube1', '--yes']), { code: 1, out: '' });
  t.is((await bramble(['confirm-off', 'worker-kube9', '--yes'])).code, 4);
});

test('what cannot be meant is refused', async (t) => {
  const { post } = await aDaemon(t);
  for (const wrong of [
    ...[
      '',
      'null',
      '[]',
      '{}',
      '{"action":"run"}',
      '{"action":"pause","seconds":0}',
      '{"action":"pause","seconds":"1"}',
    ],
    ...['{"action":"pause","seconds":2592001}', '{"action":"resume","seconds":5}', '{"action":"pause","by":"a b"}'],
  ])
    t.is(await post('/v1/failover', wrong), 400, wrong);
  t.is(await post('/v1/failover', '{"action":"pause","seconds":60,"by":"anna"}'), 200);
  for (const wrong of ['[', 'null', '{"by":7}'])
    t.is(await post('/v1/devices/worker-kube2/confirm-off', wrong), 400, wrong);
  t.is(await post('/v1/devices/worker-kube2/confirm-off', ''), 200);
  t.is(await post('/v1/devices/worker-kube1/confirm-off', ''), 409);
  t.is(await post('/v1/devices/..%2f/confirm-off', ''), 404);
});
