/** A flood from forged Raspberry Pis at the real daemon: what it may cost, and what it may not. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { startDaemon } from '../support/daemon.ts';
import { type Host, makeLan, runPrefix } from '../support/netns.ts';

const floodProgram = fileURLToPath(new URL('../support/dhcp-flood.pl', import.meta.url));
const server = '10.77.0.1';

/** A Pi 3's ROM asks five times, five seconds apart, and then never again (facts 3.4). */
const attemptsOfAPi = 5;

async function leaseOf(host: Host, attempts = 30): Promise<string | undefined> {
  const client = [
    'busybox',
    'udhcpc',
    '-i',
    'eth0',
    '-f',
    '-q',
    '-n',
    '-t',
    `${attempts}`,
    '-T',
    '1',
    '-s',
    '/bin/true',
  ];
  return /lease of (\S+) obtained/.exec((await host.exec(client, { deadlineMs: 60_000 })).stderr)?.[1];
}

test('DHCP starvation: a known board keeps its address, pending.max bounds what is written, all is counted', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-starvation-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const master = await lan.addHost({ name: 'master', address: `${server}/24` });
  const pi = await lan.addHost({ name: 'pi', mac: 'dc:a6:32:00:00:01' });
  const forger = await lan.addHost({ name: 'forger' });
  // The board's own client would have to read the storm, too.
  await lan.isolate([pi, forger]);
  const daemon = await startDaemon(master, folder, '10.77.0.100-10.77.0.199', { pending: { max: 5 } });
  const address = await leaseOf(pi);
  t.regex(address ?? '', /^10\.77\.0\.1\d\d$/);
  const { revision } = await daemon.client.status();

  const flood = forger.spawn(['perl', floodProgram, 'eth0', server, '60']);
  const onset: { isOver: boolean } = { isOver: false };
  const sieved = daemon.program.waitFor(/"dhcp flood: sieved"/, 60_000).finally(() => {
    onset.isOver = true;
  });
  // Again and again, so that one of them meets the moment when nothing is sieved yet.
  do t.is(await leaseOf(pi, attemptsOfAPi), address, 'within its own attempts');
  while (!onset.isOver);
  await sieved;
  t.is(await leaseOf(pi), address);
  await flood.kill();

  const { devices, master: seen, revision: after } = await daemon.client.status();
  t.is(devices.length, 5);
  t.is(after - revision, 4, 'one commit for each forged board that was taken in');
  t.true(devices.some((board) => board.address === address));
  t.true(seen.traffic.dhcp.flood > 1000 && seen.traffic.dhcp.overrun > 1000, JSON.stringify(seen.traffic.dhcp));
  t.regex(await daemon.bramble('status', '-o', 'wide'), /^dropped since start: dhcp \d+ of \d+ \(.*flood \d+/m);
  const { stdout } = await master.exec(['curl', '-s', `http://${server}:8067/metrics`]);
  t.regex(stdout, /^bramble_dhcp_datagrams_total\{result="flood"\} [1-9]\d+$/m);
  t.regex(stdout, /^bramble_boards\{state="seen"\} 5$/m);

  // The sieve is taken off again: nobody else is kept out for good.
  await daemon.program.waitFor(/"dhcp flood is over"/, 60_000);
  await daemon.program.kill();
  t.is(await daemon.program.exited, 0);
});
