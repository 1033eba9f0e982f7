/** The second part of the fuzz: the real daemon with its limits on, flooded from one address, while others are served. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../support/daemon.ts';
import { type Host, makeLan, runPrefix } from '../support/netns.ts';
import type { Scenario } from './scenario.ts';

const sender = fileURLToPath(new URL('./fuzz-sender/main.ts', import.meta.url));
const [server, hostile] = ['10.77.0.1', '10.77.0.2'];
const runs = [
  { protocol: 'dhcp', run: 'dhcp', count: 300_000 },
  { protocol: 'tftp', run: 'tftp-requests', count: 300_000 },
  { protocol: 'mdns', run: 'mdns', count: 300_000 },
  { protocol: 'http', run: 'http', count: 20_000 },
] as const;
/** Of what is in use after a collection. */
const growthMost = 8 * 2 ** 20;

/** The real clients ask once and again while the flood goes on; every one has to be served at its first try or one of its own. */
const clients: Readonly<Record<(typeof runs)[number]['protocol'], (hosts: Hosts) => Promise<unknown>>> = {
  dhcp: async ({ board, address }) => assert.equal(await leaseOf(board), address),
  tftp: async ({ other }) => {
    // It has no image to serve from: that there is no such file is an answer.
    const { stderr } = await other.exec(['busybox', 'tftp', '-g', '-r', 'start4.elf', '-l', '/dev/null', server]);
    assert.match(stderr, /not found/i);
  },
  mdns: async ({ other }) => {
    const ask = `const resolver = new (require('node:dns').promises.Resolver)({ timeout: 2000, tries: 5 });
      resolver.setServers(['${server}:5353']);
      resolver.resolve('_services._dns-sd._udp.local', 'PTR').then((found) => console.log(found.join()))`;
    assert.match((await other.exec([process.execPath, '-e', ask])).stdout, /_bramble\._tcp\.local/);
  },
  http: async ({ other }) =>
    assert.equal(
      (await other.exec(['curl', '-s', '--max-time', '20', `http://${server}:8067/healthz`])).stdout,
      'ok\n',
    ),
};
type Hosts = { readonly board: Host; readonly other: Host; readonly address: string | undefined };

export const fuzzLimited: Scenario = async (check) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-fuzz-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  try {
    const master = await lan.addHost({ name: 'master', address: `${server}/24` });
    const neighbour = await lan.addHost({ name: 'neighbour', address: `${hostile}/24` });
    const other = await lan.addHost({ name: 'other', address: '10.77.0.3/24' });
    const board = await lan.addHost({ name: 'board', mac: 'dc:a6:32:00:00:01' });
    // A storm of broadcasts starves udhcpc by itself: here it is the daemon's.
    await lan.isolate([neighbour, other, board]);
    const daemon = await startDaemon(master, folder, '10.77.0.100-10.77.0.199');
    const hosts: Hosts = { board, other, address: await leaseOf(board) };
    const traffic = async () => (await daemon.client.status()).master.traffic;
    const before = await daemon.heapInUse();
    for (const { protocol, run, count } of runs) {
      await check(
        `${protocol}: ${count} from one address, as fast as they go; others are served meanwhile`,
        async () => {
          const attack = neighbour.exec([process.execPath, sender, run, hostile, server, `${count}`, '1', 'blind'], {
            deadlineMs: 200_000,
          });
          let going = true;
          void attack.then(() => {
            going = false;
          });
          let served = 0;
          do {
            await clients[protocol](hosts);
            served += 1;
          } while (going);
          const { code, stdout, stderr } = await attack;
          assert.equal(code, 0, stderr);
          process.stdout.write(
            `${protocol}: ${stdout.trim()}; ${served} clients served: ${JSON.stringify((await traffic())[protocol])}\n`,
          );
        },
      );
    }
    await check('the limits were met', async () => {
      for (const [protocol, { flood }] of Object.entries(await traffic()))
        assert.ok(flood > 0, `${protocol}: ${flood}`);
    });
    await check('it has not grown', async () => {
      const after = await daemon.heapInUse();
      process.stdout.write(`heap in use: ${mebibytes(before)} before, ${mebibytes(after)} after\n`);
      assert.ok(after - before <= growthMost);
    });
    await check('nothing was an error of ours', () => assert.doesNotMatch(daemon.program.stderr(), /"level":"error"/));
    await daemon.program.kill();
  } finally {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  }
};

async function leaseOf(board: Host): Promise<string | undefined> {
  const client = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-t', '20', '-T', '1', '-s', '/bin/true'];
  return /lease of (\S+) obtained/.exec((await board.exec(client)).stderr)?.[1];
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
