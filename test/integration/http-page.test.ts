/** The status page's own API: who may do what there, as a browser and as somebody else's page would ask. */
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { must, ok, problem } from '../../config/result.ts';
import { millis, parseIpv4 } from '../../config/values.ts';
import { type PageApiDeps, pageApi } from '../../daemon/http/endpoints/page.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import { createSessions } from '../../daemon/http/sessions.ts';
import { powerFake } from '../unit/http/power-fake.ts';
import { deviceFake } from '../unit/http/views-fake.ts';
import { silentLog } from './installer-boot-fake.ts';

const HOST = 'master.local:8067';
type Reply = { readonly status: number; readonly cookie: string; readonly body: string };
type Ask = (method: string, path: string, headers?: Readonly<Record<string, string>>, body?: unknown) => Promise<Reply>;

async function served(t: ExecutionContext) {
  const acted: string[] = [];
  const records: string[] = [];
  const board = deviceFake('worker-kube1');
  const sessions = createSessions({ bytes: (length) => randomBytes(length), elapsed: () => millis(0) });
  const deps: PageApiDeps = {
    ...powerFake(),
    sessions,
    record: async (name, reason) => void records.push(`${name}: ${reason}`),
    act: async (name, action, { by, force }) => {
      if (name !== board.name) return problem('NOT_FOUND', 'no such board');
      acted.push(`${action} ${name} ${by} ${force}`);
      return ok(board);
    },
    replace: async (name, { heir, by, loseData }) => {
      acted.push(`replace ${name} ${heir} ${by} ${loseData}`);
      return ok(board);
    },
  };
  const stopped = new AbortController();
  const listen = { address: must(parseIpv4('127.0.0.1')), port: 0 };
  const routes = pageApi(deps, [HOST]);
  const server = must(await serveHttp({ listen, routes, log: silentLog, signal: stopped.signal }));
  t.teardown(async () => {
    stopped.abort();
    await server.closed;
  });
  const ask: Ask = (method, path, headers = {}, body) =>
    new Promise((resolve, reject) => {
      const to = { host: '127.0.0.1', port: server.port, method, path, headers: { host: HOST, ...headers } };
      httpRequest({ ...to, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            cookie: response.headers['set-cookie']?.[0] ?? '',
            body: text,
          }),
        );
      })
        .on('error', reject)
        .end(body === undefined ? undefined : JSON.stringify(body));
    });
  return { ask, acted, records, invite: () => sessions.invite('anna').code };
}

const ORIGIN = { origin: `http://${HOST}` };
async function signedIn({ ask, invite }: Awaited<ReturnType<typeof served>>) {
  const { cookie, body } = await ask('POST', '/v1/session', ORIGIN, { code: invite() });
  const { session } = JSON.parse(body);
  const pair = cookie.split(';', 1)[0] ?? '';
  return { cookie, pair, headers: { ...ORIGIN, cookie: pair, 'x-bramble-csrf': String(session.csrf) } };
}

test('a code becomes a cookie that no script and no other site gets; it is told of, and works once', async (t) => {
  const page = await served(t);
  const code = page.invite();
  const first = await page.ask('POST', '/v1/session', ORIGIN, { code });
  t.is(first.status, 200);
  t.regex(first.cookie, /^bramble-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
  t.like(JSON.parse(first.body), { session: { by: 'anna', secondsLeft: 43_200 } });
  t.deepEqual(page.records, ['page-login: anna signed in on the status page from 127.0.0.1']);
  t.is((await page.ask('POST', '/v1/session', ORIGIN, { code })).status, 403);
  for (let guess = 0; guess < 10; guess += 1) await page.ask('POST', '/v1/session', ORIGIN, { code: `${guess}` });
  t.is((await page.ask('POST', '/v1/session', ORIGIN, { code: page.invite() })).status, 429);
  t.is(page.records.length, 1, 'guesses fill no record');
});

test('with it boards are accepted, reinstalled, located, replaced and shut down, under the name of who signed in', async (t) => {
  const page = await served(t);
  const { headers } = await signedIn(page);
  const deed = async (path: string, body: unknown = {}) => (await page.ask('POST', path, headers, body)).status;
  for (const action of ['accept', 'reinstall', 'locate'])
    t.is(await deed(`/v1/devices/worker-kube1/${action}`, { by: 'mallory', force: true }), 200);
  t.is(await deed('/v1/devices/worker-kube1/replace', { with: 'worker-kube2', by: 'mallory', loseData: true }), 200);
  t.deepEqual(page.acted, [
    ...['accept', 'reinstall', 'locate'].map((action) => `${action} worker-kube1 anna false`),
    'replace worker-kube1 worker-kube2 anna false',
  ]);
  t.is(await deed('/v1/power/shutdown', { boards: ['worker-kube1'] }), 200);
  t.is(await deed('/v1/power/shutdown', { all: true }), 400, 'the cluster is shut down on the command line');
  t.is(await deed('/v1/devices/worker-kube9/accept'), 404);
  t.deepEqual(page.records.slice(1), [
    ...['accept', 'reinstall', 'locate'].map(
      (action) => `page-${action}: ${action} worker-kube1: asked for on the status page by anna from 127.0.0.1`,
    ),
    'page-replace: replace worker-kube1 with worker-kube2: asked for on the status page by anna from 127.0.0.1',
    'page-shutdown: shutdown boards worker-kube1: asked for on the status page by anna from 127.0.0.1',
    'page-shutdown: shutdown: asked for in vain on the status page by anna from 127.0.0.1',
    'page-accept: accept worker-kube9: asked for in vain on the status page by anna from 127.0.0.1',
  ]);
  for (const path of ['/v1/devices/worker-kube1/wipe', '/v1/devices/worker-kube1/forget', '/v1/access', '/v1/login'])
    t.is(await deed(path), 404, path);
});

test('another site, another name for our address, a cookie alone, a token alone: nothing is done', async (t) => {
  const page = await served(t);
  const { headers, pair } = await signedIn(page);
  const csrf = headers['x-bramble-csrf'];
  const asked: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ['another origin', { ...headers, origin: 'http://evil.example' }],
    ['no origin', { cookie: pair, 'x-bramble-csrf': csrf }],
    ['a sandboxed frame', { ...headers, origin: 'null' }],
    ['DNS rebinding', { ...headers, host: 'evil.example:8067', origin: 'http://evil.example:8067' }],
    ['another port', { ...headers, host: 'master.local:80', origin: 'http://master.local:80' }],
    ['no token', { ...ORIGIN, cookie: pair }],
    ['a wrong token', { ...headers, 'x-bramble-csrf': csrf.slice(1) }],
    ['no cookie', { ...ORIGIN, 'x-bramble-csrf': csrf }],
    ['a wrong cookie', { ...headers, cookie: `${pair}x` }],
  ];
  for (const [name, given] of asked)
    for (const path of ['/v1/devices/worker-kube1/reinstall', '/v1/power/shutdown', '/v1/session/end'])
      t.is((await page.ask('POST', path, given, {})).status, 403, `${name}: ${path}`);
  t.deepEqual(page.acted, []);
  const rebound = { ...headers, host: 'evil.example:8067' };
  t.is((await page.ask('GET', '/v1/session', rebound)).status, 403, 'the token is not read under another name');
  t.is((await page.ask('POST', '/v1/session', { origin: 'http://evil.example' }, { code: page.invite() })).status, 403);
  t.like(JSON.parse((await page.ask('GET', '/v1/session')).body), { session: null });
  t.like(JSON.parse((await page.ask('GET', '/v1/session', { cookie: pair })).body), { session: { by: 'anna', csrf } });
  t.is((await page.ask('POST', '/v1/session/end', headers)).status, 204);
  t.is((await page.ask('POST', '/v1/devices/worker-kube1/accept', headers, {})).status, 403);
});
