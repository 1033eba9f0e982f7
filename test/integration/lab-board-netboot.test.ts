/** The virtual boards' boot ROMs against dnsmasq, which real boards are known to boot from (test-lab.md 4.3). */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseSerial } from '../../config/values.ts';
import type { BoardEvent } from '../lab/board/events.ts';
import { switchOn } from '../lab/board/hardware.ts';
import { type BoardModel, type Identity, identityOf } from '../lab/board/models.ts';
import { madeInitramfs } from '../support/initramfs.ts';
import { makeLan, runPrefix } from '../support/netns.ts';

const files = [
  ['bootcode.bin', 'start.elf', 'fixup.dat', 'start4.elf', 'fixup4.dat', 'kernel8.img'],
  ['bcm2711-rpi-4-b.dtb', 'bcm2712-rpi-5-b.dtb', 'bcm2710-rpi-3-b-plus.dtb', 'bcm2710-rpi-3-b.dtb'],
].flat();

/** A TFTP folder without a server that the installer could talk to: the board gets to its installer and no further. */
async function tftpFolder(directory: string): Promise<string> {
  const folder = join(directory, 'tftp');
  await mkdir(folder);
  for (const file of files) await writeFile(join(folder, file), Buffer.alloc(30_000, file));
  await writeFile(join(folder, 'installer.gz'), await madeInitramfs());
  await writeFile(join(folder, 'config.txt'), 'arm_64bit=1\nkernel=kernel8.img\ninitramfs installer.gz followkernel\n');
  await writeFile(join(folder, 'cmdline.txt'), 'console=tty1 bramble.server=http://10.77.0.1:8067 bramble.key=0\n');
  return folder;
}

const menu = (model: BoardModel): readonly string[] =>
  // Quirk: the Pi 3's ROM wants three spaces behind the text.
  model === 'pi3' ? ['--pxe-service=0,Raspberry Pi Boot   '] : ['--pxe-service=0,Raspberry Pi Boot'];

async function bootsFromDnsmasq(t: ExecutionContext, model: BoardModel, number: number): Promise<string> {
  const identity: Identity = identityOf(model, number, parseSerial);
  const stop = new AbortController();
  const directory = await mkdtemp(join(tmpdir(), 'board-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: stop.signal });
  t.teardown(async () => {
    stop.abort();
    await lan.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const port = await lan.addHost({ name: 'board', mac: identity.mac });
  const folder = await tftpFolder(directory);
  const log = join(directory, 'dnsmasq.log');
  const dnsmasq = [
    'dnsmasq',
    '-k',
    '-C',
    '/dev/null',
    '--port=0',
    '--interface=eth0',
    '--bind-interfaces',
    '--no-ping',
  ];
  const dhcp = ['--dhcp-range=10.77.0.100,10.77.0.120,255.255.255.0,1h', '--dhcp-authoritative', '--log-dhcp'];
  const paths = [`--dhcp-leasefile=${directory}/leases`, `--tftp-root=${folder}`, `--log-facility=${log}`];
  const server = master.spawn([
    ...dnsmasq,
    ...dhcp,
    ...paths,
    '--enable-tftp',
    '--user=root',
    '--pid-file=',
    ...menu(model),
  ]);
  const { promise: installer, resolve, reject } = Promise.withResolvers<BoardEvent>();
  void server.exited.then((code) => reject(new Error(`dnsmasq ended with ${code}: ${server.stderr()}`)));
  const board = await switchOn({
    name: 'board',
    identity,
    netns: port.netns,
    directory: join(directory, 'board'),
    diskBytes: 16 * 2 ** 20,
    cache: join(directory, 'cache'),
    signal: stop.signal,
    onEvent: (event) => {
      t.log(JSON.stringify(event));
      // It runs: nobody answers it.
      if (event.event === 'installer-says') resolve(event);
      if (event.event === 'crashed') reject(new Error(String(event['reason'])));
    },
    onNoise: (line) => t.log(line),
  });
  const event = await installer;
  t.regex(String(event['line']), new RegExp(`board ${identity.mac}, disks: mmcblk0\\|sd\\|\\d+\\|blank`));
  await board.powerOff();
  return await readFile(log, 'utf8');
}

test('a Pi 3B+ asks as bootcode.bin does, twice for an address, and never sends a REQUEST', async (t) => {
  const log = await bootsFromDnsmasq(t, 'pi3b+', 1);
  // After that it is the installer's own client that asks.
  const firmware = log.slice(0, log.lastIndexOf('kernel8.img'));
  t.is(firmware.match(/DHCPOFFER\(/g)?.length, 2);
  t.notRegex(firmware, /DHCPREQUEST/);
  // "sent" is logged with the last ACK, which the next request may overtake: no order here.
  t.regex(log, /sent .*bootcode\.bin/);
  t.regex(log, /file .*bootsig\.bin not found/);
  t.regex(log, /file .*7b100112\/start\.elf not found/);
  t.regex(log, /sent .*kernel8\.img/);
});

test('a Pi 3B with network boot switched on finds its menu text with three spaces', async (t) => {
  const log = await bootsFromDnsmasq(t, 'pi3', 2);
  t.regex(log, /sent .*installer\.gz/);
});

test('a Pi 4 sends a REQUEST and reads start4.elf before its kernel', async (t) => {
  const log = await bootsFromDnsmasq(t, 'pi4', 3);
  // Before its kernel: the installer's own client asks as well.
  t.regex(log.slice(0, log.indexOf('kernel8.img')), /DHCPREQUEST/);
  t.regex(log, /sent .*start4\.elf[\s\S]*sent .*bcm2711-rpi-4-b\.dtb[\s\S]*sent .*kernel8\.img/);
});

test('a Pi 5 needs no firmware files', async (t) => {
  const log = await bootsFromDnsmasq(t, 'pi5', 4);
  t.regex(log, /file .*7b100415\/config\.txt not found/);
  t.notRegex(log, /start4?\.elf/);
  t.regex(log, /sent .*kernel8\.img/);
});
