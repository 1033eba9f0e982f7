/** DHCP starvation with the real server, gate, lifecycle and lease desk; socket, clock and disk are doubles. */
import test, { type ExecutionContext } from 'ava';
import { must } from '../../../../config/result.ts';
import {
  type Ipv4,
  type Mac,
  macBytes,
  minutes,
  parseAddressRange,
  parseIpv4,
  parseMac,
  seconds,
  subnetOf,
} from '../../../../config/values.ts';
import { leaseDesk } from '../../../../daemon/app/network/leases.ts';
import { dhcpLimits } from '../../../../daemon/dhcp/limits.ts';
import { decodePacket } from '../../../../daemon/dhcp/packet.ts';
import { dhcpServer } from '../../../../daemon/dhcp/server.ts';
import { createRunner, type Write } from '../../../../daemon/lifecycle/runner.ts';
import type { OpenUdp } from '../../../../daemon/ports.ts';
import { createRests } from '../../../../daemon/rests.ts';
import { createTally } from '../../../../daemon/traffic/counts.ts';
import { createGate } from '../../../../daemon/traffic/gate.ts';
import { tickLength } from '../../../../daemon/traffic/ticks.ts';
import { aDevice, MAC, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../../support/doubles.ts';
import { pi400Discover } from '../../../vectors/dhcp.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));
const mac = (text: string): Mac => must(parseMac(text));
const address = ip('10.77.0.1');
const pendingMax = 8;
const idle = async () => undefined;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function start(t: ExecutionContext) {
  const [clock, log, tally] = [createClockDouble(), createLogDouble(), createTally()];
  const ticks = createRests(clock, tickLength);
  const stop = new AbortController();
  const batches: (readonly Write[])[] = [];
  const runner = createRunner({
    commit: async (batch) => void batches.push(batch),
    devices: [aDevice(states.ready)],
    pendingEffects: new Map(),
    nextNumber: 2,
    reservation: () => ({
      range: must(parseAddressRange('10.77.0.100-10.77.0.199')),
      subnet: subnetOf(address, 24),
      leases: true,
      isTaken: (one) => one === address,
      pattern: 'worker-kube{n}',
      pendingMax,
    }),
    execute: {
      ...{ 'decide-admission': idle, 'make-image': idle, 'await-ssh': idle },
      ...{
        join: idle,
        'release-quarantine': idle,
        leave: idle,
        'start-installer': idle,
        'find-installed': idle,
        ...{ adopt: idle, drain: idle, stop: idle },
      },
    },
    onChange: () => undefined,
    ...{ clock, log, random: createRandomDouble(), signal: stop.signal },
  });
  const offers = new Map<string, Ipv4>();
  let hear: Parameters<OpenUdp>[0]['onMessage'] = () => undefined;
  const openUdpDouble: OpenUdp = async ({ bind, onMessage }) => {
    if (bind.address !== address) hear = onMessage;
    const send = (payload: Uint8Array): void => {
      const { chaddr, yiaddr } = must(decodePacket(payload));
      offers.set(Buffer.from(chaddr).toString('hex'), yiaddr);
    };
    return { local: bind, send, close: async () => undefined };
  };
  const done = dhcpServer({
    openUdp: openUdpDouble,
    mode: 'full',
    self: { address, subnet: subnetOf(address, 24) },
    onSighting: leaseDesk({
      noticeRival: () => false,
      adoption: { systemHeard: () => undefined, restarted: () => undefined },
      ...{
        runner,
        diary: { met: () => undefined },
        log,
        subnet: subnetOf(address, 24),
        givesAddresses: true,
        reservesAddresses: true,
      },
      addresses: { leaseGuest: idle, told: () => undefined, strayRelay: () => undefined },
    }),
    admit: createGate(dhcpLimits, { isKnown: (sender) => runner.fleet.byMac(sender) !== undefined, now: ticks.count }),
    count: tally.count('dhcp'),
    ...{ clock, log, signal: stop.signal },
  });
  const counting = Promise.all([ticks.follow(stop.signal), runner.run()]);
  t.teardown(async () => {
    stop.abort();
    await Promise.all([done, counting]);
  });
  await settled();
  const datagram = Buffer.from(pi400Discover.datagram);
  const discover = (sender: Mac): void => {
    datagram.set(macBytes(sender), 28);
    hear(Buffer.from(datagram), { address: ip('0.0.0.0'), port: 68 });
  };
  /** What the board is offered now, if anything. */
  const ask = async (sender: Mac): Promise<Ipv4 | undefined> => {
    offers.clear();
    discover(sender);
    await settled();
    return offers.get(sender.replaceAll(':', ''));
  };
  let forged = 0;
  const flood = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left -= 1) {
      forged += 1;
      const tail = [forged >> 16, forged >> 8, forged].map((byte) => (byte & 255).toString(16).padStart(2, '0'));
      discover(mac(`b8:27:eb:${tail.join(':')}`));
    }
    await settled();
  };
  return { runner, clock, tally, batches, ask, flood };
}

test('through a flood a board is offered its address, and nothing is written beyond pending.max', async (t) => {
  const { runner, clock, tally, batches, ask, flood } = await start(t);
  const own = aDevice().address;
  t.is(await ask(MAC), own);
  const before = batches.length;
  for (let second = 0; second < 30; second += 1) {
    await flood(2000);
    t.is(await ask(MAC), own);
    await clock.advance(seconds(1));
  }
  t.is(batches.length - before, pendingMax, 'one commit for each that was taken in');
  t.is(runner.fleet.all().length, 1 + pendingMax);
  const { answered, refused, flood: held } = tally.now().dhcp;
  t.is(answered, 31 + pendingMax);
  t.is(answered + refused + held, 31 + 30 * 2000);
  // What was looked at at all: a burst, then 100 a second.
  t.true(refused <= 256 + 30 * 100, `${refused}`);
});

test('when it is over a new board is served, as soon as the forged ones’ provisional leases are', async (t) => {
  const { runner, clock, ask, flood } = await start(t);
  const fresh = mac('dc:a6:32:77:77:77');
  await flood(5000);
  t.is(await ask(fresh), undefined);
  await clock.advance(seconds(30));
  t.is(await ask(fresh), undefined, 'their addresses may be in use');
  await clock.advance(minutes(2));
  const offered = await ask(fresh);
  t.truthy(offered);
  t.is(runner.fleet.byMac(fresh)?.address, offered);
  t.is(runner.fleet.all().length, 1 + pendingMax);
});

test('a flood in the name of a board is held, and is nobody else’s', async (t) => {
  const { runner, tally, ask } = await start(t);
  for (let count = 0; count < 1000; count += 1) await ask(MAC);
  t.is(tally.now().dhcp.flood, 1000 - dhcpLimits.each.burst);
  const fresh = mac('dc:a6:32:77:77:77');
  t.truthy(await ask(fresh));
  t.is(runner.fleet.all().length, 2);
});
