/**
 * The responder as a program, for tests that need it in a namespace: `node mdns-fixture.ts ADDRESS PREFIX NAME=ADDRESS…`.
 * `MDNS_FD` is an inherited socket, as a launcher would hand it over. SIGUSR2 takes the last board away, SIGTERM ends it. Each log line goes to standard error.
 */
import { must } from '../../config/result.ts';
import { parseHostname, parseIpv4, subnetOf } from '../../config/values.ts';
import { type Host, masterRecords } from '../../daemon/mdns/records.ts';
import { mdnsServer } from '../../daemon/mdns/server.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { createLog } from '../../daemon/system/log.ts';
import { systemRandom } from '../../daemon/system/random.ts';

const [address = '', prefix = '24', ...boards] = process.argv.slice(2);
const hosts = boards.map((board): Host => {
  const [name = '', at = ''] = board.split('=');
  return { name: must(parseHostname(name)), address: must(parseIpv4(at)) };
});
const interfaceAddress = must(parseIpv4(address));
const ending = new AbortController();
const recordsOf = (left: readonly Host[]) =>
  masterRecords({
    name: must(parseHostname('master')),
    address: interfaceAddress,
    httpPort: 8067,
    version: '0.1.0',
    state: 'ready',
    boards: left,
  });
const fd = process.env['MDNS_FD'];
const server = mdnsServer({
  ...(fd !== undefined && { fd: Number(fd) }),
  interfaceAddress,
  subnet: subnetOf(interfaceAddress, Number(prefix)),
  clock: systemClock,
  random: systemRandom,
  log: createLog({ stream: process.stderr, level: 'debug', clock: systemClock }),
  signal: ending.signal,
  records: recordsOf(hosts),
});
process.once('SIGTERM', () => ending.abort());
process.once('SIGUSR2', () => server.update(recordsOf(hosts.slice(0, -1))));
// As the rest of a daemon would, when mDNS is off.
const alive = setInterval(() => undefined, 60_000);
await server.closed;
clearInterval(alive);
process.stderr.write('closed\n');
