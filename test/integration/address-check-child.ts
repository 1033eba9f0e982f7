/** Asks who uses the addresses in its arguments, from 10.77.0.1/24, and prints a line each: address and who. */
import { setTimeout as delay } from 'node:timers/promises';
import { must } from '../../config/result.ts';
import { parseIpv4, subnetOf } from '../../config/values.ts';
import { createAddressCheck } from '../../daemon/app/network/address-check.ts';
import type { Log } from '../../daemon/ports.ts';
import { hardwareAddressOf } from '../../daemon/system/neighbours.ts';
import { nodeUdp } from '../../daemon/system/udp.ts';

const complain = (message: string, fields: unknown): void => {
  process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
};
const log: Log = { debug: () => undefined, info: complain, warn: complain, error: complain, child: () => log };
const address = must(parseIpv4('10.77.0.1'));
const { occupant } = createAddressCheck({
  openUdp: nodeUdp(log),
  site: { address, subnet: subnetOf(address, 24) },
  hardwareAddressOf,
  clock: { sleep: (duration, signal) => delay(duration, undefined, { signal }) },
});
const { signal } = new AbortController();
const found = await Promise.all(
  process.argv.slice(2).map(async (text) => `${text} ${(await occupant(must(parseIpv4(text)), signal)) ?? 'nobody'}`),
);
process.stdout.write(`${found.join('\n')}\n`);
