/** The whole daemon in mode `full` on a LAN that may have a home router with a DHCP server (dnsmasq) on it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type Host, makeLan, runPrefix } from '../support/netns.ts';
import type { Running } from '../support/program.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const launcher = file('../../daemon/launcher');
const patience = 60_000;
const fromUs = /lease of 10\.77\.0\.1\d\d obtained from 10\.77\.0\.1,/;
const fromRouter = /lease of 10\.77\.0\.[2-6]\d obtained from 10\.77\.0\.254,/;

async function home(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-search-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24', mac: 'dc:a6:32:00:00:99' });
  const router = await lan.addHost({ name: 'router', address: '10.77.0.254/24' });
  const [first, second] = await lan.addHosts([
    { name: 'pi1', mac: 'dc:a6:32:00:00:01' },
    { name: 'pi2', mac: 'dc:a6:32:00:00:02' },
  ]);
  const laptop = await lan.addHost({ name: 'laptop' });
  if (first === undefined || second === undefined) throw new Error('no hosts');
  const socket = join(folder, 'sock');

  /** `search`: seconds, as in bramble.yaml; `undefined` leaves the key out. */
  const startDaemon = async (search: number | undefined): Promise<Running> => {
    const config = join(folder, 'bramble.yaml');
    const dhcp = { mode: 'full', ...(search !== undefined && { search }) };
    const site = { interface: 'eth0', topology: 'behind-master', addresses: '10.77.0.100-199' };
    await writeFile(
      config,
      JSON.stringify({ ...site, dhcp, data: join(folder, 'data'), socket, log: { level: 'debug' } }),
    );
    const command = [process.execPath, file('../../daemon/main.ts'), '--config', config];
    const daemon = master.spawn([launcher, 'eth0', 'udp:67,udp:68,udp:69,udp:5353', '--', ...command]);
    await daemon.waitFor(/"service is up","service":"dhcp"/, patience);
    return daemon;
  };
  const startRouter = async (): Promise<Running> => {
    const range = ['--dhcp-range=10.77.0.20,10.77.0.60,1h', '--dhcp-authoritative', '--no-ping', '--dhcp-broadcast'];
    const leases = `--dhcp-leasefile=${join(folder, 'leases')}`;
    const own = ['-d', '--port=0', '--conf-file=/dev/null', '--interface=eth0', '--user=root', '--pid-file'];
    const dnsmasq = router.spawn(['dnsmasq', ...own, ...range, leases]);
    await dnsmasq.waitFor(/DHCP, IP range/);
    return dnsmasq;
  };
  /** What the client says of itself; `tries` DISCOVERs, a second each. */
  const lease = async (host: Host, tries = 20): Promise<string> => {
    const client = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-s', '/bin/true', '-T', '1'];
    const { stdout, stderr } = await host.exec([...client, '-t', `${tries}`], { deadlineMs: patience });
    return stdout + stderr;
  };
  const status = async (): Promise<string> => {
    const cli = [process.execPath, file('../../cli/main.ts'), '--socket', socket, 'status', '-o', 'json'];
    return (await master.exec(cli)).stdout;
  };
  return { startDaemon, startRouter, lease, status, first, second, laptop };
}

const answersTo = (daemon: Running, mac: string): number =>
  daemon
    .stderr()
    .split('\n')
    .filter((line) => /dhcp (offer|ack|nak) sent/.test(line) && line.includes(mac)).length;

// One after the other: two cores are few.
test.serial('the router is there first: found by the first look, and its LAN stays as it was', async (t) => {
  const { startDaemon, startRouter, lease, status, first, second, laptop } = await home(t);
  const router = await startRouter();
  const daemon = await startDaemon(undefined);
  await daemon.waitFor(/another DHCP server: [^\n]*"server":"10\.77\.0\.254","asked":true/);
  t.regex(await lease(first), fromRouter);
  t.regex(await lease(laptop), fromRouter);
  t.is(answersTo(daemon, 'dc:a6:32'), 0, 'not one word to anybody, ourselves included');
  t.regex(await status(), /another DHCP server, 10\.77\.0\.254, is on this network/);
  await daemon.kill();
  await router.kill();

  const again = await startDaemon(1);
  await again.waitFor(/only known boards are served/);
  t.regex(await lease(first, 3), /no lease/, 'silence does not widen it, nor does a restart');
  t.regex(await status(), /another DHCP server, 10\.77\.0\.254/);
  await again.kill();

  const confirmed = await startDaemon(0);
  t.regex(await lease(first), fromUs, 'the owner has said that there is no other one');
  t.notRegex(await status(), /another DHCP server/);
  const later = await startRouter();
  t.regex(await lease(laptop), fromRouter);
  await confirmed.waitFor(/another DHCP server: [^\n]*"server":"10\.77\.0\.254"/);
  t.regex(await lease(second), fromRouter);
  t.is(answersTo(confirmed, 'dc:a6:32:00:00:02'), 0, 'overheard while it served: at once');
  await later.kill();
  await confirmed.kill();
  t.is(await confirmed.exited, 0);
});

test.serial(
  'nobody else is there: boards are served; the router comes up after a power cut, later than we',
  async (t) => {
    const { startDaemon, startRouter, lease, first, second } = await home(t);
    const fresh = await startDaemon(1);
    await fresh.waitFor(/no other DHCP server answers/);
    t.regex(await lease(first), fromUs);
    await fresh.kill();

    const daemon = await startDaemon(undefined);
    t.regex(await lease(first), fromUs, 'a board that is known does not wait for the search');
    t.regex(await lease(second, 2), /no lease/, 'a new one does');
    const router = await startRouter();
    await daemon.waitFor(/another DHCP server: [^\n]*"server":"10\.77\.0\.254","asked":true/);
    t.regex(await lease(second), fromRouter);
    await router.kill();
    t.regex(await lease(second, 2), /no lease/);
    t.is(answersTo(daemon, 'dc:a6:32:00:00:02'), 0);
    t.regex(await lease(first), fromUs, 'known boards are served on');
    await daemon.kill();
    t.is(await daemon.exited, 0);
  },
);
