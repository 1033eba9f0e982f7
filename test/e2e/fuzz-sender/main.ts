/**
 * `main.ts PROTOCOL OWN-ADDRESS SERVER COUNT SEED [blind]`: sends that many hostile datagrams (of http: requests), then prints what
 * it took. `blind`: as fast as it goes, without asking whether the server still answers.
 */
import { diceOf } from '../fuzz-mutate.ts';
import { fuzzDhcp } from './dhcp.ts';
import type { Pace } from './flow.ts';
import { fuzzHttp } from './http.ts';
import { fuzzMdns } from './mdns.ts';
import { fuzzRequests, fuzzTransfers } from './tftp.ts';

const [protocol, own = '', server = '', count = '', seed = '', how] = process.argv.slice(2);
const pace: Pace = how === 'blind' ? 'blind' : 'answered';
const dice = diceOf(Number(seed));
const run: Record<string, (datagrams: number) => Promise<number>> = {
  dhcp: (datagrams) => fuzzDhcp(own, server, datagrams, dice, pace),
  'tftp-requests': (datagrams) => fuzzRequests(server, 'served', datagrams, dice, pace),
  'tftp-transfers': (datagrams) => fuzzTransfers(server, 'served', datagrams, dice),
  mdns: (datagrams) => fuzzMdns(own, datagrams, dice, pace),
  http: (requests) => fuzzHttp(server, requests, dice),
};
const start = performance.now();
const askedAgain = await run[protocol ?? '']?.(Number(count));
if (askedAgain === undefined) throw new Error(`no protocol ${protocol}`);
const seconds = (performance.now() - start) / 1000;
process.stdout.write(`${count} datagrams in ${seconds.toFixed(1)} s, ${askedAgain} questions asked again\n`);
process.exit(0);
