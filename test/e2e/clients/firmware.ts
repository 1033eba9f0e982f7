/** The boot firmware of others at one `brambled`: U-Boot in the part of a Pi 4's, iPXE as what it is and as a Pi. */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { must } from '../../../config/result.ts';
import { parseIpv4, parseMac } from '../../../config/values.ts';
import { renderCmdlineTxt, renderConfigTxt } from '../../../daemon/boot/render.ts';
import { type DhcpPacket, decodePacket } from '../../../daemon/dhcp/packet.ts';
import type { PeerPrograms } from '../../bench/peers.ts';
import { serveDhcp } from '../../integration/dhcp-fixture.ts';
import { httpPort } from '../../lab/daemon.ts';
import { type Capture, datagramsOf, startCapture } from '../../support/capture.ts';
import { stage } from '../../support/golden/stage.ts';
import { labBootFiles } from '../../support/images.ts';
import { madeInitramfs } from '../../support/initramfs.ts';
import type { Check } from '../scenario.ts';
import type { BrambledSite } from './brambled.ts';
import { guestDeadlineMs } from './guest.ts';
import { startIpxeRom, startIpxeScript } from './ipxe.ts';
import { withSite } from './recording.ts';
import { asPi4, loadAddress, startUBoot } from './u-boot.ts';

const serial = 'abcdef01';

/** In the order of a Pi 4 (facts 5.2), each in full. */
const wantedFiles = [
  'start4.elf',
  'config.txt',
  'pieeprom.sig',
  'recover4.elf',
  'recovery.elf',
  'fixup4.dat',
  'dt-blob.bin',
  'bramble-installer.cpio.gz',
  'bootcfg.txt',
  'bcm2711-rpi-4-b.dtb',
  'overlays/overlay_map.dtb',
  'cmdline.txt',
  'recovery8.img',
  'kernel8.img',
  'armstub8-gic.bin',
];

export async function uBootAsPi4(check: Check, { lan, folder, daemon }: BrambledSite, programs: PeerPrograms) {
  const mac = 'dc:a6:32:00:00:f1';
  const boot = async (name: string): Promise<string> => {
    const fetches = wantedFiles.map(
      (file) =>
        `if tftpboot ${loadAddress} ${serial}/${file}; then crc32 ${loadAddress} $filesize; echo GOT ${file} $filesize; else echo NO ${file}; fi`,
    );
    const script = [
      ...asPi4({ mac, serial }),
      'dhcp',
      'echo LEASE $ipaddr $serverip $hostname',
      ...fetches,
      'echo ALL DONE',
    ];
    const guest = await startUBoot(lan, programs, { name, mac, folder, script });
    await guest.serial.waitFor(/^ALL DONE/m, guestDeadlineMs);
    await guest.off();
    return guest.serial.stdout();
  };
  const files = labBootFiles('cloud-init');
  files.set('config.txt', Buffer.from(renderConfigTxt('kernel8.img')));
  const server = must(parseIpv4(stage.server));
  files.set(
    'cmdline.txt',
    Buffer.from(renderCmdlineTxt({ mac: must(parseMac(mac)), server, port: httpPort, key: '0'.repeat(64) })),
  );
  files.set('bramble-installer.cpio.gz', await madeInitramfs());

  let told = '';
  await check('U-Boot as a Pi 4: an address, the server, a name', async () => {
    told = await boot('u-boot');
    assert.match(told, new RegExp(`^LEASE 10\\.77\\.0\\.1\\d\\d ${stage.server} worker-kube\\d+\\r?$`, 'm'));
  });
  for (const name of wantedFiles) {
    const bytes = files.get(name);
    if (bytes === undefined) {
      await check(`U-Boot is told at once that there is no ${name}`, () => {
        assert.match(
          told,
          new RegExp(`Filename '${serial}/${name}'[^\\0]*?TFTP error: 'File not found' \\(1\\)[^\\0]*?NO ${name}`),
        );
      });
    } else {
      const sum = crc32(bytes).toString(16).padStart(8, '0');
      await check(`U-Boot has ${name} in its memory: ${bytes.length} bytes, CRC ${sum}`, () => {
        assert.match(told, new RegExp(`==> ${sum}\\s+GOT ${name} ${bytes.length.toString(16)}\\s`));
      });
    }
  }
  await check('brambled knows it by its option 97, and that it boots', async () => {
    const board = (await daemon.client.status()).devices.find(({ macs }) => macs.includes(mac));
    assert.deepEqual([board?.serials, board?.model, board?.state], [[serial], 'pi4', 'booting']);
  });
  await check('rejected, it still gets its address, no server, and not one file', async () => {
    const name = (await daemon.client.status()).devices.find(({ macs }) => macs.includes(mac))?.name ?? '';
    await daemon.client.act(name, 'reject', 'clients-scenario');
    const again = await boot('u-boot-2');
    assert.match(again, new RegExp(`^LEASE 10\\.77\\.0\\.1\\d\\d ${name}\\r?$`, 'm'));
    assert.doesNotMatch(again, /^GOT /m);
    assert.equal(again.split('\nNO ').length - 1, wantedFiles.length);
  });
}

export async function ipxe(check: Check, { lan, master, folder }: BrambledSite, programs: PeerPrograms) {
  const wire = await startCapture(master, 'udp port 67 or udp port 68 or udp port 69');
  await check('iPXE, a network card’s ROM in a PC: asks, and hears nothing about booting', async () => {
    const mac = '52:54:00:00:00:01';
    const guest = await startIpxeRom(lan, programs, { name: 'laptop', mac, folder });
    await guest.serial.waitFor(/No more network devices|No bootable device/, guestDeadlineMs);
    await guest.off();
    const { asked, offers } = dhcpOf(wire, mac);
    assert.ok(asked > 0);
    for (const { siaddr, file, options } of offers) {
      assert.deepEqual([siaddr, file, [43, 60, 66, 67].filter((code) => options.has(code))], ['0.0.0.0', '', []]);
    }
    assert.deepEqual(requestedFiles(wire), []);
  });

  const pi = 'dc:a6:32:00:00:e1';
  await check('the same with the hardware address of a Pi: all that a Pi needs', async () => {
    const guest = await startIpxeRom(lan, programs, { name: 'pi-rom', mac: pi, folder });
    await guest.serial.waitFor(/No more network devices|No bootable device/, guestDeadlineMs);
    await guest.off();
    // It reads option 43 as a menu of PXE and shows our one entry, which for a PC means its own disk.
    assert.match(guest.serial.stdout(), /Booting from PXE menu/);
    const [offer] = dhcpOf(wire, pi).offers;
    assert.deepEqual([offer?.siaddr, offer?.sname, offer?.file], [stage.server, stage.server, 'bootcode.bin']);
    const text = (code: number): string => Buffer.from(offer?.options.get(code) ?? []).toString('latin1');
    assert.deepEqual([text(60), text(66)], ['PXEClient', stage.server]);
    assert.match(text(43), /Raspberry Pi Boot/);
  });

  const kernel = Buffer.from(labBootFiles('cloud-init').get('kernel8.img') ?? []);
  const config = renderConfigTxt('kernel8.img');
  await check('iPXE with a script fetches by TFTP with options of its own; the files are in its memory', async () => {
    const url = `tftp://${stage.server}`;
    const fetches = [`config.txt`, `${serial}/kernel8.img`].map((path) => `imgfetch ${url}/${path}`);
    const script = ['dhcp net0', ...fetches, `imgfetch ${url}/bootsig.bin || echo NOT THERE`, 'echo ALL DONE'];
    const guest = await startIpxeScript(lan, programs, { name: 'ipxe', mac: pi, folder, script });
    await guest.serial.waitFor(/ALL DONE/, guestDeadlineMs);
    assert.match(guest.serial.stdout(), /bootsig\.bin\.\.\. No such file or directory[^\0]*NOT THERE/);
    const memory = await guest.memory(0, 256 * 2 ** 20);
    await guest.off();
    assert.ok(memory.includes(config), 'config.txt');
    assert.ok(memory.includes(kernel), 'kernel8.img');
    const options = ['octet', 'blksize', '1432', 'tsize', '0'].join('\0');
    assert.deepEqual(
      requestedFiles(wire),
      ['config.txt', `${serial}/kernel8.img`, 'bootsig.bin'].map((name) => `${name}\0${options}\0`),
    );
  });
  await wire.stop();
}

/** As a guest has it: an address, and nothing about booting. */
export async function ipxeAsGuest(check: Check, programs: PeerPrograms): Promise<void> {
  await check('iPXE with an address from us that says nothing about booting: it has nothing to boot', () =>
    withSite(async ({ lan, master, folder }) => {
      await serveDhcp(master, { boot: false });
      const wire = await startCapture(master, 'udp port 67 or udp port 68 or udp port 69');
      const guest = await startIpxeRom(lan, programs, { name: 'guest', mac: '52:54:00:00:00:01', folder });
      await guest.serial.waitFor(/No more network devices|No bootable device/, guestDeadlineMs);
      await guest.off();
      assert.match(guest.serial.stdout(), new RegExp(`net0: ${stage.dhcp.address}/255\\.255\\.255\\.0`));
      assert.match(guest.serial.stdout(), /Nothing to boot/);
      assert.deepEqual(requestedFiles(wire), []);
    }),
  );
}

/** What a board asked, and the OFFERs that it got. */
function dhcpOf(wire: Capture, mac: string): { readonly asked: number; readonly offers: readonly DhcpPacket[] } {
  const packets = datagramsOf(wire.frames())
    .filter(({ to }) => to.port === 67 || to.port === 68)
    .map(({ payload }) => must(decodePacket(payload)))
    .filter(({ chaddr }) => Buffer.from(chaddr).toString('hex') === mac.replaceAll(':', ''));
  return {
    asked: packets.filter(({ op }) => op === 1).length,
    offers: packets.filter(({ op, options }) => op === 2 && options.get(53)?.[0] === 2),
  };
}

const requestedFiles = (wire: Capture): readonly string[] =>
  datagramsOf(wire.frames())
    .filter(({ to }) => to.port === 69)
    .map(({ payload }) => Buffer.from(payload.subarray(2)).toString('latin1'));
