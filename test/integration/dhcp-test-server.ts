/**
 * A process that serves DHCP on the sockets of the launcher, with leases in memory: the program under test is
 * `dhcpServer`, the lifecycle is this stand-in. One argument, JSON (`TestServerOptions`); one JSON line for each event.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { must } from '../../config/result.ts';
import {
  instant,
  ipv4FromNumber,
  ipv4Number,
  minutes,
  parseHostname,
  parseIpv4,
  subnetOf,
} from '../../config/values.ts';
import { type DhcpMode, dhcpServer, type Lease } from '../../daemon/dhcp/server.ts';
import type { Log, LogFields } from '../../daemon/ports.ts';
import { nodeUdp, parseInheritedSockets } from '../../daemon/system/udp.ts';

export type TestServerOptions = { readonly address: string; readonly mode: DhcpMode; readonly boot: boolean };

const options: TestServerOptions = JSON.parse(process.argv[2] ?? '{}');
const say = (event: string, fields: LogFields = {}): void => {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
};
const log: Log = {
  debug: (message, fields) => say('debug', { message, ...fields }),
  info: (message, fields) => say('info', { message, ...fields }),
  warn: (message, fields) => say('warn', { message, ...fields, cause: String(fields?.['cause']) }),
  error: (message, fields) => say('error', { message, ...fields, cause: String(fields?.['cause']) }),
  child: () => log,
};

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

const address = must(parseIpv4(options.address));
const leases = new Map<string, Lease>();
/** x.x.x.101, .102 … in the order of the first sighting. */
const leaseFor = (mac: string): Lease => {
  const known = leases.get(mac);
  if (known !== undefined) return known;
  const number = leases.size + 1;
  const lease: Lease = {
    address: ipv4FromNumber(ipv4Number(subnetOf(address, 24).network) + 100 + number),
    hostname: must(parseHostname(`worker-kube${number}`)),
    leaseTime: minutes(5),
    boot: options.boot,
  };
  leases.set(mac, lease);
  return lease;
};

const fd = must(parseInheritedSockets(process.env['BRAMBLE_FDS'])).get(67);
await dhcpServer({
  openUdp: nodeUdp(log),
  ...(fd !== undefined && { fd }),
  clock: {
    now: () => instant(Date.now()),
    sleep: async (duration, signal) => {
      await delay(duration, undefined, { signal });
    },
  },
  log,
  signal: stop.signal,
  mode: options.mode,
  self: { address, subnet: subnetOf(address, 24), gateway: address, dns: [address], ntp: [address] },
  onSighting: async (request) => {
    say('sighting', { ...request });
    return leaseFor(request.mac);
  },
  onListening: () => say('listening', { fd }),
});
say('closed');
