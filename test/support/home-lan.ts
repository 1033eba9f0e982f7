/** A home LAN in namespaces: the whole daemon as master, dnsmasq as the router, two Pis and a laptop as their clients. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Host, type Lan, makeLan, runPrefix } from './netns.ts';
import type { Running } from './program.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const launcher = file('../../daemon/launcher');
/** For a start or a lease, on a machine that has other work. */
const patience = 60_000;

/** What udhcpc says: a lease of ours (addresses 100 to 199), of the router (20 to 60). */
export const fromUs = /lease of 10\.77\.0\.1\d\d obtained from 10\.77\.0\.1,/;
export const fromRouter = /lease of 10\.77\.0\.[2-6]\d obtained from 10\.77\.0\.254,/;

export type HomeLan = {
  readonly lan: Lan;
  readonly folder: string;
  readonly master: Host;
  readonly router: Host;
  readonly first: Host;
  readonly second: Host;
  readonly laptop: Host;
  /** Keys of bramble.yaml beside those of the site; settles when the service `dhcp` is up. */
  readonly startDaemon: (settings: Settings) => Promise<Running>;
  readonly startRouter: () => Promise<Running>;
  /** What udhcpc says of itself; `tries` DISCOVERs, a second each. */
  readonly lease: (host: Host, tries?: number) => Promise<string>;
  /** `bramble status -o json`. */
  readonly status: () => Promise<string>;
  /** All that is sent from port 67, a line each, until it is killed. */
  readonly sniff: () => Promise<Running>;
  readonly close: () => Promise<void>;
};
export type Settings = { readonly dhcp?: { readonly mode?: string; readonly search?: number } } & Record<
  string,
  unknown
>;

export async function makeHomeLan(): Promise<HomeLan> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-home-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  const close = async (): Promise<void> => {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  };
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24', mac: 'dc:a6:32:00:00:99' });
  const router = await lan.addHost({ name: 'router', address: '10.77.0.254/24' });
  const [first, second, laptop] = await lan.addHosts([
    { name: 'pi1', mac: 'dc:a6:32:00:00:01' },
    { name: 'pi2', mac: 'dc:a6:32:00:00:02' },
    { name: 'laptop' },
  ]);
  if (first === undefined || second === undefined || laptop === undefined) throw new Error('no hosts');
  const socket = join(folder, 'sock');

  const startDaemon = async (settings: Settings): Promise<Running> => {
    const config = join(folder, 'bramble.yaml');
    const own = { interface: 'eth0', data: join(folder, 'data'), socket, log: { level: 'debug' } };
    await writeFile(config, JSON.stringify({ ...own, ...settings }));
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
  const lease = async (host: Host, tries = 20): Promise<string> => {
    const client = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-s', '/bin/true', '-T', '1'];
    const { stdout, stderr } = await host.exec([...client, '-t', `${tries}`], { deadlineMs: patience + tries * 1000 });
    return stdout + stderr;
  };
  const status = async (): Promise<string> => {
    const cli = [process.execPath, file('../../cli/main.ts'), '--socket', socket, 'status', '-o', 'json'];
    return (await master.exec(cli)).stdout;
  };
  const sniff = async (): Promise<Running> => {
    const tcpdump = router.spawn(['tcpdump', '-i', 'eth0', '-n', '-l', '-U', '--immediate-mode', 'udp src port 67']);
    await tcpdump.waitFor(/listening on/);
    return tcpdump;
  };
  return {
    ...{ lan, folder, master, router, first, second, laptop },
    ...{ startDaemon, startRouter, lease, status, sniff, close },
  };
}

/** How often the daemon has answered anybody whose hardware address begins so. */
export const answersTo = (daemon: Running, mac: string): number =>
  daemon
    .stderr()
    .split('\n')
    .filter((line) => /dhcp (offer|ack|nak) sent/.test(line) && line.includes(mac)).length;

/** Settles with the look of this number, the first is 1. */
export const look = (daemon: Running, number: number): Promise<unknown> =>
  daemon.waitFor(new RegExp(`(dhcp search: asked[\\s\\S]*){${number}}`), 180_000);

/** What was seen from the port of DHCP servers, by sender. */
export const sentBy = (sniffer: Running, address: string): number =>
  sniffer.stdout().split(`${address}.67 >`).length - 1;

/**
 * The owner's router comes up after a new master: at the look of number `at`, while a Pi and a laptop ask for an address all
 * the time. What came of it.
 */
export async function lateRouter(home: HomeLan, { search, at }: { readonly search: number; readonly at: number }) {
  const sniffer = await home.sniff();
  const daemon = await home.startDaemon({ dhcp: { search } });
  const asking = [home.first, home.laptop].map((host) => home.lease(host, 170));
  await look(daemon, 1);
  const before = await home.status();
  await look(daemon, at);
  const router = await home.startRouter();
  await daemon.waitFor(/another DHCP server: it gives the addresses here[^\n]*"server":"10\.77\.0\.254"/, patience);
  const leases = await Promise.all(asking);
  await daemon.waitFor(/"dhcp serves"[^\n]*"mode":"proxy"/);
  await sniffer.waitFor(/10\.77\.0\.254\.67 >/);
  return { daemon, router, sniffer, leases, before, after: await home.status() };
}
