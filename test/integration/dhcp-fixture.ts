/** Our DHCP server on a master, and a LAN with one board to ask it. For the tests beside it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { type Host, type Lan, makeLan, runPrefix } from '../support/netns.ts';
import type { Running } from '../support/program.ts';
import type { TestServerOptions } from './dhcp-test-server.ts';

const file = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
export const launcher = file('../../daemon/launcher');

export const serverAddress = '10.77.0.1';
export const boardMac = 'dc:a6:32:00:00:01';

/** Behind the launcher. Settles once it listens. */
export async function serveDhcp(
  host: Host,
  options: Partial<TestServerOptions> = {},
  device = 'eth0',
): Promise<Running> {
  const settings = { address: serverAddress, mode: 'full', boot: true, ...options };
  const program = file('./dhcp-test-server.ts');
  const server = host.spawn([launcher, device, 'udp:67', '--', process.execPath, program, JSON.stringify(settings)]);
  await server.waitFor(/"event":"listening","fd":\d/);
  return server;
}

/** Gone with the test's teardown. */
export async function dhcpLan(t: ExecutionContext): Promise<Lan> {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  return lan;
}

export type DhcpLab = {
  readonly network: Lan;
  readonly master: Host;
  readonly pi: Host;
  readonly server: Running;
  readonly folder: string;
};

/** A switch, a master that serves, one board. */
export async function dhcpLab(t: ExecutionContext, options: Partial<TestServerOptions> = {}): Promise<DhcpLab> {
  const network = await dhcpLan(t);
  const [master, pi] = await network.addHosts([
    { name: 'master', address: `${serverAddress}/24` },
    { name: 'pi1', mac: boardMac },
  ]);
  if (master === undefined || pi === undefined) throw new Error('no hosts');
  const server = await serveDhcp(master, options);
  const folder = await mkdtemp(join(tmpdir(), 'bramble-dhcp-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return { network, master, pi, server, folder };
}

/** What the server's `onSighting` was told, in its order. */
export const sightings = (server: Running): readonly Record<string, unknown>[] =>
  server
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"event":"sighting"'))
    .map((line) => JSON.parse(line));
