/** The clients of ordinary systems, all at once, at one `brambled`. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must } from '../../../config/result.ts';
import { inSubnet, ipv4Number, parseAddressRange, parseIpv4, subnetOf } from '../../../config/values.ts';
import { renderConfigTxt } from '../../../daemon/boot/render.ts';
import { datagramsOf, startCapture } from '../../support/capture.ts';
import { dhcpClients, npmDhcp } from '../../support/dhcp-clients.ts';
import { stage } from '../../support/golden/stage.ts';
import { labBootFiles } from '../../support/images.ts';
import type { Host } from '../../support/netns.ts';
import type { Check } from '../scenario.ts';
import { type BrambledSite, boardAddresses } from './brambled.ts';
import { mdnsClients } from './record-mdns.ts';
import { tftpClients } from './tftp-clients.ts';

export async function commandLineClients(check: Check, site: BrambledSite): Promise<void> {
  await dhcpAtOnce(check, site);
  await npmClient(check, site);
  await tftpAtOnce(check, site);
  await namesAtOnce(check, site);
  await check('brambled reported no error', async () => assert.deepEqual(await site.errors(), []));
}

async function dhcpAtOnce(check: Check, { lan, folder, daemon }: BrambledSite): Promise<void> {
  const hosts = await lan.addHosts(dhcpClients.map((_, index) => ({ name: `dhcp${index}`, mac: macAt(index) })));
  const askAll = async (): Promise<readonly string[]> =>
    await Promise.all(
      dhcpClients.map(async ({ ask }, index) => {
        const address = await ask(at(hosts, index), await mkdtemp(join(folder, 'dhcp-')));
        return String(address);
      }),
    );
  let first: readonly string[] = [];
  const range = must(parseAddressRange(boardAddresses));
  await check(`${dhcpClients.map(({ name }) => name).join(', ')} at once: an address each`, async () => {
    first = await askAll();
    assert.equal(new Set(first).size, dhcpClients.length, first.join());
    for (const address of first) {
      const number = ipv4Number(must(parseIpv4(address)));
      assert.ok(number >= ipv4Number(range.first) && number <= ipv4Number(range.last), address);
    }
  });
  await check('the same again: the same addresses', async () => assert.deepEqual(await askAll(), first));
  await check('the status has them by hardware address, with what they told', async () => {
    const { devices } = await daemon.client.status();
    for (const [index, address] of first.entries()) {
      const board = devices.find(({ macs }) => macs.includes(macAt(index)));
      assert.equal(board?.address, address);
      assert.deepEqual(board?.serials, dhcpClients[index]?.name === 'dhcpcd' ? [] : ['abcdef01']);
    }
  });
}

async function npmClient(check: Check, { lan, master, folder }: BrambledSite): Promise<void> {
  await check('`dhcp` of npm gets an OFFER, and no address by its REQUEST', async () => {
    const [host, other] = await lan.addHosts([
      { name: 'npm', mac: macAt(20) },
      { name: 'other', mac: macAt(21) },
    ]);
    if (host === undefined || other === undefined) throw new Error('no hosts');
    const wire = await startCapture(
      master,
      `udp and (port 67 or port 68) and ether host ${macAt(20)} or src host ${stage.server}`,
    );
    const messages = () =>
      datagramsOf(wire.frames())
        .filter(({ payload }) => Buffer.from(payload).toString('hex', 28, 34) === macAt(20).replaceAll(':', ''))
        .map(({ payload }) => payload[242]);
    assert.notEqual(await npmDhcp.ask(host, folder), undefined);
    // Its REQUEST has been on the wire before these, so it has been decided about.
    await wire.until(() => (messages().length >= 3 ? true : undefined));
    assert.notEqual(await at(dhcpClients, 0).ask(other, folder), undefined);
    assert.deepEqual(messages().slice(0, 3), [1, 2, 3]);
    assert.ok(!messages().includes(5), 'no ACK');
    await wire.stop();
  });
}

async function tftpAtOnce(check: Check, { lan, folder }: BrambledSite): Promise<void> {
  const clients = tftpClients();
  const hosts = await lan.addHosts(clients.map((_, index) => ({ name: `tftp${index}`, mac: macAt(40 + index) })));
  await Promise.all(hosts.map((host) => takeAddress(host)));
  const boot = labBootFiles('cloud-init');
  const files: readonly (readonly [string, Uint8Array])[] = [
    ...(['bootcode.bin', 'start4.elf', 'kernel8.img', 'overlays/overlay_map.dtb'] as const).map(
      (name) => [name, boot.get(name) ?? new Uint8Array()] as const,
    ),
    ['config.txt', Buffer.from(renderConfigTxt('kernel8.img'))],
  ];
  const fetchAll = async (index: number): Promise<void> => {
    const target = join(folder, `fetched-${index}`);
    for (const [name, bytes] of files) {
      const { code, stderr } = await at(hosts, index).exec(at(clients, index).fetch(name, target), {
        deadlineMs: 120_000,
      });
      assert.equal(code, 0, `${name}: ${stderr}`);
      assert.ok((await readFile(target)).equals(bytes), `${name} differs`);
    }
  };
  const fetched = clients.map((_, index) => fetchAll(index));
  await Promise.allSettled(fetched);
  for (const [index, { name }] of clients.entries()) {
    await check(`${name}, beside the others, gets ${files.length} files as they are`, () => at(fetched, index));
  }
  await check('a file that is not there is an error to each', async () => {
    for (const [index, { name, fetch }] of clients.entries()) {
      const { code, stdout, stderr } = await at(hosts, index).exec(fetch('bootsig.bin', join(folder, 'missing')));
      // tftp-hpa ends with 0 whatever happens.
      assert.ok(code !== 0 || /not found/i.test(stdout + stderr), name);
    }
  });
}

async function namesAtOnce(check: Check, { lan, daemon }: BrambledSite): Promise<void> {
  const { devices } = await daemon.client.status();
  const [board, other] = devices;
  const asked = mdnsClients({ name: board?.name ?? '', plainName: other?.name ?? '' });
  const hosts = await lan.addHosts(
    asked.map((_, index) => ({ name: `desk${index}`, address: `10.77.0.${50 + index}/24` })),
  );
  const expected: Readonly<Record<string, RegExp>> = {
    'avahi-resolve': new RegExp(`^${board?.name}\\.local\\t${board?.address}$`, 'm'),
    'avahi-browse': new RegExp(`^=;eth0;IPv4;.*;_bramble\\._tcp;local;.*;${stage.server};8067;`, 'm'),
    'npm-mdns-js': new RegExp(` 8067 ${stage.server} `),
    'plain-dns': new RegExp(`^${other?.address}$`, 'm'),
  };
  const told = asked.map(({ ask }, index) => ask(at(hosts, index)));
  await Promise.allSettled(told);
  for (const [index, { name, what }] of asked.entries()) {
    await check(`${name}: ${what}`, async () => assert.match(await at(told, index), expected[name] ?? /never/));
  }
}

/** An address as any system gets one, and set. */
async function takeAddress(host: Host): Promise<void> {
  const command = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-t', '20', '-T', '1', '-s', '/bin/true'];
  const { stderr } = await host.exec(command);
  const address = /lease of (\S+) obtained/.exec(stderr)?.[1];
  const own = must(parseIpv4(address ?? ''));
  assert.ok(inSubnet(subnetOf(own, stage.prefix), must(parseIpv4(stage.server))));
  await host.exec(['ip', 'addr', 'add', `${own}/${stage.prefix}`, 'dev', 'eth0']);
}

const macAt = (index: number): string => `dc:a6:32:00:01:${index.toString(16).padStart(2, '0')}`;

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new Error(`there is no ${index}`);
  return item;
}
