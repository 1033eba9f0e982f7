/** `main.ts PROTOCOL OWN-ADDRESS SERVER COUNT SEED`: sends that many hostile datagrams, then prints what it took. */
import { diceOf } from '../fuzz-mutate.ts';
import { fuzzDhcp } from './dhcp.ts';
import { fuzzMdns } from './mdns.ts';
import { fuzzRequests, fuzzTransfers } from './tftp.ts';

const [protocol, own = '', server = '', count = '', seed = ''] = process.argv.slice(2);
const dice = diceOf(Number(seed));
const run: Record<string, (datagrams: number) => Promise<number>> = {
  dhcp: (datagrams) => fuzzDhcp(own, server, datagrams, dice),
  'tftp-requests': (datagrams) => fuzzRequests(server, 'served', datagrams, dice),
  'tftp-transfers': (datagrams) => fuzzTransfers(server, 'served', datagrams, dice),
  mdns: (datagrams) => fuzzMdns(own, datagrams, dice),
};
const start = performance.now();
const askedAgain = await run[protocol ?? '']?.(Number(count));
if (askedAgain === undefined) throw new Error(`no protocol ${protocol}`);
const seconds = (performance.now() - start) / 1000;
process.stdout.write(`${count} datagrams in ${seconds.toFixed(1)} s, ${askedAgain} questions asked again\n`);
process.exit(0);
