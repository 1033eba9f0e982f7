/**
 * The responder as a program, for tests that need it in a namespace: `node mdns-fixture.ts ADDRESS PREFIX NAME=ADDRESS[+ssh]…`.
 * `MDNS_FD` is an inherited socket, as a launcher would hand it over; with `MDNS_AVAHI` it goes through avahi where that
 * runs; with `MDNS_BROWSE` it tells whom it sees; `MDNS_UPLINK` is an address on `eth1`, where the master alone is published. SIGUSR2 takes the last board away, SIGUSR1 tells it
 * that it has the address `MDNS_MOVE` now, SIGTERM ends it. Each log line goes to
 * standard error.
 */
import { must } from '../../config/result.ts';
import { parseHostname, parseIpv4, subnetOf } from '../../config/values.ts';
import { mdnsBrowser } from '../../daemon/mdns/browser.ts';
import { type Host, masterRecords, sshPort } from '../../daemon/mdns/records.ts';
import { mdnsServer } from '../../daemon/mdns/server.ts';
import { mdnsService } from '../../daemon/mdns/server-names.ts';
import type { SeenHost } from '../../daemon/mdns/sightings.ts';
import { carrierChanges } from '../../daemon/system/carrier.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { isPortServed } from '../../daemon/system/listening.ts';
import { createLog } from '../../daemon/system/log.ts';
import { systemRandom } from '../../daemon/system/random.ts';

const [address = '', prefix = '24', ...boards] = process.argv.slice(2);
const hosts = boards.map((board): Host => {
  const [name = '', at = ''] = board.split('=');
  const [ip = '', ssh] = at.split('+');
  return { name: must(parseHostname(name)), address: must(parseIpv4(ip)), ssh: ssh === 'ssh' };
});
const interfaceAddress = must(parseIpv4(address));
const ending = new AbortController();
const hasSshd = await isPortServed(sshPort);
const recordsOf = (left: readonly Host[], own = interfaceAddress) =>
  masterRecords({
    name: must(parseHostname('master')),
    address: own,
    ssh: hasSshd,
    httpPort: 8067,
    version: '0.1.0',
    state: 'ready',
    boards: left,
  });
const fd = process.env['MDNS_FD'];
const uplink = process.env['MDNS_UPLINK'];
const uplinkAddress = uplink === undefined ? undefined : must(parseIpv4(uplink));
const deps = {
  interfaceAddress,
  subnet: subnetOf(interfaceAddress, Number(prefix)),
  clock: systemClock,
  random: systemRandom,
  log: createLog({ stream: process.stderr, level: 'debug', clock: systemClock }),
  signal: ending.signal,
  isOwn: (from: string) => from === uplinkAddress || from === interfaceAddress,
  linkChanges: () => carrierChanges('eth0'),
};
const onRefused = (detail: string | undefined): unknown =>
  detail !== undefined && process.stderr.write(`refused ${detail}\n`);
const names = { ...deps, onRefused, ...(fd !== undefined && { fd: Number(fd) }), records: recordsOf(hosts) };
const serve = process.env['MDNS_AVAHI'] === undefined ? mdnsServer : mdnsService;
const server = serve({ ...names, interface: 'eth0' });
// As daemon/app/network/names-service.ts does it.
const onUplink =
  uplinkAddress &&
  serve({
    ...deps,
    interface: 'eth1',
    interfaceAddress: uplinkAddress,
    subnet: subnetOf(uplinkAddress, Number(prefix)),
    linkChanges: () => carrierChanges('eth1'),
    bind: '224.0.0.251',
    records: recordsOf([], uplinkAddress),
  });
const tell =
  (what: string) =>
  ({ name, address: at, mac, ssh }: SeenHost): unknown =>
    process.stderr.write(`${what} ${name} ${at} ${mac ?? '-'} ${ssh ? 'ssh' : '-'}\n`);
if (process.env['MDNS_BROWSE'] !== undefined) mdnsBrowser({ ...deps, onSeen: tell('seen'), onGone: tell('gone') });
process.once('SIGTERM', () => ending.abort());
const moved = process.env['MDNS_MOVE'];
if (moved !== undefined) {
  const own = must(parseIpv4(moved));
  const place = { interfaceAddress: own, subnet: subnetOf(own, Number(prefix)) };
  process.once('SIGUSR1', () => server.move(place, recordsOf(hosts, own)));
}
process.once('SIGUSR2', () => server.update(recordsOf(hosts.slice(0, -1))));
// As the rest of a daemon would, when mDNS is off.
const alive = setInterval(() => undefined, 60_000);
await server.closed;
await onUplink?.closed;
clearInterval(alive);
process.stderr.write('closed\n');
