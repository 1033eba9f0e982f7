/** The DHCP server in a network namespace, behind the launcher, asked by the clients that boards and PCs run. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { type DhcpPacket, decodePacket, encodePacket } from '../../daemon/dhcp/packet.ts';
import type { Host } from '../support/netns.ts';
import { type DhcpVector, pi3bRomDiscover, pi5Discover, pi400Discover, pi400Request } from '../vectors/dhcp.ts';
import { dhcpLab, dhcpLan, launcher, serveDhcp, sightings } from './dhcp-fixture.ts';
import type { TestServerOptions } from './dhcp-test-server.ts';

const file = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const pxe = 'PXEClient:Arch:00000:UNDI:002001';
/** As a Pi 400 sends it. */
const option97 = '00525069343031c00032ecfc3cda06ffe0';
const menu = '0601030a0400505845091400001152617370626572727920506920426f6f74ff';

/** The lab, and scripts for the clients in it. */
async function lab(t: ExecutionContext, options: Partial<TestServerOptions> = {}) {
  const made = await dhcpLab(t, options);
  const script = async (name: string, mode: number, ...lines: string[]): Promise<string> => {
    const where = path.join(made.folder, name);
    await writeFile(where, `${lines.join('\n')}\n`, { mode });
    return where;
  };
  return { ...made, script };
}

type Received = DhcpPacket & { readonly from: string };

/** Sends as a board does; the first `count` answers. */
async function exchange(host: Host, count: number, ...datagrams: Uint8Array[]): Promise<Received[]> {
  const payloads = datagrams.map((datagram) => Buffer.from(datagram).toString('hex'));
  const client = [
    launcher,
    'eth0',
    'udp:68',
    '--',
    process.execPath,
    file('./dhcp-test-client.ts'),
    `${count}`,
    ...payloads,
  ];
  const { code, stdout, stderr } = await host.exec(client);
  if (code !== 0) throw new Error(`client ended with ${code}\n${stdout}${stderr}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [from = '', hex = ''] = line.split(' ');
      return { ...must(decodePacket(Buffer.from(hex, 'hex'))), from };
    });
}

const option = (packet: DhcpPacket | undefined, code: number): string =>
  Buffer.from(packet?.options.get(code) ?? []).toString('hex');

// One after the other: each has its own machines and clients, and two cores are few.
test.serial('busybox udhcpc as a Pi: address and all that its firmware needs', async (t) => {
  const { pi, server, script } = await lab(t);
  const hook = await script('udhcpc', 0o755, '#!/bin/sh', '[ "$1" = bound ] && env', 'exit 0');
  const ask = ['-V', pxe, '-x', '0x5d:0000', '-x', `0x61:${option97}`, '-O', '43', '-O', '60', '-O', '66', '-O', '97'];
  const { code, stdout, stderr } = await pi.inside.exec([
    ...['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-t', '10', '-T', '1', '-s', hook],
    ...ask,
    ...['-O', '42'],
  ]);
  t.is(code, 0, stderr);
  for (const line of [
    'ip=10.77.0.101',
    'mask=24',
    'router=10.77.0.1',
    'dns=10.77.0.1',
    'ntpsrv=10.77.0.1',
    'lease=300',
  ]) {
    t.true(stdout.split('\n').includes(line), `${line} in\n${stdout}`);
  }
  for (const line of [
    'serverid=10.77.0.1',
    'siaddr=10.77.0.1',
    'sname=10.77.0.1',
    'boot_file=bootcode.bin',
    'tftp=10.77.0.1',
  ]) {
    t.true(stdout.split('\n').includes(line), `${line} in\n${stdout}`);
  }
  t.regex(stdout, /^hostname=worker-kube1$/m);
  t.regex(stdout, new RegExp(`^opt43=${menu}$`, 'm'));
  t.regex(stdout, new RegExp(`^opt97=${option97}$`, 'm'));
  t.like(sightings(server)[0], { kind: 'discover', serial: 'e0ff06da', model: 'pi400', mac: 'dc:a6:32:00:00:01' });
  t.like(sightings(server)[1], { kind: 'request-selecting', serial: 'e0ff06da' });
});

test.serial('dhclient as a Pi, then once more with the address it remembers', async (t) => {
  const { pi, server, script } = await lab(t);
  const conf = await script(
    'dhclient.conf',
    0o644,
    'option pxe-uuid code 97 = string;',
    'option arch code 93 = unsigned integer 16;',
    `send vendor-class-identifier "${pxe}";`,
    `send pxe-uuid ${option97.replaceAll(/(..)(?!$)/g, '$1:')};`,
    'send arch 0;',
    'request subnet-mask, routers, host-name, vendor-class-identifier, vendor-encapsulated-options, tftp-server-name, pxe-uuid;',
    'timeout 30;',
  );
  const leases = await script('leases', 0o644);
  const bound = async (): Promise<void> => {
    const client = pi.inside.spawn(['dhclient', '-d', '-1', '-v', '-cf', conf, '-lf', leases, '-pf', '/run/p', 'eth0']);
    await client.waitFor(/bound to 10\.77\.0\.101/);
    await client.kill();
  };
  await bound();
  await bound();
  const lease = await readFile(leases, 'utf8');
  t.regex(lease, /fixed-address 10\.77\.0\.101;/);
  t.regex(lease, /option tftp-server-name "10\.77\.0\.1";/);
  t.regex(lease, /option host-name "worker-kube1";/);
  t.regex(lease, /option vendor-class-identifier "PXEClient";/);
  const written = /option vendor-encapsulated-options ([0-9a-f:]+);/.exec(lease)?.[1] ?? '';
  t.is(
    written
      .split(':')
      .map((byte) => byte.padStart(2, '0'))
      .join(''),
    menu,
  );
  const kinds = sightings(server).map(({ kind }) => kind);
  t.deepEqual(kinds, ['discover', 'request-selecting', 'request-init-reboot']);
});

test.serial('dhcpcd gets its address and name', async (t) => {
  const { pi, server, script } = await lab(t);
  const conf = await script(
    'dhcpcd.conf',
    0o644,
    ...['hostname', 'clientid', `vendorclassid ${pxe}`, 'option routers, subnet_mask, host_name, tftp_server_name'],
    ...['noipv6', 'noarp', 'noipv4ll', 'nodelay', 'nohook resolv.conf'],
  );
  const hook = await script('hook', 0o755, '#!/bin/sh', 'env | grep -E "^(reason|new_)"', 'echo "end of $reason"');
  const client = pi.inside.spawn(['dhcpcd', '-f', conf, '-4', '-B', '-c', hook, 'eth0']);
  await client.waitFor(/end of BOUND/);
  t.regex(client.stdout(), /new_ip_address=10\.77\.0\.101/);
  t.regex(client.stdout(), /new_host_name=worker-kube1/);
  t.regex(client.stdout(), /new_tftp_server_name=10\.77\.0\.1/);
  await client.kill();
  t.is(sightings(server)[0]?.['kind'], 'discover');
});

test.serial('a system that does not netboot hears nothing about booting', async (t) => {
  const { pi, script } = await lab(t);
  const hook = await script('udhcpc', 0o755, '#!/bin/sh', '[ "$1" = bound ] && env', 'exit 0');
  const ask = ['-O', '43', '-O', '60', '-O', '66', '-O', '97'];
  const client = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-t', '10', '-T', '1', '-s', hook, ...ask];
  const { code, stdout } = await pi.inside.exec(client);
  t.is(code, 0);
  t.regex(stdout, /^ip=10\.77\.0\.101$/m);
  t.notRegex(stdout, /^(opt43|opt97|opt60|vendor|tftp|boot_file|siaddr)=/m);
});

test.serial('twenty boards at once: twenty addresses', async (t) => {
  const { network, server } = await lab(t);
  const specs = Array.from({ length: 20 }, (_, index) => ({
    name: `b${index}`,
    mac: `dc:a6:32:00:01:${index.toString(16).padStart(2, '0')}`,
  }));
  const boards = await network.addHosts(specs);
  const client = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-t', '20', '-T', '1', '-s', '/bin/true'];
  const ends = await Promise.all(boards.map((board) => board.exec(client)));
  const addresses = ends.map(({ stderr }) => /lease of (\S+) obtained/.exec(stderr)?.[1]);
  t.is(new Set(addresses).size, 20);
  t.false(addresses.includes(undefined));
  t.is(new Set(sightings(server).map(({ mac }) => mac)).size, 20);
});

test.serial('the very bytes of a Pi 3B, a Pi 400 and a Pi 5', async (t) => {
  const { pi } = await lab(t);
  for (const { name, datagram } of [pi3bRomDiscover, pi400Discover, pi5Discover] satisfies DhcpVector[]) {
    const [offer] = await exchange(pi, 1, datagram);
    const request = must(decodePacket(datagram));
    t.is(offer?.from, '10.77.0.1', name);
    t.is(offer?.xid, request.xid, name);
    t.deepEqual(offer?.chaddr, request.chaddr, name);
    t.is(option(offer, 97), option(request, 97), name);
    t.is(option(offer, 43).length / 2, name.includes('3B') ? 35 : 32, name);
  }
});

test.serial('a REQUEST for another server gets silence, one for a wrong address gets NAK', async (t) => {
  const { pi, server } = await lab(t);
  // V6 names server 192.168.2.1. Was it answered, its answer would be the first.
  const toUs = (address: number): Uint8Array => {
    const packet = must(decodePacket(pi400Request.datagram));
    const options = new Map(packet.options);
    options.set(54, Uint8Array.of(10, 77, 0, 1)).set(50, Uint8Array.of(10, 77, 0, address));
    return encodePacket({ ...packet, xid: address, options });
  };
  const [offer] = await exchange(pi, 1, pi400Request.datagram, pi400Discover.datagram);
  t.is(option(offer, 53), '02');
  const [nak] = await exchange(pi, 1, pi400Request.datagram, toUs(77));
  t.is(option(nak, 53), '06');
  t.is(nak?.xid, 77);
  const [ack] = await exchange(pi, 1, toUs(101));
  t.is(option(ack, 53), '05');
  t.is(server.stdout().split('chose another server').length - 1, 2);
});

test.serial('proxy mode: an OFFER without address, no ACK', async (t) => {
  const { pi, server } = await lab(t, { mode: 'proxy' });
  const [offer, ...more] = await exchange(pi, 1, pi400Request.datagram, pi400Discover.datagram);
  t.like(offer, { yiaddr: '0.0.0.0', siaddr: '10.77.0.1', broadcast: true });
  t.is(option(offer, 43), menu);
  t.is(more.length, 0);
  t.is(sightings(server).length, 1);
});

test.serial('noise does not stop it', async (t) => {
  const { pi, server } = await lab(t);
  const noise = [
    Uint8Array.of(1),
    new Uint8Array(240),
    pi400Discover.datagram.subarray(0, 300),
    new Uint8Array(1400).fill(255),
  ];
  const [offer] = await exchange(pi, 1, ...noise, pi400Discover.datagram);
  t.is(option(offer, 53), '02');
  t.is(server.stdout().split('datagram dropped').length - 1, noise.length);
});

test.serial('two interfaces: each server hears its own only, and each client gets its own network', async (t) => {
  const left = await dhcpLan(t);
  const right = await dhcpLan(t);
  const master = await left.addHost({ name: 'master', address: '10.77.0.1/24' });
  await right.addHost({ name: 'master', into: master, interface: 'eth1', address: '10.78.0.1/24' });
  const piLeft = await left.addHost({ name: 'pi1', mac: 'dc:a6:32:00:00:01' });
  const piRight = await right.addHost({ name: 'pi2', mac: 'dc:a6:32:00:00:02' });
  const onLeft = await serveDhcp(master, {}, 'eth0');
  const onRight = await serveDhcp(master, { address: '10.78.0.1' }, 'eth1');
  const client = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-t', '10', '-T', '1', '-s', '/bin/true'];
  const [first, second] = await Promise.all([piLeft.exec(client), piRight.exec(client)]);
  t.regex(first?.stderr ?? '', /lease of 10\.77\.0\.101 obtained from 10\.77\.0\.1/);
  t.regex(second?.stderr ?? '', /lease of 10\.78\.0\.101 obtained from 10\.78\.0\.1/);
  t.deepEqual([...new Set(sightings(onLeft).map(({ mac }) => mac))], ['dc:a6:32:00:00:01']);
  t.deepEqual([...new Set(sightings(onRight).map(({ mac }) => mac))], ['dc:a6:32:00:00:02']);
});

test.serial('without the launcher, where there is one interface only', async (t) => {
  const network = await dhcpLan(t);
  // An address that stands before ours: the kernel would send from that one.
  const master = await network.addHost({ name: 'master', address: '192.168.5.5/24' });
  await master.exec(['ip', 'addr', 'add', '10.77.0.1/24', 'dev', 'eth0']);
  const pi = await network.addHost({ name: 'pi1', mac: 'dc:a6:32:00:00:01' });
  const settings: TestServerOptions = { address: '10.77.0.1', mode: 'full', boot: true };
  const server = master.spawn([process.execPath, file('./dhcp-test-server.ts'), JSON.stringify(settings)]);
  await server.waitFor(/"event":"listening"/);
  const [offer] = await exchange(pi, 1, pi400Discover.datagram);
  t.is(option(offer, 53), '02');
  t.is(offer?.from, '10.77.0.1');
});

test.serial('renewing by unicast is answered by unicast', async (t) => {
  const { pi, server, script } = await lab(t);
  const hook = await script(
    ...([
      'udhcpc',
      0o755,
      '#!/bin/sh',
      'case $1 in bound|renew) ip addr replace $ip/$mask dev $interface; esac',
    ] as const),
    'echo $1 $ip',
  );
  const client = pi.inside.spawn(['busybox', 'udhcpc', '-i', 'eth0', '-f', '-t', '10', '-T', '5', '-s', hook]);
  await client.waitFor(/bound 10\.77\.0\.101/);
  // busybox 1.35 now and then cannot bind the socket to renew by (its dhcpc.c says so), and broadcasts instead: then once more.
  for (let asked = 1; asked <= 10; asked++) {
    process.kill(client.pid, 'SIGUSR1');
    await client.waitFor(new RegExp(`(?:renew 10\\.77\\.0\\.101\\s+){${asked}}`));
    if (sightings(server).at(-1)?.['kind'] === 'request-renewing') break;
  }
  t.is(sightings(server).at(-1)?.['kind'], 'request-renewing');
  t.regex(server.stdout(), /dhcp ack sent.*request-renewing.*"to":"10\.77\.0\.101"/);
});

test.serial('SIGTERM closes the sockets and ends the process', async (t) => {
  const { server } = await lab(t);
  process.kill(server.pid, 'SIGTERM');
  t.is(await server.exited, 0);
  t.regex(server.stdout(), /"event":"closed"/);
});
