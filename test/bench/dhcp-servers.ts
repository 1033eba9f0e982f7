/** Ours, Kea and dnsmasq as DHCP servers for the same boards; each start begins without a lease. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from '../support/netns.ts';
import type { PeerPrograms } from './peers.ts';
import { clientMac } from './perfdhcp.ts';
import { nodeOptions } from './tftp-servers.ts';

const services = fileURLToPath(new URL('./services/main.ts', import.meta.url));
const serverNames = ['bramble', 'kea', 'dnsmasq'] as const;
export type ServerName = (typeof serverNames)[number];

export type DhcpServerUnderTest = {
  readonly name: ServerName;
  readonly start: () => Promise<{ readonly stop: () => Promise<void> }>;
};

/** The network is a /16, 10.77.0.0; `folder` takes their files, and `clients` boards are known to dnsmasq by name. */
export function dhcpServers(site: {
  readonly master: Host;
  readonly address: string;
  readonly folder: string;
  readonly clients: number;
  readonly peers: PeerPrograms;
}): readonly DhcpServerUnderTest[] {
  const { master, address, folder, clients, peers } = site;
  const range = ['10.77.16.0', '10.77.79.255'] as const;

  const commands: Record<ServerName, (own: string) => Promise<readonly string[]>> = {
    bramble: async (own) => {
      const dhcp = { data: own, range: range.join('-'), pendingMax: 2 * clients };
      return [process.execPath, ...nodeOptions(), services, JSON.stringify({ address, prefix: 16, dhcp })];
    },
    kea: async (own) => {
      const file = join(own, 'kea.json');
      await writeFile(file, JSON.stringify(keaConfig(own)));
      return [await peers.find('kea-dhcp4'), '-c', file];
    },
    dnsmasq: async (own) => {
      const file = join(own, 'dnsmasq.conf');
      await writeFile(file, dnsmasqConfig(own));
      return ['dnsmasq', '-k', '-C', file];
    },
  };

  const keaConfig = (own: string) => ({
    Dhcp4: {
      'interfaces-config': { interfaces: ['eth0'], 'dhcp-socket-type': 'raw' },
      'lease-database': { type: 'memfile', persist: true, name: join(own, 'leases.csv'), 'lfc-interval': 0 },
      'valid-lifetime': 3600,
      'multi-threading': { 'enable-multi-threading': false },
      subnet4: [{ id: 1, subnet: '10.77.0.0/16', pools: [{ pool: range.join(' - ') }] }],
      loggers: [{ name: 'kea-dhcp4', severity: 'ERROR', output_options: [{ output: join(own, 'log') }] }],
    },
  });

  /** Each board by its address, as with us: with a pool dnsmasq offers one address to two boards at this speed. */
  const dnsmasqConfig = (own: string): string =>
    [
      ...['no-resolv', 'no-hosts', 'port=0', 'interface=eth0', 'bind-interfaces', 'user=root'],
      ...[`dhcp-range=${range[0]},static,255.255.0.0,1h`, 'dhcp-authoritative', 'no-ping', 'quiet-dhcp'],
      ...['dhcp-lease-max=20000', `dhcp-leasefile=${join(own, 'leases')}`, `log-facility=${join(own, 'log')}`],
      ...Array.from(
        { length: clients + 1 },
        (_, number) => `dhcp-host=${clientMac(number)},10.77.${16 + (number >> 8)}.${number & 0xff}`,
      ),
      '',
    ].join('\n');

  async function start(name: ServerName) {
    const own = await mkdtemp(join(folder, `${name}-`));
    const command = await commands[name](own);
    const env = { ...peers.env, KEA_PIDFILE_DIR: own, KEA_LOCKFILE_DIR: 'none' };
    const program = master.spawn(command, { env });
    return { stop: program.kill };
  }

  return serverNames.map((name) => ({ name, start: () => start(name) }));
}
