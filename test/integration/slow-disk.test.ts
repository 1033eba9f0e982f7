/** A commit that takes half a second, as on a worn SD card: nobody who needs no commit may notice. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { must, ok } from '../../config/result.ts';
import { millis, parseIpv4 } from '../../config/values.ts';
import { healthRoute } from '../../daemon/http/endpoints/read.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import { openStore } from '../../daemon/store/open.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { nodeUdp } from '../../daemon/system/udp.ts';
import { tftpServer } from '../../daemon/tftp/server.ts';
import { createLogDouble } from '../support/doubles.ts';
import { finish, startProgram } from '../support/program.ts';

const loopback = must(parseIpv4('127.0.0.1'));
const FILE = Buffer.alloc(256 * 1024, 'firmware');

test('TFTP and probes go on while a commit takes 500 ms', async (t) => {
  const log = createLogDouble();
  const stop = new AbortController();
  const directory = await mkdtemp(join(tmpdir(), 'bramble-slow-disk-'));
  const store = await openStore({ directory, log, signal: stop.signal, commitDelayForTests: millis(500) });
  const tftp = await tftpServer({
    openUdp: nodeUdp(log),
    listen: { bind: { address: loopback, port: 0 } },
    transferAddress: loopback,
    clock: systemClock,
    log,
    signal: stop.signal,
    limits: { perClient: 4, total: 8 },
    open: async () =>
      ok({
        size: FILE.length,
        read: async (into, offset) => FILE.copy(into, 0, offset, offset + into.length),
        close: async () => undefined,
      }),
  });
  const http = must(
    await serveHttp({ listen: { address: loopback, port: 0 }, routes: [healthRoute], log, signal: stop.signal }),
  );
  t.teardown(async () => {
    stop.abort();
    await Promise.all([tftp.closed, http.closed, store.close()]);
    await rm(directory, { recursive: true, force: true });
  });

  const order: string[] = [];
  // One after another, 500 ms each: a blocked event loop would let nothing else end before the last of them.
  const committing = (async () => {
    for (let number = 1; number <= 6; number++) {
      await store.commit([{ write: 'put-setting', key: 'names.next', value: String(number) }]);
      order.push(`commit ${number}`);
    }
  })();
  const target = join(directory, 'fetched');
  const fetching = (async () => {
    const url = `tftp://127.0.0.1:${tftp.local.port}/start4.elf`;
    const end = await finish(startProgram(['curl', '-sS', '--tftp-blksize', '1468', '-o', target, url]));
    t.is(end.code, 0, end.stderr);
    order.push('fetched');
  })();
  const probing = (async () => {
    for (let probe = 0; probe < 20; probe++) t.is(await health(http.port), 200);
    order.push('probed');
  })();
  await Promise.all([committing, fetching, probing]);
  t.deepEqual(await readFile(target), FILE);
  t.is(order.at(-1), 'commit 6', order.join(', '));
});

const health = (port: number): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/healthz', agent: false }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode));
    }).once('error', reject);
  });
