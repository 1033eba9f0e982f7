/** U-Boot and iPXE, each a machine of its own. */
import { serveDhcp } from '../../integration/dhcp-fixture.ts';
import { type Datagram, datagramsOf, startCapture } from '../../support/capture.ts';
import { describeDhcp, describeTftp } from '../../support/golden/describe.ts';
import { stage } from '../../support/golden/stage.ts';
import { printExchange } from '../../support/golden/text.ts';
import { type Guest, guestDeadlineMs, guestPrograms, guestVersion } from './guest.ts';
import { startIpxeScript } from './ipxe.ts';
import { wholeTransfer } from './record-tftp.ts';
import { exchangeOf, madeBy, type Recording, type Site, serveTftp } from './recording.ts';
import { asPi4, loadAddress, startUBoot } from './u-boot.ts';

/** A machine of `startGuest`, which asks for an address and then for the two files. */
async function recordGuest(
  { master, folder }: Site,
  version: string,
  start: () => Promise<Guest>,
): Promise<readonly Recording[]> {
  await serveDhcp(master);
  await serveTftp(master, folder);
  const wire = await startCapture(master, `udp and not port 5353`);
  const guest = await start();
  const seen = await wire.until((frames) => {
    const datagrams = datagramsOf(frames);
    return wholeTransfer(datagrams) && datagrams;
  }, guestDeadlineMs);
  await guest.off();
  const isDhcp = ({ from, to }: Datagram): boolean => [from.port, to.port].includes(67);
  const dhcp = exchangeOf(seen.filter(isDhcp));
  const tftp = exchangeOf(wholeTransfer(seen.filter((one) => !isDhcp(one))) ?? []);
  const what = 'a file that is not there, and one of 1600 bytes';
  return [
    { protocol: 'dhcp', text: printExchange([`${version}: DISCOVER to ACK`, ...madeBy], dhcp, describeDhcp()) },
    { protocol: 'tftp', text: printExchange([`${version}: ${what}`, ...madeBy], tftp, describeTftp) },
  ];
}

export async function recordUBoot(site: Site): Promise<readonly Recording[]> {
  const programs = await guestPrograms();
  const { mac } = stage;
  const fetch = (path: string): string => `tftpboot ${loadAddress} ${path}`;
  const script = [...asPi4({ mac, serial: 'abcdef01' }), 'dhcp', fetch('bootsig.bin'), fetch(stage.tftp.file)];
  const version = await guestVersion(programs, 'u-boot-qemu');
  return await recordGuest(site, version, () =>
    startUBoot(site.lan, programs, { name: 'u-boot', mac, folder: site.folder, script }),
  );
}

export async function recordIpxe(site: Site): Promise<readonly Recording[]> {
  const programs = await guestPrograms();
  const fetch = (path: string): string => `imgfetch tftp://${stage.server}/${path} || echo not there`;
  const script = ['dhcp net0', fetch('bootsig.bin'), fetch(stage.tftp.file)];
  const version = await guestVersion(programs, 'ipxe');
  return await recordGuest(site, version, () =>
    startIpxeScript(site.lan, programs, { name: 'ipxe', mac: stage.mac, folder: site.folder, script }),
  );
}
