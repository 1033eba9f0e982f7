/** `bramble balance` over the real socket, with a balance that is a fake. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type BalanceDeps, balanceRoutes } from '../../daemon/http/endpoints/balance.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import { runBramble } from '../support/command-line.ts';
import { createLogDouble } from '../support/doubles.ts';
import { balanceFake, planFake } from '../unit/http/balance-fake.ts';

async function serve(t: ExecutionContext, deps: BalanceDeps = balanceFake()) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-balance-'));
  const socket = join(folder, 'socket');
  const stop = new AbortController();
  const routes = balanceRoutes(deps);
  const server = await serveHttp({ listen: { socket }, routes, log: createLogDouble(), signal: stop.signal });
  t.true(server.ok);
  t.teardown(async () => {
    stop.abort();
    if (server.ok) await server.value.closed;
    await rm(folder, { recursive: true, force: true });
  });
  const bramble = (...args: readonly string[]) => runBramble(['balance', ...args], { BRAMBLE_SOCKET: socket });
  return { socket, bramble };
}

const post = (socketPath: string, body: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-length': Buffer.byteLength(body) };
    const sent = request({ socketPath, method: 'POST', path: '/v1/balance', headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject).end(body);
  });

test('--dry-run says each move and each skip in words, and as data what the daemon said', async (t) => {
  const { bramble } = await serve(t);
  const { code, out } = await bramble('--dry-run');
  t.is(code, 0);
  t.is(
    out,
    [
      '1 pod would be moved:\n',
      'OWNER                   FROM          TO            HOW    WHY',
      'Deployment default/web  worker-kube1  worker-kube2  evict  worker-kube1 has 2 of its pods, worker-kube2 none\n',
      'Left as they are:\n',
      'OWNER                   WHY',
      'StatefulSet default/db  its data is on its node\n',
    ].join('\n'),
  );
  t.deepEqual(JSON.parse((await bramble('--dry-run', '-o', 'json')).out), planFake);
});

test('run now: what moved and how it ended; refused while it is paused', async (t) => {
  const { bramble } = await serve(t);
  t.is((await bramble()).out, 'Deployment default/web: worker-kube1 → worker-kube2: ready\n1 pod moved\n');
  t.like(JSON.parse((await bramble('-o', 'json')).out), { number: 2, end: 'even', landed: 1 });
  t.is((await bramble('pause', '--for', '1h')).out, 'balance is paused by anna, for 1h00m more\n');
  t.like(await bramble(), { code: 1, out: '', err: 'bramble: balance is paused: bramble balance resume\n' });
  t.regex((await bramble('resume')).out, /^balance on-change: nothing to do/);
  t.is((await bramble('pause')).out, 'balance is paused by anna\n');
  for (const wrong of [['pause', '--for', '10'], ['pause', '--for', '721h'], ['-o', 'wide'], ['now']])
    t.is((await bramble(...wrong)).code, 64, wrong.join(' '));
});

test('a run that broke off ends with 1', async (t) => {
  const fake = balanceFake();
  const balance: BalanceDeps['balance'] = () => {
    const view = fake.balance();
    return {
      ...view,
      run: view.run && { ...view.run, end: 'stopped', detail: '3 moves in a row made nothing better' },
    };
  };
  const { bramble } = await serve(t, { ...fake, balance });
  const { code, out } = await bramble();
  t.is(code, 1);
  t.regex(out, /balance stopped: 3 moves in a row made nothing better\n$/);
});

test('bodies that cannot be meant change nothing', async (t) => {
  const fake = balanceFake();
  const { socket } = await serve(t, fake);
  for (const wrong of [
    ...['', 'null', '[]', '{}', '{"action":"go"}', '{"action":"run","seconds":5}', '{"action":"pause","seconds":0}'],
    ...['{"action":"pause","seconds":1.5}', '{"action":"pause","seconds":2592001}', '{"action":"pause","by":"a b"}'],
  ])
    t.is(await post(socket, wrong), 400, wrong);
  t.is(fake.balance().paused, null);
  t.is(fake.balance().run, null);
  t.is(await post(socket, '{"action":"pause","seconds":60,"by":"anna"}'), 200);
  t.is(await post(socket, '{"action":"run"}'), 409);
});
