/**
 * DHCP starvation: as many DISCOVERs and REQUESTs from forged Raspberry Pis as this machine can send, for 25 seconds. Boards
 * that the daemon knows keep their addresses and are answered; nothing is written for the forged ones beyond `pending.max`;
 * when it is over, a new board is taken in.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { launcher, startDaemon } from '../support/daemon.ts';
import { makeLan, runPrefix } from '../support/netns.ts';
import type { Check, Scenario } from './scenario.ts';
import type { Boot } from './starvation-boards/main.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const server = '10.77.0.1';
const floodSeconds = 25;
/** From the boards' first DISCOVER, which is before the flood, until the kernel sieves: what it drops may be of a board. */
const onsetMs = 1500;
/** A Pi 3's ROM asks five times, five seconds apart, and then never again (facts 3.4). */
const unansweredMost = 3;
const pendingMax = 64;
const latencyMost = 100;

export const starvation: Scenario = async (check) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-starvation-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  try {
    const master = await lan.addHost({ name: 'master', address: `${server}/24` });
    const shelf = await lan.addHost({ name: 'shelf' });
    const forger = await lan.addHost({ name: 'forger' });
    const pi = await lan.addHost({ name: 'pi', mac: 'dc:a6:32:00:00:01' });
    // A broadcast storm starves clients by itself, whatever the server does (udhcpc reads each frame): here it is the server's.
    await lan.isolate([shelf, forger, pi]);
    const daemon = await startDaemon(master, folder, '10.77.0.100-10.77.0.199');

    const macs = Array.from({ length: 10 }, (_, number) => `dc:a6:32:00:00:${16 + number}`);
    const bootFor = async (seconds: number): Promise<readonly Boot[]> => {
      const peer = [process.execPath, file('./starvation-boards/main.ts'), `${seconds}`, ...macs];
      const { stdout, stderr } = await shelf.exec([launcher, 'eth0', 'udp:68', '--', ...peer], { deadlineMs: 90_000 });
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout);
    };
    const leaseOf = async (): Promise<string | undefined> => {
      const client = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-t', '10', '-T', '1', '-s', '/bin/true'];
      return /lease of (\S+) obtained/.exec((await pi.exec(client)).stderr)?.[1];
    };
    const commits = async (): Promise<number> => (await daemon.client.status()).revision;

    const quiet = await bootFor(5);
    const lease = await leaseOf();
    print('quiet', quiet);
    const before = await commits();

    const command = ['perl', file('../support/dhcp-flood.pl'), 'eth0', server, `${floodSeconds}`];
    // The boards are there first: they are to see the flood begin.
    const answered = async (): Promise<number> => (await daemon.client.status()).master.traffic.dhcp.answered;
    const answeredBefore = await answered();
    const booting = bootFor(floodSeconds - 4);
    const deadline = performance.now() + 30_000;
    while ((await answered()) === answeredBefore) {
      assert.ok(performance.now() < deadline, 'no board was answered within 30 s');
      await delay(10);
    }
    const flood = forger.exec(command, { deadlineMs: 90_000 });
    const during = await booting;
    const leaseDuring = await leaseOf();
    const sent = Number((await flood).stdout);
    process.stdout.write(
      `${sent} forged datagrams in ${floodSeconds} s: ${Math.round(sent / floodSeconds)} a second\n`,
    );
    const [onset, sieved] = [during.filter(({ at }) => at < onsetMs), during.filter(({ at }) => at >= onsetMs)];
    print(`flood, first ${onsetMs} ms`, onset);
    print('flood, after that', sieved);
    process.stdout.write(`${/dropped since start: .*/.exec(await daemon.bramble('status', '-o', 'wide'))?.[0]}\n`);

    await servedAsBefore(check, quiet, during, sieved);
    await check('udhcpc gets the address that the board had before', () => {
      assert.ok(lease !== undefined);
      assert.equal(leaseDuring, lease);
    });
    await check(`nothing was written for the forged ones beyond pending.max (${pendingMax})`, async () => {
      const { revision, devices } = await daemon.client.status();
      process.stdout.write(`${devices.length} boards, ${revision - before} commits\n`);
      assert.ok(devices.length <= pendingMax, `${devices.length} boards`);
      assert.ok(revision - before <= pendingMax, `${revision - before} commits`);
    });
    await check('the counters tell of it', async () => {
      const { flood: held, overrun } = (await daemon.client.status()).master.traffic.dhcp;
      assert.ok(held + overrun > sent / 2, `${held} + ${overrun} of ${sent}`);
      const { stdout } = await master.exec(['curl', '-s', `http://${server}:8067/metrics`]);
      process.stdout.write(`${/^nodejs_eventloop_lag_p99_seconds .*$/m.exec(stdout)}\n`);
      assert.match(stdout, /^bramble_dhcp_datagrams_total\{result="flood"\} [1-9]/m);
    });
    await newBoard(check, async () => {
      const fresh = await lan.addHost({ name: 'fresh', mac: 'dc:a6:32:00:00:02' });
      const client = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '60', '-T', '3', '-s', '/bin/true'];
      return await fresh.exec(client, { deadlineMs: 200_000 });
    });
    await daemon.program.kill();
  } finally {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  }
};

async function servedAsBefore(
  check: Check,
  quiet: readonly Boot[],
  during: readonly Boot[],
  sieved: readonly Boot[],
): Promise<void> {
  await check('every board is offered the address that it had before', () => {
    const addressOf = new Map(quiet.map(({ mac, address }) => [mac, address]));
    assert.equal(new Set(addressOf.values()).size, 10);
    for (const { mac, address } of during) if (address !== undefined) assert.equal(address, addressOf.get(mac));
  });
  const longest = Math.max(...[...new Set(during.map(({ mac }) => mac))].map((mac) => unansweredInARow(during, mac)));
  process.stdout.write(`in a row without an answer, onset included: ${longest} at most\n`);
  await check(`no board asks more than ${unansweredMost} times in a row for nothing, from before the flood on`, () => {
    assert.ok(longest <= unansweredMost, `${longest}`);
  });
  await check(`99 of 100 boots are answered within ${latencyMost} ms, once the flood is sieved`, () => {
    const late = sieved.filter(({ milliseconds = Number.POSITIVE_INFINITY }) => milliseconds > latencyMost);
    assert.ok(
      late.length <= sieved.length / 100,
      `${late.length} of ${sieved.length}: ${JSON.stringify(late.slice(0, 5))}`,
    );
  });
}

function unansweredInARow(boots: readonly Boot[], mac: string): number {
  let [longest, row] = [0, 0];
  for (const boot of boots.filter((one) => one.mac === mac).toSorted((a, b) => a.at - b.at)) {
    row = boot.milliseconds === undefined ? row + 1 : 0;
    longest = Math.max(longest, row);
  }
  return longest;
}

/** The forged ones give way when their provisional leases are over (two minutes). */
async function newBoard(
  check: Check,
  ask: () => Promise<{ readonly code: number; readonly stderr: string }>,
): Promise<void> {
  await check('a new board is served within the provisional lease of the forged ones', async () => {
    const start = performance.now();
    const { code, stderr } = await ask();
    process.stdout.write(`new board served after ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
    assert.equal(code, 0, stderr);
  });
}

function print(what: string, boots: readonly Boot[]): void {
  const times = boots.flatMap(({ milliseconds }) => milliseconds ?? []).toSorted((a, b) => a - b);
  const at = (part: number): string =>
    `${times[Math.min(times.length - 1, Math.floor(times.length * part))]?.toFixed(1)} ms`;
  const lost = boots.length - times.length;
  process.stdout.write(
    `${what}: ${boots.length} boots, ${lost} without an answer, median ${at(0.5)}, p99 ${at(0.99)}, worst ${at(1)}\n`,
  );
}
