/** The daemon's question to peers, by itself: `PEERS` says whom (JSON). Asks about once a second and prints a line each: `#N ANSWER`. */
import { setTimeout as delay } from 'node:timers/promises';
import { must } from '../../config/result.ts';
import { parseIpv4, seconds } from '../../config/values.ts';
import { createPeerProbe } from '../../daemon/app/keeping/peer-probe.ts';
import { withSsh } from '../../daemon/join/ssh.ts';
import type { Log } from '../../daemon/ports.ts';
import { systemClock } from '../../daemon/system/clock.ts';

type Asked = {
  readonly privateKey: string;
  readonly target: string;
  readonly peers: readonly string[];
  readonly boards: Readonly<Record<string, { readonly address: string; readonly hostKey: string }>>;
};
const { privateKey, target, peers, boards }: Asked = JSON.parse(process.env['PEERS'] ?? '');
const complain = (message: string, fields: unknown): void =>
  void process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const log: Log = { debug: () => undefined, info: complain, warn: complain, error: complain, child: () => log };
const ending = new AbortController();
process.once('SIGTERM', () => ending.abort());

const probe = createPeerProbe({
  board: (name) => {
    const found = boards[name];
    return found && { address: must(parseIpv4(found.address)), hostKeys: [found.hostKey] };
  },
  lookFrom: ({ address, hostKeys }, signal, work) =>
    withSsh({ host: address, port: 22, username: 'root', privateKey, hostKeys, signal, timeout: seconds(5) }, work),
  clock: systemClock,
  log,
});
const following = probe.follow(ending.signal);
for (let count = 1; !ending.signal.aborted; count++) {
  process.stdout.write(`#${count} ${await probe.ask(target, peers, ending.signal)}\n`);
  await delay(1000, undefined, { signal: ending.signal }).catch(() => undefined);
}
await following;
process.stdout.write('closed\n');
process.exit(0);
