/** A master with boards on one side and an internet on the other, in namespaces. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { minutes } from '../../config/values.ts';
import { exchange } from '../../daemon/system/exchange.ts';
import { answerForGateway, sayWhoAsks } from '../support/gateway.ts';
import { type Host, makeLan, runPrefix } from '../support/netns.ts';
import type { ExecOptions, Finished, Running } from '../support/program.ts';

/** By its path: npm's `nft`, a tool of ava's, comes first in PATH under npm. */
export const nft = '/usr/sbin/nft';
export type Site = {
  readonly folder: string;
  readonly master: Host;
  readonly board: Host;
  readonly internet: Host;
  readonly socket: string;
  /** As the daemon asks. */
  readonly ask: (line: string) => Promise<string>;
  /** In the network, /etc and /run that `bramble-gateway` sees. */
  readonly onMaster: (command: readonly string[], options?: ExecOptions) => Promise<Finished>;
  readonly spawnOnMaster: (command: readonly string[]) => Running;
  readonly output: (...command: readonly string[]) => Promise<string>;
  /** Fetches a page that names the address it was asked from; empty if it cannot be had in time. */
  readonly seenFrom: (host: Host, url: string, seconds?: number) => Promise<string>;
};

/** The board has no address yet. Machines on the internet know the way to the boards' subnet, as an attacker would. */
export async function makeSite(t: ExecutionContext): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-gateway-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const signal = new AbortController().signal;
  const lan = await makeLan({ prefix: runPrefix(), signal });
  t.teardown(lan.close);
  const outside = await makeLan({ prefix: runPrefix(), signal });
  t.teardown(outside.close);
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const board = await lan.addHost({ name: 'board', mac: 'dc:a6:32:00:00:01' });
  const internet = await outside.addHost({ name: 'internet', address: '203.0.113.1/24' });
  await outside.addHost({ name: 'master', into: master, interface: 'wlan0', address: '203.0.113.2/24' });
  await internet.exec(['ip', 'route', 'add', '10.77.0.0/24', 'via', '203.0.113.2']);

  const socket = join(folder, 'gateway.sock');
  const server = await answerForGateway(master, socket);
  const inside = ['nsenter', '--target', `${server.pid}`, '--mount', '--net'];
  const onMaster: Site['onMaster'] = (command, options) => master.exec([...inside, ...command], options);
  for (const host of [board, internet]) {
    await host.spawn([process.execPath, '-e', sayWhoAsks]).waitFor(/listens/);
  }
  return {
    ...{ folder, master, board, internet, socket, onMaster },
    ask: async (line) => must(await exchange(socket, line, { signal, timeout: minutes(1) })),
    spawnOnMaster: (command) => master.spawn([...inside, ...command]),
    output: async (...command) => {
      const { code, stdout, stderr } = await onMaster(command);
      t.is(code, 0, `${command.join(' ')}: ${stderr}`);
      return stdout;
    },
    seenFrom: async (host, url, seconds = 20) =>
      (await host.exec(['curl', '-sS', '--max-time', `${seconds}`, url])).stdout,
  };
}
