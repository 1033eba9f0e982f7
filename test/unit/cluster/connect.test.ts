import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ok } from '../../../config/result.ts';
import { connectCluster } from '../../../daemon/cluster/connect.ts';
import { openCluster } from '../../../daemon/cluster/index.ts';
import { systemClock } from '../../../daemon/system/clock.ts';
import { createLogDouble, createRandomDouble } from '../../support/doubles.ts';

const signal = new AbortController().signal;
const codeOf = (result: { ok: true } | { ok: false; error: { code: string } }): string =>
  result.ok ? 'ok' : result.error.code;

async function begin(t: ExecutionContext, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-kubeconfig-'));
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const { port }: { port: number } = Object(server.address());
  const kubeconfig = join(folder, 'kubeconfig');
  const write = (token: string): Promise<void> =>
    writeFile(
      kubeconfig,
      JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
        // client-node wants this said before it speaks HTTP.
        clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}/`, 'insecure-skip-tls-verify': true } }],
        users: [{ name: 'c', user: { token } }],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
      }),
    );
  return { kubeconfig, write, port };
}

test('the file may come later; the credentials in it may be renewed', async (t) => {
  let known = 'first';
  const { kubeconfig, write, port } = await begin(t, (request, response) => {
    response.statusCode = request.headers.authorization === `Bearer ${known}` ? 200 : 401;
    response.end(JSON.stringify({ gitVersion: 'v1.34.2' }));
  });
  const connection = connectCluster({ kubeconfig });
  t.teardown(connection.close);
  const early = await connection.reachable(signal);
  t.is(codeOf(early), 'API_UNREACHABLE');
  await write('first');
  t.deepEqual(await connection.reachable(signal), ok('v1.34.2'));
  t.deepEqual(await connection.endpoint(), ok({ server: `http://127.0.0.1:${port}`, caPem: '' }));
  known = 'second';
  await write('second');
  t.is(codeOf(await connection.reachable(signal)), 'API_UNAUTHORIZED');
  t.deepEqual(await connection.reachable(signal), ok('v1.34.2'));
});

test('a broken file is named and not quoted: it holds a key', async (t) => {
  const { kubeconfig } = await begin(t, () => undefined);
  for (const broken of ['client-key-data: c2VjcmV0\n\t- :', '{"users": "c2VjcmV0"}', '', 'null', '[]']) {
    await writeFile(kubeconfig, broken);
    const end = await connectCluster({ kubeconfig }).reachable(signal);
    t.is(codeOf(end), 'API_UNREACHABLE', broken);
    t.false(JSON.stringify(end).includes('c2VjcmV0'));
  }
});

test('what a server says instead of JSON is a problem', async (t) => {
  const { kubeconfig, write } = await begin(t, (_request, response) => void response.end('<html>welcome</html>'));
  await write('x');
  const connection = connectCluster({ kubeconfig });
  t.teardown(connection.close);
  t.is(codeOf(await connection.reachable(signal)), 'API_FAILED');
});

test('closing lets a request that is under way end', async (t) => {
  const { kubeconfig, write } = await begin(t, (_request, response) => {
    connection.close();
    setImmediate(() => void response.end('{"gitVersion":"v1"}'));
  });
  await write('x');
  const connection = connectCluster({ kubeconfig });
  t.deepEqual(await connection.reachable(signal), ok('v1'));
});

test('without a cluster: nothing is known, nothing breaks, and it ends with the signal', async (t) => {
  const closing = new AbortController();
  const log = createLogDouble();
  const deps = { clock: systemClock, random: createRandomDouble(), log, signal: closing.signal };
  const cluster = openCluster({ kubeconfig: '/nowhere/kubeconfig', ...deps });
  t.is(codeOf(await cluster.readNode('a', signal)), 'API_UNREACHABLE');
  t.deepEqual(cluster.nodes(), []);
  t.false(cluster.synced());
  await log.when('watch interrupted');
  closing.abort();
  await cluster.done;
});
