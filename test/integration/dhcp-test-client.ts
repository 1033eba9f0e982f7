/**
 * Sends datagrams from port 68 as a board does and prints what comes back, a line each: sender and hex. Arguments: how many answers to
 * wait for, then the datagrams in hex. Runs under the launcher: without an address nothing else can broadcast.
 */
import { must } from '../../config/result.ts';
import { ipv4FromNumber } from '../../config/values.ts';
import type { Log } from '../../daemon/ports.ts';
import { nodeUdp, parseInheritedSockets } from '../../daemon/system/udp.ts';

const [count = '1', ...datagrams] = process.argv.slice(2);
const complain = (message: string, fields: unknown): void => {
  process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
};
const log: Log = { debug: complain, info: complain, warn: complain, error: complain, child: () => log };
const fd = must(parseInheritedSockets(process.env['BRAMBLE_FDS'])).get(68);
const done = Promise.withResolvers<void>();
let answers = 0;
const udp = await nodeUdp(log)({
  bind: { address: ipv4FromNumber(0), port: 68 },
  broadcast: true,
  ...(fd !== undefined && { fd }),
  onMessage: (payload, from) => {
    process.stdout.write(`${from.address} ${Buffer.from(payload).toString('hex')}\n`);
    answers++;
    if (answers === Number(count)) done.resolve();
  },
});
for (const datagram of datagrams)
  udp.send(Buffer.from(datagram, 'hex'), { address: ipv4FromNumber(0xffffffff), port: 67 });
await done.promise;
await udp.close();
