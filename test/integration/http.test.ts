import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { must, ok, problem } from '../../config/result.ts';
import { millis, parseIpv4, seconds } from '../../config/values.ts';
import { type AdminDeps, adminApi } from '../../daemon/http/endpoints/admin.ts';
import { bootApi } from '../../daemon/http/endpoints/boot.ts';
import { lanApi } from '../../daemon/http/endpoints/lan.ts';
import { pageRoutes } from '../../daemon/http/page/assets.ts';
import { daemonProof } from '../../daemon/http/proof.ts';
import { get, type Route } from '../../daemon/http/router.ts';
import { type HttpOptions, serveHttp } from '../../daemon/http/server.ts';
import type { EventView } from '../../daemon/http/wire.ts';
import { memorySource } from '../../image-builder/index.ts';
import { accessFake } from '../unit/http/access-fake.ts';
import { balanceFake } from '../unit/http/balance-fake.ts';
import { cardsFake } from '../unit/http/cards-fake.ts';
import { failoverFake } from '../unit/http/failover-fake.ts';
import { loginFake } from '../unit/http/login-fake.ts';
import { openingFake } from '../unit/http/opening-fake.ts';
import { powerFake } from '../unit/http/power-fake.ts';
import { descriptionFake, deviceFake, eventFake, imageFilesFake, statusFake } from '../unit/http/views-fake.ts';
import { baseOf, bootFake, installOf, KEY, sha256, silentLog } from './installer-boot-fake.ts';

type AdminFake = AdminDeps & {
  readonly acted: string[];
  readonly stored: EventView[];
  readonly listeners: Set<(event: EventView) => void>;
};

function adminFake(): AdminFake {
  const board = deviceFake('worker-kube1');
  const fake: AdminFake = {
    ...cardsFake(),
    ...openingFake(),
    ...balanceFake(),
    ...failoverFake(),
    ...powerFake(),
    ...accessFake,
    ...loginFake,
    acted: [],
    stored: [eventFake(1), eventFake(2, 'worker-kube2'), eventFake(3)],
    listeners: new Set(),
    status: () => statusFake([board]),
    describe: (name) => (name === board.name || name === board.id ? descriptionFake(board) : undefined),
    events: ({ after, device, limit }) => {
      const fitting = fake.stored.filter((event) => device === undefined || event.device === device);
      return after === undefined ? fitting.slice(-limit) : fitting.filter(({ id }) => id > after).slice(0, limit);
    },
    subscribe: (listener) => {
      fake.listeners.add(listener);
      return () => fake.listeners.delete(listener);
    },
    ready: () => ({ ok: false, failing: ['tftp'] }),
    workloads: () => ({ known: false, spread: [], services: [] }),
    metrics: () => 'bramble_boards{state="ready"} 1\n',
    imageFiles: async (name) => (name === board.name ? ok(imageFilesFake(name)) : undefined),
    replace: async (name, { heir, by, loseData }) => {
      if (name !== board.name) return problem('NOT_FOUND', `no board ${name}`);
      fake.acted.push(`replace ${name} ${heir} ${by} ${loseData}`);
      return ok({ ...board, state: 'accepted' });
    },
    act: async (name, action, { by, force }) => {
      if (name !== board.name) return problem('NOT_FOUND', 'no such board');
      if (action === 'retry') return problem('CONFLICT', 'worker-kube1 is ready: nothing to retry');
      fake.acted.push(`${action} ${name} ${by}${force ? ' by force' : ''}`);
      return ok({ ...board, state: 'accepted' });
    },
  };
  return fake;
}

type Served = { readonly url: string; readonly stop: () => Promise<void>; readonly port: number };

async function serve(t: ExecutionContext, routes: readonly Route[], more: Partial<HttpOptions> = {}): Promise<Served> {
  const stopped = new AbortController();
  const listen = { address: must(parseIpv4('127.0.0.1')), port: 0 };
  const server = must(await serveHttp({ listen, routes, log: silentLog, signal: stopped.signal, ...more }));
  const stop = async (): Promise<void> => {
    stopped.abort();
    await server.closed;
  };
  t.teardown(stop);
  return { url: `http://127.0.0.1:${server.port}`, port: server.port, stop };
}

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-http-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

type Reply = { readonly status: number; readonly body: string };
const over = (socketPath: string, method: string, path: string, body = ''): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    request.on('error', reject).end(body);
  });

test('the admin API over a unix socket', async (t) => {
  const socket = join(await folderOf(t), 'brambled.sock');
  const fake = adminFake();
  await serve(t, adminApi(fake), { listen: { socket } });
  t.is((await stat(socket)).mode & 0o777, 0o660);
  const ask = (method: string, path: string, body?: string): Promise<Reply> => over(socket, method, path, body);
  t.deepEqual(await ask('GET', '/healthz'), { status: 200, body: 'ok\n' });
  const notReady = await ask('GET', '/readyz');
  t.is(notReady.status, 503);
  t.like(JSON.parse(notReady.body), { code: 'NOT_READY', details: { failing: ['tftp'] } });
  t.like(JSON.parse((await ask('GET', '/v1/status')).body), { revision: 42 });
  t.is(JSON.parse((await ask('GET', '/v1/devices')).body).devices.length, 1);
  const device = JSON.parse((await ask('GET', '/v1/devices/worker-kube1')).body);
  t.is(device.name, 'worker-kube1');
  t.false('timeline' in device);
  t.is(JSON.parse((await ask('GET', '/v1/devices/worker-kube1/describe')).body).timeline.length, 2);
  t.is((await ask('GET', '/v1/devices/worker-kube9')).status, 404);
  t.deepEqual(
    JSON.parse((await ask('GET', '/v1/devices/worker-kube1/image/files')).body),
    imageFilesFake('worker-kube1'),
  );
  t.is((await ask('GET', '/v1/devices/worker-kube9/image/files')).status, 404);
  t.is((await ask('POST', '/v1/devices/worker-kube1/accept', '{"by":"anna"}')).status, 200);
  t.is((await ask('POST', '/v1/devices/worker-kube1/reject')).status, 200);
  t.deepEqual(fake.acted.splice(0), ['accept worker-kube1 anna', 'reject worker-kube1 owner']);
  t.is((await ask('POST', '/v1/devices/worker-kube1/leave', '{"by":"anna","force":true}')).status, 200);
  t.is((await ask('POST', '/v1/devices/worker-kube1/leave', '{"by":"anna","force":"no"}')).status, 200);
  t.deepEqual(fake.acted, ['leave worker-kube1 anna by force', 'leave worker-kube1 anna']);
  t.is((await ask('POST', '/v1/devices/worker-kube1/retry')).status, 409);
  t.is((await ask('POST', '/v1/devices/worker-kube9/accept')).status, 404);
  t.is((await ask('POST', '/v1/devices/worker-kube1/accept', '{"by":"\\n"}')).status, 400);
  t.is((await ask('POST', '/v1/devices/worker-kube1/accept', '{')).status, 400);
  const replace = (body: string, name = 'worker-kube1') => ask('POST', `/v1/devices/${name}/replace`, body);
  t.is((await replace('{"by":"anna","with":"worker-kube7","loseData":true}')).status, 200);
  t.is((await replace('{"with":"worker-kube7","loseData":"yes"}')).status, 200);
  t.deepEqual(fake.acted.slice(2), [
    'replace worker-kube1 worker-kube7 anna true',
    'replace worker-kube1 worker-kube7 owner false',
  ]);
  for (const wrong of ['', '{', '[]', '{"by":"anna"}', '{"with":7}', '{"with":"../x"}', '{"with":"b","by":"\\n"}'])
    t.is((await replace(wrong)).status, 400, wrong);
  t.like(JSON.parse((await replace('{"with":"b"}', 'worker-kube9')).body), { code: 'NOT_FOUND' });
  t.is((await ask('GET', '/v1/events?after=x')).status, 400);
  t.deepEqual(
    JSON.parse((await ask('GET', '/v1/events?after=1')).body).events.map(({ id }: EventView) => id),
    [2, 3],
  );
});

test('who may come in by himself: on the unix socket only, and nothing that cannot be meant', async (t) => {
  const socket = join(await folderOf(t), 'brambled.sock');
  await serve(t, adminApi(adminFake()), { listen: { socket } });
  const path = '/v1/admission/open';
  const set = (body: unknown) => over(socket, 'POST', path, typeof body === 'string' ? body : JSON.stringify(body));
  t.is((await over(socket, 'GET', path)).body, '{"open":null}\n');
  t.is(
    (await set({ boards: 3, seconds: 600, by: 'anna' })).body,
    '{"open":{"by":"anna","boards":3,"secondsLeft":600}}\n',
  );
  for (const wrong of [
    '',
    'null',
    '[]',
    {},
    { boards: 3 },
    { boards: '3', seconds: 600 },
    { boards: 1.5, seconds: 600 },
    { boards: -1, seconds: 600 },
    { boards: 1001, seconds: 600 },
    { boards: 3, seconds: 0 },
    { boards: 3, seconds: 24 * 3600 + 1 },
    { boards: 3, seconds: 600, by: 'a b' },
    { boards: 3, seconds: 600, by: 7 },
  ]) {
    t.is((await set(wrong)).status, 400, JSON.stringify(wrong));
  }
  t.is((await set({ boards: 500, seconds: 600 })).status, 409);
  t.regex((await over(socket, 'GET', path)).body, /"boards":3/, 'nothing was changed');
  const { url } = await serve(t, lanApi(adminFake()));
  for (const method of ['GET', 'POST']) t.is((await fetch(`${url}${path}`, { method })).status, 404);
});

test('planned work: on the unix socket only, each wish as it was meant, and nothing that cannot be meant', async (t) => {
  const socket = join(await folderOf(t), 'brambled.sock');
  const fake = { ...adminFake(), ...powerFake() };
  await serve(t, adminApi(fake), { listen: { socket } });
  const send = (path: string, body: unknown) =>
    over(socket, 'POST', path, typeof body === 'string' ? body : JSON.stringify(body));
  t.is((await over(socket, 'GET', '/v1/power')).body, '{"run":null,"last":null}\n');
  const shutdown = '/v1/power/shutdown';
  for (const wrong of [
    ...['', 'null', '[]', {}, { all: true, boards: ['worker-kube1'] }, { boards: 'worker-kube1' }, { boards: [7] }],
    ...[{ boards: ['no/name'] }, { all: 'true' }, { all: true, by: 'a b' }, { boards: Array(1001).fill('a') }],
  ])
    t.is((await send(shutdown, wrong)).status, 400, JSON.stringify(wrong));
  for (const wrong of ['null', '7', { boards: [''] }, { by: '' }])
    t.is((await send('/v1/power/startup', wrong)).status, 400, JSON.stringify(wrong));
  t.deepEqual(fake.asked, [], 'nothing was begun');
  t.is((await send(shutdown, { all: true, keepMaster: true, by: 'ups' })).status, 200);
  t.is((await send(shutdown, { boards: ['worker-kube1'], force: true, deleteData: true })).status, 200);
  t.is((await send('/v1/power/startup', {})).status, 200);
  t.is((await send('/v1/devices/worker-kube1/drain', '')).status, 200);
  t.is((await send('/v1/devices/worker-kube1/drain', { by: 'anna', deleteData: true })).status, 200);
  t.is((await send('/v1/devices/worker-kube1/uncordon', { force: true })).status, 200);
  const none = { force: false, deleteData: false };
  t.deepEqual(fake.asked, [
    { by: 'ups', all: true, boards: [], keepMaster: true, ...none },
    { by: 'owner', all: false, boards: ['worker-kube1'], keepMaster: false, force: true, deleteData: true },
    { by: 'owner', boards: [] },
    { name: 'worker-kube1', how: { by: 'owner', ...none } },
    { name: 'worker-kube1', how: { by: 'anna', force: false, deleteData: true } },
    { name: 'worker-kube1', how: { by: 'owner', force: true } },
  ]);
  t.is((await send(shutdown, { boards: ['nobody'] })).status, 404);
  t.is((await send(shutdown, { boards: ['busy'] })).status, 409);
  t.is((await send('/v1/devices/nobody/drain', '')).status, 404);
  t.is((await send('/v1/devices/busy/uncordon', '')).status, 409);
  t.is((await send('/v1/devices/worker-kube1/drain', '{')).status, 400);
  const { url } = await serve(t, lanApi(adminFake()));
  for (const path of ['/v1/power', shutdown, '/v1/power/startup', '/v1/devices/worker-kube1/drain'])
    for (const method of ['GET', 'POST']) t.is((await fetch(`${url}${path}`, { method })).status, 404);
});

test('a socket that a dead process left is replaced, a living one and a file are not', async (t) => {
  const folder = await folderOf(t);
  const socket = join(folder, 'stale.sock');
  // A process that is killed leaves its socket behind.
  const script = `require('node:net').createServer().listen(${JSON.stringify(socket)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const signal = AbortSignal.timeout(60_000);
  const options = { listen: { socket }, routes: [], log: silentLog, signal };
  t.like(await serveHttp(options), { ok: false, error: { code: 'ADDRESS_IN_USE' } });
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.true((await stat(socket)).isSocket());
  await serve(t, [get('/healthz', () => ({ kind: 'nothing' }))], { listen: { socket } });
  t.is((await over(socket, 'GET', '/healthz')).status, 204);
  const file = join(folder, 'file');
  await writeFile(file, 'mine');
  t.like(await serveHttp({ ...options, listen: { socket: file } }), { ok: false, error: { code: 'CANNOT_LISTEN' } });
});

test('a TCP port in use is a problem, not an exception', async (t) => {
  const first = await serve(t, []);
  const listen = { address: must(parseIpv4('127.0.0.1')), port: first.port };
  const second = await serveHttp({ listen, routes: [], log: silentLog, signal: AbortSignal.timeout(60_000) });
  t.like(second, { ok: false, error: { code: 'ADDRESS_IN_USE' } });
});

test('the LAN may read and see the page, and change nothing', async (t) => {
  const { url } = await serve(t, [...lanApi(adminFake()), ...(await pageRoutes())]);
  t.is((await fetch(`${url}/v1/status`)).status, 200);
  t.is((await fetch(`${url}/v1/devices/worker-kube1/accept`, { method: 'POST' })).status, 404);
  t.is((await fetch(`${url}/v1/devices/worker-kube1/image/files`)).status, 404);
  const page = await fetch(url);
  t.regex(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  const html = await page.text();
  let bytes = html.length;
  for (const [, path = ''] of html.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
    const part = await fetch(url + path);
    t.is(part.status, 200, path);
    bytes += (await part.text()).length;
  }
  t.true(bytes < 100_000, `${bytes} bytes`);
  t.notRegex(html, /https?:\/\//);
  const head = await fetch(url, { method: 'HEAD' });
  t.is(head.headers.get('content-length'), String(Buffer.byteLength(html)));
  t.is(await head.text(), '');
});

test('events: stored ones, then live ones without a gap or a double, heartbeats, and an end on both sides', async (t) => {
  const fake = adminFake();
  const { url, stop } = await serve(t, lanApi(fake), { heartbeat: millis(20) });
  const leave = new AbortController();
  const response = await fetch(`${url}/v1/events?after=1&follow=1&device=worker-kube1`, { signal: leave.signal });
  const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const until = async (seen: () => boolean): Promise<void> => {
    while (!seen()) text += (await reader.read()).value ?? '';
  };
  await until(() => text.includes('"id":3'));
  for (const listener of fake.listeners)
    for (const event of [eventFake(3), eventFake(4, 'other'), eventFake(5)]) listener(event);
  await until(() => text.includes('"id":5') && text.endsWith('\n\n'));
  const ids = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): number => JSON.parse(line).id);
  t.deepEqual(ids, [3, 5]);
  t.is(fake.listeners.size, 1);
  leave.abort();
  await reader.closed.catch(() => undefined);
  const second = await fetch(`${url}/v1/events?follow=1`);
  await stop();
  await t.throwsAsync(second.text());
  t.is(fake.listeners.size, 0);
});

test('a body that is too large, a handler that throws and bytes that are no HTTP leave the server alive', async (t) => {
  const { url, port } = await serve(
    t,
    [
      ...bootApi(bootFake({ script: [] })),
      get('/throws', () => {
        throw new Error('a secret detail');
      }),
    ],
    { maxBody: 1000 },
  );
  const large = await fetch(`${url}/v1/boot/report`, { method: 'POST', body: 'x'.repeat(2000) });
  t.is(large.status, 413);
  t.like(await large.json(), { code: 'TOO_LARGE' });
  const thrown = await fetch(`${url}/throws`);
  t.is(thrown.status, 500);
  t.notRegex(await thrown.text(), /secret/);
  for (const junk of [
    '\0\x01\x02\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n`,
    'POST /v1/boot/report HTTP/1.1\r\nhost: a\r\ncontent-length: 500\r\n\r\nhalf',
  ]) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end(junk);
    socket.resume();
    await once(socket, 'close');
  }
  t.is((await fetch(`${url}/throws`)).status, 500);
});

test('a connection on which nothing moves is cut', async (t) => {
  const { port } = await serve(t, [], { idle: millis(100) });
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  await once(socket, 'close');
  t.pass();
});

test('boot: install lines, the base from an offset, sectors, and 403 or 404 for what is not armed', async (t) => {
  const base = baseOf(300_000 - (300_000 % 512));
  const payload = {
    runs: [
      { sector: 9, count: 1, blobSector: 1 },
      { sector: 0, count: 1, blobSector: 0 },
    ],
    blob: new Uint8Array(1024).fill(7),
  };
  const fake = bootFake({ script: [() => ({ ...installOf(base, payload), message: 'two\nlines' })], base, payload });
  const { url } = await serve(t, bootApi(fake));
  const post = (path: string, form: Record<string, string>): Promise<Response> =>
    fetch(`${url}/v1/boot/${path}`, { method: 'POST', body: new URLSearchParams(form) });
  const challenge = '0123456789abcdef'.repeat(2);
  const claim = { mac: 'dc:a6:32:01:02:03', disk: 'mmcblk0|sd|8000000000|blank|', source: 'netboot', challenge };
  const index = sha256(Buffer.from(`sha256 ${sha256(payload.blob)} 1024\n9 1 1\n0 1 0\n`));
  const order = `${challenge}|${claim.mac}|install|arm-1|mmcblk0|${sha256(base)}|${base.length}|${index}`;
  const digest = sha256(base);
  t.is(
    await (await post('report', claim)).text(),
    `action=install\nstate=installing\nmessage=two lines\narming=arm-1\ndisk=mmcblk0\nbase=/v1/boot/base/${digest}\nbase-bytes=${base.length}\nbase-sha256=${digest}\nsectors=/v1/boot/sectors/arm-1\nsectors-sha256=${index}\nproof=${daemonProof(KEY, `daemon|${order}`)}\n`,
  );
  const bad = await post('report', { ...claim, mac: 'x' });
  t.is(bad.status, 400);
  t.regex(await bad.text(), /^error=mac: /);
  const rest = await fetch(`${url}/v1/boot/base/${digest}?offset=200000`);
  t.is(rest.status, 200);
  t.is(rest.headers.get('content-length'), String(base.length - 200_000));
  t.true(Buffer.from(await rest.arrayBuffer()).equals(base.subarray(200_000)));
  t.is((await fetch(`${url}/v1/boot/base/${digest}?offset=${base.length}`)).headers.get('content-length'), '0');
  t.is((await fetch(`${url}/v1/boot/base/${digest}?offset=${base.length + 1}`)).status, 400);
  t.is((await fetch(`${url}/v1/boot/base/${'0'.repeat(64)}`)).status, 404);
  t.is((await fetch(`${url}/v1/boot/base/..%2f..%2fetc%2fpasswd`)).status, 404);
  t.is(
    await (await fetch(`${url}/v1/boot/sectors/arm-1/index`)).text(),
    `sha256 ${sha256(payload.blob)} 1024\n9 1 1\n0 1 0\n`,
  );
  t.is((await fetch(`${url}/v1/boot/sectors/arm-2/data`)).status, 403);
  t.is((await post('progress', { arming: 'arm-1', bytes: '5' })).status, 204);
  t.is((await post('progress', { arming: 'arm-2', bytes: '5' })).status, 403);
  t.is(await (await post('installed', { arming: 'arm-1', sha256: digest })).text(), 'action=boot\n');
  t.is((await post('failed', { arming: 'arm-1', code: 'VERIFY_FAILED', detail: 'a\nb' })).status, 204);
  t.deepEqual(fake.failures, [{ code: 'VERIFY_FAILED', detail: 'a b' }]);
});

test('twenty streams at once: each is whole, none waits for another, and a client that leaves closes its source', async (t) => {
  const base = baseOf(4 * 1024 * 1024);
  const open = new Set<symbol>();
  let opened = 0;
  const fake = bootFake({
    script: [],
    base,
    open: (source) => {
      const mine = Symbol('source');
      open.add(mine);
      opened += 1;
      return { ...source, close: async () => void open.delete(mine) };
    },
  });
  const { url, port } = await serve(t, bootApi(fake), { idle: seconds(20) });
  const path = `/v1/boot/base/${sha256(base)}`;
  // One that never reads: it must not hold up the others.
  const stuck = connect(port, '127.0.0.1');
  stuck.on('error', () => undefined).pause();
  stuck.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
  const whole = await Promise.all(
    Array.from({ length: 20 }, async () => Buffer.from(await (await fetch(url + path)).arrayBuffer()).equals(base)),
  );
  t.true(whole.every(Boolean));
  t.is(opened, 21);
  stuck.destroy();
  const { promise: allClosed, resolve } = Promise.withResolvers<void>();
  const look = setInterval(() => open.size === 0 && resolve(), 5);
  await allClosed;
  clearInterval(look);
  t.is(open.size, 0);
});

test('a source that ends early cuts the connection, so that nobody takes it for whole', async (t) => {
  const source = { ...memorySource(new Uint8Array(1000)), size: 500_000 };
  const { url } = await serve(t, [get('/short', () => ({ kind: 'bytes', source, offset: 0 }))]);
  await t.throwsAsync(fetch(`${url}/short`).then((response) => response.arrayBuffer()));
});

function openFrom(t: ExecutionContext, port: number, localAddress: string) {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  return socket;
}

test('strangers hold so many connections together, and those we know have the others', async (t) => {
  const { port } = await serve(t, [get('/x', () => ({ kind: 'nothing' }))], {
    strangersMax: 3,
    isKnown: (address) => address === '127.0.0.9',
  });
  const held = [2, 3, 4].map((at) => openFrom(t, port, `127.0.0.${at}`));
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  await once(openFrom(t, port, '127.0.0.5'), 'close');
  const board = openFrom(t, port, '127.0.0.9');
  board.write('GET /x HTTP/1.1\r\nhost: x\r\n\r\n');
  const [answer] = await once(board, 'data');
  t.regex(String(answer), /^HTTP\/1\.1 204/);
  t.false(held.some((socket) => socket.destroyed));
});

test('one host holds so many connections and no more; the next one is cut, and there is room when one ends', async (t) => {
  const { port } = await serve(t, [get('/x', () => ({ kind: 'nothing' }))], { perClient: 3 });
  const open = () => openFrom(t, port, '127.0.0.1');
  const held = [open(), open(), open()];
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  const refused = open();
  await once(refused, 'close');
  t.false(held.some((socket) => socket.destroyed));
  const [first] = held;
  first?.destroy();
  // The server hears of the end a moment later.
  const deadline = Date.now() + 10_000;
  for (let answer = ''; !answer.startsWith('HTTP/1.1 204'); ) {
    t.true(Date.now() < deadline);
    const socket = open();
    socket.end('GET /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    answer = await new Promise<string>((resolve) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += String(chunk);
      });
      socket.on('close', () => resolve(text));
    });
  }
  t.pass();
});

test('the event stream: new events as they come, after a break those since the last one, and so many followers at most', async (t) => {
  const fake = adminFake();
  const { url } = await serve(t, lanApi(fake), { heartbeat: millis(20) });
  const leave = new AbortController();
  t.teardown(() => leave.abort());
  const stream = async (headers: Record<string, string> = {}) =>
    await fetch(`${url}/v1/events/stream`, { headers, signal: leave.signal });
  const response = await stream({ 'last-event-id': '1' });
  t.is(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const until = async (seen: () => boolean): Promise<void> => {
    while (!seen()) text += (await reader.read()).value ?? '';
  };
  await until(() => text.includes('id: 3\n'));
  for (const listener of fake.listeners) listener({ ...eventFake(4), reason: 'two\nlines\n\ndata: forged' });
  await until(() => text.includes('forged') && text.endsWith('\n\n'));
  const data = text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [JSON.parse(line.slice(6))] : []));
  t.deepEqual(
    data.map(({ id }) => id),
    [2, 3, 4],
  );
  t.is(data[2].reason, 'two\nlines\n\ndata: forged');
  const others = await Promise.all(Array.from({ length: 23 }, () => stream()));
  t.true(others.every(({ status }) => status === 200));
  t.is((await stream()).status, 429);
  await others[0]?.body?.cancel();
  let again = await stream();
  while (again.status === 429) again = await stream();
  t.is(again.status, 200);
});
