/** A switch, a master whose DHCP server is ours, one board with tcpdump on its wire. For the tests beside it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { type Capture, startCapture } from '../support/capture.ts';
import { type Host, type Lan, makeLan, runPrefix } from '../support/netns.ts';
import type { Running } from '../support/program.ts';
import type { TestServerOptions } from './dhcp-test-server.ts';

const file = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

export const serverAddress = '10.77.0.1';
export const boardMac = 'dc:a6:32:00:00:01';

export type DhcpLab = {
  readonly lan: Lan;
  readonly board: Host;
  readonly server: Running;
  readonly wire: Capture;
  readonly folder: string;
};

/** All is gone with the test's teardown. */
export async function dhcpLab(t: ExecutionContext, filter = 'udp'): Promise<DhcpLab> {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const folder = await mkdtemp(join(tmpdir(), 'bramble-dhcp-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const [master, board] = await lan.addHosts([
    { name: 'master', address: `${serverAddress}/24` },
    { name: 'board', mac: boardMac },
  ]);
  if (master === undefined || board === undefined) throw new Error('no hosts');
  const settings: TestServerOptions = { address: serverAddress, mode: 'full', boot: true };
  const program = [process.execPath, file('./dhcp-test-server.ts'), JSON.stringify(settings)];
  const server = master.spawn([file('../../daemon/launcher'), 'eth0', 'udp:67', '--', ...program]);
  await server.waitFor(/"event":"listening"/);
  return { lan, board, server, wire: await startCapture(board, filter), folder };
}

/** What the server's `onSighting` was told, in its order. */
export const sightings = (server: Running): readonly Record<string, unknown>[] =>
  server
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"event":"sighting"'))
    .map((line) => JSON.parse(line));
