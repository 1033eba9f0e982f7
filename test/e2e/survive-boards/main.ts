/**
 * `main.ts KNOWN EVERY MOST`: boards that are switched on for as long as this runs: first KNOWN of them, another one each EVERY
 * milliseconds up to MOST, and those that are there again and again, 25 DISCOVERs a second in all. Each OFFER is a line `MAC ADDRESS`. Runs
 * under the launcher, which opens port 68.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { must } from '../../../config/result.ts';
import { ipv4FromNumber, macBytes, macFromBytes, parseMac } from '../../../config/values.ts';
import { decodePacket } from '../../../daemon/dhcp/packet.ts';
import { nodeUdp, parseInheritedSockets } from '../../../daemon/system/udp.ts';
import { createLogDouble } from '../../support/doubles.ts';
import { pi400Discover } from '../../vectors/dhcp.ts';

const [known = 0, every = 1000, most = 0] = process.argv.slice(2).map(Number);
const paceMs = 40;
const [xidAt, chaddrAt] = [4, 28];
const udp = await nodeUdp(createLogDouble())({
  bind: { address: ipv4FromNumber(0), port: 68 },
  broadcast: true,
  fd: must(parseInheritedSockets(process.env['BRAMBLE_FDS'])).get(68) ?? -1,
  onMessage: (payload) => {
    const packet = decodePacket(payload);
    if (packet.ok && packet.value.op === 2 && packet.value.yiaddr !== '0.0.0.0')
      process.stdout.write(`${must(macFromBytes(packet.value.chaddr))} ${packet.value.yiaddr}\n`);
  },
});
const macOf = (number: number): string =>
  `dc:a6:32:01:${[number >> 8, number & 255].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
const start = performance.now();
for (let sent = 0; ; sent++) {
  const there = Math.min(most, known + Math.floor((performance.now() - start) / every));
  // The youngest every other time: it may not have been heard by anybody.
  const number = sent % 2 === 0 ? there - 1 : Math.floor(Math.random() * there);
  const discover = Buffer.from(pi400Discover.datagram);
  discover.writeUInt32BE(0x5eed_0000 + (sent & 0xffff), xidAt);
  discover.set(macBytes(must(parseMac(macOf(number)))), chaddrAt);
  udp.send(discover, { address: ipv4FromNumber(0xffffffff), port: 67 });
  await delay(paceMs);
}
