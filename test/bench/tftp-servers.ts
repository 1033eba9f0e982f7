/** Ours and the peers as TFTP servers of one folder, each started in the master's network. */
import { fileURLToPath } from 'node:url';
import type { Host } from '../support/netns.ts';
import { type Running, startProgram } from '../support/program.ts';
import { type CpuMeter, cpuMeter } from './cpu.ts';
import { peerPrograms } from './peers.ts';

const services = fileURLToPath(new URL('./services/main.ts', import.meta.url));
const serverNames = ['bramble', 'dnsmasq', 'tftpd-hpa', 'atftpd'] as const;
export type ServerName = (typeof serverNames)[number];

export type TftpServerUnderTest = {
  readonly name: ServerName;
  /** Settles when a client was served. */
  readonly start: () => Promise<{ readonly cpu: CpuMeter; readonly stop: () => Promise<void> }>;
};

/** `ready` is the name of a small file in `folder`. */
export async function tftpServers(site: {
  readonly master: Host;
  readonly client: Host;
  readonly address: string;
  readonly folder: string;
  readonly ready: string;
}): Promise<readonly TftpServerUnderTest[]> {
  const { master, client, address, folder, ready } = site;
  const peers = await peerPrograms(['tftpd-hpa', 'atftpd']);
  const commands: Record<ServerName, readonly string[]> = {
    bramble: [process.execPath, ...nodeOptions(), services, JSON.stringify({ address, prefix: 24, tftp: { folder } })],
    dnsmasq: [
      ...['dnsmasq', '-k', '--conf-file=/dev/null', '--port=0', '--enable-tftp', `--tftp-root=${folder}`],
      ...['--interface=eth0', '--bind-interfaces', '--user=root', '--tftp-max=150', '--no-resolv', '--no-hosts'],
    ],
    'tftpd-hpa': [await peers.find('in.tftpd'), '-L', '-u', 'root', '-s', folder, '-a', `${address}:69`],
    atftpd: [
      ...[await peers.find('atftpd'), '--daemon', '--no-fork', '--user', 'root', '--group', 'root'],
      ...['--bind-address', address, '--maxthread', '200', '--tftpd-timeout', '300', '--retry-timeout', '2', folder],
    ],
  };

  async function start(name: ServerName) {
    const cpu = await cpuMeter();
    // From outside: `ip netns exec` hides the cgroups.
    const command = cpu.inside(['ip', 'netns', 'exec', master.netns, ...commands[name]]);
    const program = startProgram(command, { env: peers.env });
    try {
      await served(program);
    } catch (error) {
      await program.kill();
      throw error;
    }
    const stop = async (): Promise<void> => {
      await program.kill();
      await cpu.remove();
    };
    return { cpu, stop };
  }

  /** None of them says when it listens. A closed port is told at once, so this does not wait in vain. */
  async function served(program: Running): Promise<void> {
    const url = `tftp://${address}/${ready}`;
    const deadline = Date.now() + 20_000;
    for (;;) {
      const { code } = await client.exec(['curl', '-s', '--max-time', '5', '-o', '/dev/null', url]);
      if (code === 0) return;
      if (Date.now() > deadline) throw new Error(`nothing is served: ${program.stderr()}`);
    }
  }

  return serverNames.map((name) => ({ name, start: () => start(name) }));
}

/** `BRAMBLE_BENCH_NODE_OPTIONS='--cpu-prof --cpu-prof-dir=…'` profiles ours; it is ended by SIGTERM and writes then. */
export const nodeOptions = (): readonly string[] =>
  (process.env['BRAMBLE_BENCH_NODE_OPTIONS'] ?? '').split(' ').filter((option) => option !== '');
