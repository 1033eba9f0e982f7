/**
 * The daemon's path probe, by itself: arguments are the interface, our address and NAME=ADDRESS of each board. Prints a line for each
 * change: `NAME PATH`, `link up|down`; and `cpu PERCENT` with the number of rounds when it has run for `PROBE_ROUNDS`.
 */
import { performance } from 'node:perf_hooks';
import { must } from '../../config/result.ts';
import { parseIpv4 } from '../../config/values.ts';
import { createPathProbe } from '../../daemon/app/keeping/path-probe.ts';
import type { Log } from '../../daemon/ports.ts';
import { hasCarrier } from '../../daemon/system/carrier.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { askTcp, openKnock } from '../../daemon/system/knock.ts';

const [name = '', own = '', ...listed] = process.argv.slice(2);
const boards = listed.map((text) => {
  const [board = '', address = ''] = text.split('=');
  return { name: board, address: must(parseIpv4(address)) };
});
const gateway = boards.find((board) => board.name === 'gateway')?.address;
const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (message) => void process.stderr.write(`${message}\n`),
  child: () => log,
};
const place = { interface: name, address: must(parseIpv4(own)), gateway };
const ending = new AbortController();
const probe = createPathProbe({
  boards: () => boards.filter((board) => board.name !== 'gateway'),
  place: () => place,
  ...{ openKnock, askTcp, hasCarrier, clock: systemClock, log },
});

const limit = Number(process.env['PROBE_ROUNDS'] ?? Number.POSITIVE_INFINITY);
const said = new Map<string, string>();
const say = (what: string, now: string): void => {
  if (said.get(what) !== now) process.stdout.write(`${what} ${now}\n`);
  said.set(what, now);
};
let rounds = -1;
let [begun, used] = [0, process.cpuUsage()];
await probe.follow(ending.signal, () => {
  rounds += 1;
  // The first round makes the sockets.
  if (rounds === 1) [begun, used] = [performance.now(), process.cpuUsage()];
  for (const board of boards) say(board.name, probe.evidence(board.name).path);
  say('link', probe.ownLink());
  if (rounds <= limit) return;
  const { user, system } = process.cpuUsage(used);
  const percent = (user + system) / 10 / (performance.now() - begun);
  process.stdout.write(`cpu ${percent.toFixed(3)} rounds ${rounds - 1}\n`);
  ending.abort();
});
process.exit(0);
