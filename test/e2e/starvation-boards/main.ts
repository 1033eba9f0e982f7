/**
 * `main.ts SECONDS MAC…`: boards that are switched on again and again, as their ROM does it: each sends a DISCOVER, and the next
 * one when it was answered, or a second later. Prints JSON (`Boot[]`). Runs under the launcher, which opens port 68.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { must } from '../../../config/result.ts';
import { ipv4FromNumber, macBytes, parseMac } from '../../../config/values.ts';
import { decodePacket } from '../../../daemon/dhcp/packet.ts';
import { nodeUdp, parseInheritedSockets } from '../../../daemon/system/udp.ts';
import { createLogDouble } from '../../support/doubles.ts';
import { pi400Discover } from '../../vectors/dhcp.ts';

/** One DISCOVER. `at`: when it was sent, counted from the start; without `milliseconds` it was not answered within a second. */
export type Boot = {
  readonly mac: string;
  readonly at: number;
  readonly milliseconds?: number;
  readonly address?: string;
};

const [seconds = '', ...macs] = process.argv.slice(2);
/** Between two boots of one board: each is to be far below its own limit. */
const pauseMs = 250;
const patienceMs = 1000;
const [xidAt, chaddrAt] = [4, 28];
const fd = must(parseInheritedSockets(process.env['BRAMBLE_FDS'])).get(68);
const waiting = new Map<number, (address: string) => void>();
const udp = await nodeUdp(createLogDouble())({
  bind: { address: ipv4FromNumber(0), port: 68 },
  broadcast: true,
  ...(fd !== undefined && { fd }),
  onMessage: (payload) => {
    const packet = decodePacket(payload);
    if (packet.ok && packet.value.op === 2) waiting.get(packet.value.xid)?.(packet.value.yiaddr);
  },
});
let xid = 0x5eed_0000;
const boots: Boot[] = [];

async function boot(mac: string): Promise<void> {
  xid += 1;
  const mine = xid;
  const discover = Buffer.from(pi400Discover.datagram);
  discover.writeUInt32BE(mine, xidAt);
  discover.set(macBytes(must(parseMac(mac))), chaddrAt);
  const offered = new Promise<string | undefined>((resolve) => {
    waiting.set(mine, resolve);
    setTimeout(resolve, patienceMs, undefined);
  });
  const sent = performance.now();
  udp.send(discover, { address: ipv4FromNumber(0xffffffff), port: 67 });
  const address = await offered;
  waiting.delete(mine);
  const at = sent - start;
  boots.push(address === undefined ? { mac, at } : { mac, at, milliseconds: performance.now() - sent, address });
}

const start = performance.now();
await Promise.all(
  macs.map(async (mac, index) => {
    await delay((index * pauseMs) / macs.length);
    while (performance.now() - start < Number(seconds) * 1000) {
      await boot(mac);
      await delay(pauseMs);
    }
  }),
);
process.stdout.write(`${JSON.stringify(boots)}\n`);
process.exit(0);
