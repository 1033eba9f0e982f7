/**
 * Hostile neighbours: a million datagrams for each protocol, on the wire, at the real servers in one process. After that the
 * process is the same, not larger, has reported no error of its own, and real clients are served.
 */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MemoryInUse, ServiceOptions } from '../bench/services/options.ts';
import { type Host, makeLan, runPrefix } from '../support/netns.ts';
import type { Running } from '../support/program.ts';
import type { Check, Scenario } from './scenario.ts';

const services = fileURLToPath(new URL('../bench/services/main.ts', import.meta.url));
const sender = fileURLToPath(new URL('./fuzz-sender/main.ts', import.meta.url));

const [server, neighbourAddress] = ['10.77.0.1', '10.77.0.2'];
const runs = [
  { protocol: 'dhcp', count: 1_000_000 },
  { protocol: 'tftp-requests', count: 500_000 },
  { protocol: 'tftp-transfers', count: 500_000 },
  { protocol: 'mdns', count: 1_000_000 },
] as const;
/** Of each run, before memory is looked at for the first time: by then everything has been used once. */
const warmUp = 0.05;
/** Of what is in use after a collection. A leak of two bytes a datagram would be more. */
const growthMost = 6 * 2 ** 20;
/** Else V8 takes 100 MiB more for young objects in the course of the run, on a machine that has them. */
const heapOptions = ['--max-semi-space-size=8', '--expose-gc'];
const deadlineMs = 280_000;

export const fuzz: Scenario = async (check) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-fuzz-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  try {
    const served = randomBytes(300_000);
    await writeFile(join(folder, 'served'), served);
    const master = await lan.addHost({ name: 'master', address: `${server}/24` });
    const neighbour = await lan.addHost({ name: 'neighbour', address: `${neighbourAddress}/24` });
    const board = await lan.addHost({ name: 'board', mac: 'dc:a6:32:00:00:01' });
    const options: ServiceOptions = {
      ...{ address: server, prefix: 24, tftp: { folder }, mdns: { name: 'master' } },
      dhcp: { data: join(folder, 'data'), range: '10.77.0.100-10.77.0.199', pendingMax: 50 },
    };
    const ours = master.spawn([process.execPath, ...heapOptions, services, JSON.stringify(options)]);
    await ours.waitFor(/^ready$/m);
    const dhcpClient = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-t', '10', '-T', '1', '-s', '/bin/true'];
    const leaseOf = async (): Promise<string | undefined> =>
      /lease of (\S+) obtained/.exec((await board.exec(dhcpClient)).stderr)?.[1];
    assert.ok(await leaseOf());
    const seed = randomInt(2 ** 31);
    process.stdout.write(`seed ${seed}\n`);

    const attack = async (protocol: string, count: number): Promise<string> => {
      const command = [process.execPath, sender, protocol, neighbourAddress, server, `${count}`, `${seed}`];
      const { code, stdout, stderr } = await neighbour.exec(command, { deadlineMs });
      if (code !== 0) throw new Error(`${protocol}: ${stderr || `ended with ${code}`}`);
      return stdout.trim();
    };
    const all = async (part: number, inPart: (protocol: string, count: number) => Promise<void>) => {
      for (const { protocol, count } of runs) await inPart(protocol, Math.ceil(count * part));
    };
    await all(warmUp, async (protocol, count) => void (await attack(protocol, count)));
    const before = await memoryOf(ours);
    await all(1, (protocol, count) =>
      check(`${protocol}: ${count} hostile datagrams, each lot of them followed by an answer`, async () => {
        process.stdout.write(`${protocol}: ${await attack(protocol, count)}\n`);
      }),
    );
    const after = await memoryOf(ours);

    await check('the process is still there', () => assert.doesNotThrow(() => process.kill(ours.pid, 0)));
    await check('it has not grown', () => {
      const inUse = ({ heapUsed, external }: MemoryInUse): number => heapUsed + external;
      const both = (of: (memory: MemoryInUse) => number) =>
        `${mebibytes(of(before))} before, ${mebibytes(of(after))} after`;
      process.stdout.write(`in use: ${both(inUse)}; resident: ${both(({ rss }) => rss)}\n`);
      assert.ok(inUse(after) - inUse(before) <= growthMost, `grown by ${mebibytes(inUse(after) - inUse(before))}`);
    });
    await check('nothing was an error of ours', () => assert.equal(ours.stderr(), ''));
    await realClients(check, { leaseOf, neighbour, folder, served });
    await ours.kill();
  } finally {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  }
};

async function realClients(
  check: Check,
  site: {
    readonly leaseOf: () => Promise<string | undefined>;
    readonly neighbour: Host;
    readonly folder: string;
    readonly served: Uint8Array;
  },
): Promise<void> {
  const { leaseOf, neighbour, folder, served } = site;
  // Not the same one for sure: nobody accepted the board, and whoever is silent for two minutes gives way to the forged ones.
  await check('udhcpc gets an address', async () => assert.match((await leaseOf()) ?? '', /^10\.77\.0\.1\d\d$/));
  await check('curl gets a file over TFTP', async () => {
    const target = join(folder, 'fetched');
    const fetched = await neighbour.exec(['curl', '-sS', '--max-time', '20', '-o', target, `tftp://${server}/served`]);
    assert.equal(fetched.code, 0, fetched.stderr);
    assert.deepEqual(await readFile(target), Buffer.from(served));
  });
  await check('a resolver gets the master’s address over mDNS', async () => {
    const ask = `const resolver = new (require('node:dns').promises.Resolver)({ timeout: 2000, tries: 5 });
      resolver.setServers(['${server}:5353']);
      resolver.resolve4('master.local').then((found) => console.log(found.join()))`;
    const asked = await neighbour.exec([process.execPath, '-e', ask]);
    assert.equal(asked.stdout.trim(), server, asked.stderr);
  });
}

let looks = 0;
async function memoryOf(services: Running): Promise<MemoryInUse> {
  looks += 1;
  process.kill(services.pid, 'SIGUSR2');
  const [, memory = ''] = await services.waitFor(new RegExp(`(?:^memory (.*)$[^]*?){${looks}}`, 'm'));
  return JSON.parse(memory);
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
