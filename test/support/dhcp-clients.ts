/** The DHCP clients of Linux systems, each made to ask as a Pi's firmware does as far as it can. */
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Host } from './netns.ts';

const vendorClass = 'PXEClient:Arch:00000:UNDI:002001';
/** A Pi 4 with serial number abcdef01 and the address dc:a6:32:00:00:01. */
const machineIdentifier = '00525069341431d0003200000101efcdab';

export type DhcpClient = {
  readonly name: string;
  /** Debian package or npm package. */
  readonly package: string;
  /** Settles with the address that it has, once it says so; `undefined` for one that is refused. */
  readonly ask: (host: Host, folder: string) => Promise<string | undefined>;
};

export const dhcpClients: readonly DhcpClient[] = [
  { name: 'udhcpc', package: 'busybox-static', ask: askUdhcpc },
  { name: 'dhclient', package: 'isc-dhcp-client', ask: askDhclient },
  { name: 'dhcpcd', package: 'dhcpcd-base', ask: askDhcpcd },
  { name: 'systemd-networkd', package: 'systemd', ask: askNetworkd },
];

async function askUdhcpc(host: Host): Promise<string | undefined> {
  const ask = ['-V', vendorClass, '-x', '0x5d:0000', '-x', `0x61:${machineIdentifier}`, '-O', '43', '-O', '66'];
  const options = ['-i', 'eth0', '-f', '-q', '-n', '-t', '20', '-T', '1', '-s', '/bin/true', ...ask];
  const { stderr } = await host.inside.exec(['busybox', 'udhcpc', ...options]);
  return /lease of (\S+) obtained/.exec(stderr)?.[1];
}

async function askDhclient(host: Host, folder: string): Promise<string | undefined> {
  const [conf, leases] = [join(folder, 'dhclient.conf'), join(folder, 'dhclient.leases')];
  const pairs = machineIdentifier.replaceAll(/(..)(?!$)/g, '$1:');
  await writeFile(
    conf,
    `option pxe-uuid code 97 = string;
option arch code 93 = unsigned integer 16;
send vendor-class-identifier "${vendorClass}";
send pxe-uuid ${pairs};
send arch 0;
request subnet-mask, routers, host-name, vendor-class-identifier, vendor-encapsulated-options, tftp-server-name, pxe-uuid;
timeout 30;
`,
  );
  await writeFile(leases, '');
  const files = ['-cf', conf, '-lf', leases, '-pf', '/run/dhclient.pid'];
  const client = host.inside.spawn(['dhclient', '-d', '-1', '-v', ...files, 'eth0']);
  const [, address] = await client.waitFor(/bound to (\S+) --/);
  await client.kill();
  return address;
}

async function askDhcpcd(host: Host, folder: string): Promise<string | undefined> {
  const conf = join(folder, 'dhcpcd.conf');
  const quiet = ['noipv6', 'noarp', 'noipv4ll', 'nodelay', 'nohook resolv.conf'];
  const wanted = 'option routers, subnet_mask, host_name, tftp_server_name';
  await writeFile(conf, `${['hostname', 'clientid', `vendorclassid ${vendorClass}`, wanted, ...quiet].join('\n')}\n`);
  const client = host.inside.spawn(['dhcpcd', '-f', conf, '-4', '-B', '-c', '/bin/true', 'eth0']);
  const [, address] = await client.waitFor(/leased (\S+) for/);
  await client.kill();
  return address;
}

/** Without systemd and udev: it takes a read-only /sys for a container's and waits for nobody. */
const networkdScript = `
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp /etc/systemd/network
printf '%s\\n' '[Match]' Name=eth0 '[Network]' DHCP=ipv4 LinkLocalAddressing=no IPv6AcceptRA=no '[DHCPv4]' \\
  ClientIdentifier=mac VendorClassIdentifier=${vendorClass} SendOption=93:uint16:0 \\
  'SendOption=97:string:${machineIdentifier.replaceAll(/(..)/g, '\\x$1')}' 'RequestOptions=43 66 67 97 60' UseDNS=no \\
  > /etc/systemd/network/10-eth0.network
chown -R systemd-network: /run/systemd/netif
echo lab > /run/systemd/container
mount -o remount,ro /sys
exec /lib/systemd/systemd-networkd`;

async function askNetworkd(host: Host): Promise<string | undefined> {
  const client = host.inside.spawn(['bash', '-ec', networkdScript]);
  const [, address] = await client.waitFor(/eth0: DHCPv4 address ([0-9.]+)\/\d+/);
  await client.kill();
  return address;
}

/**
 * `dhcp` from npm. Its REQUEST asks for 0.0.0.0 and names no server: it is to get no address by that (facts, packages 3).
 * Settles when it has sent it.
 */
export const npmDhcp: DhcpClient = {
  name: 'npm-dhcp',
  package: 'dhcp',
  ask: async (host) => {
    const program = `const client = require(process.argv[1]).createClient({ mac: process.argv[2] });
      client.on('message', ({ yiaddr, options }) => console.log('message', options[53], yiaddr));
      client.on('bound', ({ address }) => console.log('bound', address));
      client.on('error', console.log);
      client.on('listening', (socket) => { socket.setBroadcast(true); client.sendDiscover(); });
      client.listen(68);`;
    const { stdout } = await host.exec(['cat', '/sys/class/net/eth0/address']);
    // An address and a route, or the kernel sends no broadcast.
    await host.exec(['ip', 'addr', 'add', '10.77.0.250/24', 'dev', 'eth0']);
    await host.exec(['ip', 'route', 'add', 'default', 'dev', 'eth0']);
    const entry = createRequire(import.meta.url).resolve('dhcp');
    const client = host.spawn([process.execPath, '--no-deprecation', '-e', program, entry, stdout.trim()]);
    const [, address] = await client.waitFor(/message 2 (\S+)/);
    return address;
  },
};
