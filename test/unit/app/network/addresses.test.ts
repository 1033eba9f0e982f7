import test, { type ExecutionContext } from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import {
  type Ipv4,
  type Mac,
  minutes,
  parseAddressRange,
  parseIpv4,
  parseMac,
  seconds,
  subnetOf,
} from '../../../../config/values.ts';
import { createAddresses } from '../../../../daemon/app/network/addresses.ts';
import type { Site } from '../../../../daemon/app/network/site.ts';
import type { DhcpRequest, GivenUp } from '../../../../daemon/dhcp/server.ts';
import { createRunner, type Runner } from '../../../../daemon/lifecycle/runner.ts';
import type { Write } from '../../../../daemon/store/store.ts';
import { aDevice, MAC, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../../support/doubles.ts';

const ip = (last: number): Ipv4 => must(parseIpv4(`10.77.0.${last}`));
const site: Site = {
  interface: 'eth0',
  address: ip(1),
  subnet: subnetOf(ip(1), 24),
  range: must(parseAddressRange('10.77.0.100-103')),
  taken: [ip(1)],
  gateway: ip(1),
  dns: [],
  ntp: [],
  uplink: undefined,
  shared: false,
};
const idle = async () => undefined;
const mac = must(parseMac('00:11:22:33:44:55'));
const laptop: DhcpRequest = { mac, xid: 1, secs: 0, kind: 'discover', isPxe: false, isPi: false, isMaskRom: false };
const fromBoard: DhcpRequest = { ...laptop, mac: MAC, isPi: true };

type Options = { yaml: string; state: keyof typeof states; guests: ReadonlyMap<string, Ipv4> };

function lab({ yaml = 'dhcp: {mode: full, guests: 10.77.0.20-21}', state = 'seen', guests }: Partial<Options> = {}) {
  let here = site;
  const clock = createClockDouble();
  const log = createLogDouble();
  const config = parseConfig(yaml);
  if (!config.ok) throw new Error('not a configuration');
  const writes: Write[] = [];
  const commit = async (batch: readonly Write[]) => writes.push(...batch);
  const addresses = createAddresses({
    config: config.value,
    site: () => here,
    standing: { mode: () => (config.value.dhcp.mode === 'auto' ? undefined : config.value.dhcp.mode) },
    written: guests ?? new Map(),
    commit,
    runner: () => runner,
    clock,
    log,
  });
  const runner: Runner = createRunner({
    commit,
    devices: [aDevice(states[state])],
    pendingEffects: new Map(),
    nextNumber: 2,
    reservation: () => ({
      range: site.range,
      subnet: here.subnet,
      leases: true,
      isTaken: addresses.isTaken,
      pattern: 'worker-kube{n}',
      pendingMax: 9,
    }),
    clock,
    random: createRandomDouble(),
    log,
    signal: new AbortController().signal,
    execute: {
      'decide-admission': idle,
      'make-image': idle,
      'await-ssh': idle,
      join: idle,
      'release-quarantine': idle,
      leave: idle,
      'start-installer': idle,
      'find-installed': idle,
      ...{ adopt: idle, drain: idle, stop: idle },
    },
    onChange: addresses.changed,
  });
  const decline = (request: DhcpRequest, address: Ipv4): void =>
    addresses.givenUp({ kind: 'decline', request, address } satisfies GivenUp);
  const board = () => runner.fleet.byMac(MAC);
  /** On a network where `answers` says who answers for what. */
  const answers = new Map<Ipv4, Mac>();
  const live = (t: ExecutionContext): void => {
    const life = new AbortController();
    const followed = addresses.follow({ occupant: async (address) => answers.get(address) }, life.signal);
    t.teardown(async () => {
      life.abort();
      await followed;
    });
  };
  /** The same wire, another site: the pool of guests is built again, from what is remembered. */
  const move = (changes: Partial<Site>): void => {
    here = { ...here, ...changes };
  };
  return { ...addresses, runner, clock, log, writes, decline, board, move, answers, live };
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a board that nobody decided about and that declines its address gets another one, and the old one is for nobody', async (t) => {
  const { decline, board, isTaken, writes, runner, log, advice, live } = lab();
  live(t);
  await settled();
  decline(fromBoard, ip(100));
  await settled();
  t.like(board(), { address: ip(101), name: aDevice().name });
  t.true(isTaken(ip(100)));
  t.is(runner.fleet.byAddress(ip(100)), undefined);
  t.deepEqual(
    writes.map(({ write }) => write),
    ['put-device', 'append-event'],
  );
  t.regex(JSON.stringify(writes), /another device uses 10\.77\.0\.100; 10\.77\.0\.101 is its own from now on/);
  t.truthy(log.find('board has another address'));
  t.regex(advice().join(), /10\.77\.0\.100 of the boards’ range is used by another device/);
  decline(fromBoard, ip(100));
  await settled();
  t.is(board()?.address, ip(101), 'a late repetition is about an address that it does not have');
});

for (const state of ['accepted', 'installing', 'ready', 'rejected'] as const) {
  test(`${state}: it keeps the address that it declines, and the owner is told`, async (t) => {
    const { decline, board, advice, writes, answers, live } = lab({ state });
    live(t);
    await settled();
    answers.set(ip(100), mac);
    decline(fromBoard, ip(100));
    await settled();
    t.is(board()?.address, ip(100));
    t.deepEqual(writes, []);
    t.regex(
      advice()[0] ?? '',
      /another device, 00:11:22:33:44:55, uses 10\.77\.0\.100, the address of worker-kube1: find it/,
    );
  });
}

test('a flood of DECLINE ends with the addresses that are left, and then the board keeps the last one', async (t) => {
  const { decline, board, log, live } = lab();
  live(t);
  await settled();
  for (let round = 0; round < 20; round++) {
    const address = board()?.address;
    if (address !== undefined) decline(fromBoard, address);
    await settled();
  }
  t.is(board()?.address, ip(103));
  t.truthy(log.find('a board keeps an address that another device uses'));
});

for (const state of ['booting', 'pending'] as const) {
  test(`${state}: a DECLINE in its name moves nothing while the board answers for its address`, async (t) => {
    const { decline, board, answers, writes, live } = lab({ state });
    live(t);
    await settled();
    answers.set(ip(100), MAC);
    decline(fromBoard, ip(100));
    await settled();
    t.is(board()?.address, ip(100));
    t.deepEqual(writes, []);
    answers.set(ip(100), mac);
    decline(fromBoard, ip(100));
    await settled();
    t.is(board()?.address, ip(101), 'now somebody else does');
  });
}

test('a board whose installer runs does not move by a DECLINE that nothing bears out', async (t) => {
  const { decline, board, writes, live, hasRival } = lab({ state: 'pending' });
  live(t);
  await settled();
  decline(fromBoard, ip(100));
  await settled();
  t.is(board()?.address, ip(100));
  t.deepEqual(writes, []);
  const now = board();
  t.false(now !== undefined && hasRival(now), 'nor does its image wait');
});

test('an address that nobody had looked at: its user is found after the OFFER, and the board gets another one', async (t) => {
  const { told, board, answers, isTaken, live } = lab();
  live(t);
  await settled();
  answers.set(ip(100), mac);
  const before = board();
  if (before?.addressing !== 'reserved') return t.fail();
  told(before);
  await settled();
  await settled();
  t.is(board()?.address, ip(101));
  t.true(isTaken(ip(100)));
});

test('an accepted board keeps an address that another one answers for, and that is known', async (t) => {
  const { told, board, answers, live, hasRival, advice } = lab({ state: 'accepted' });
  live(t);
  await settled();
  answers.set(ip(100), mac);
  const before = board();
  if (before?.addressing !== 'reserved') return t.fail();
  t.false(hasRival(before));
  told(before);
  await settled();
  t.is(board()?.address, ip(100));
  t.true(hasRival(before));
  t.regex(advice()[0] ?? '', /uses 10\.77\.0\.100, the address of worker-kube1/);
});

test('a DECLINE or RELEASE of what is not the sender’s is no news', async (t) => {
  const { decline, givenUp, log, live } = lab();
  live(t);
  await settled();
  decline(fromBoard, ip(103));
  decline(laptop, ip(20));
  givenUp({ kind: 'release', request: laptop, address: ip(20) });
  await settled();
  t.deepEqual(
    log.records.filter(({ level }) => level !== 'debug'),
    [],
  );
});

test('a guest that declines gets another address; what it gives back is free a minute later', async (t) => {
  const { leaseGuest, decline, givenUp, isTaken, clock, follow } = lab();
  const life = new AbortController();
  const followed = follow({ occupant: idle }, life.signal);
  const join = async (): Promise<Ipv4 | undefined> => {
    const offer = await leaseGuest(laptop);
    if (offer !== undefined)
      await leaseGuest({ ...laptop, kind: 'request-selecting', requestedAddress: offer.address });
    return offer?.address;
  };
  t.is(await join(), ip(20));
  decline(laptop, ip(20));
  t.is(await join(), ip(21));
  t.true(isTaken(ip(21)));
  givenUp({ kind: 'release', request: laptop, address: ip(21) });
  await clock.advance(minutes(2));
  t.false(isTaken(ip(21)));
  life.abort();
  await followed;
});

test('a board that gives its address back keeps it', async (t) => {
  const { givenUp, board, writes } = lab({ state: 'ready' });
  givenUp({ kind: 'release', request: fromBoard, address: ip(100) });
  await settled();
  t.is(board()?.address, ip(100));
  t.deepEqual(writes, []);
});

test('who had an address before has none any more: not on disk, and not in memory when the site changes', async (t) => {
  const { leaseGuest, givenUp, clock, follow, move, guests } = lab();
  const life = new AbortController();
  const followed = follow({ occupant: idle }, life.signal);
  const [a, b, c] = ['0a', '0b', '0c'].map((clientIdentifier) => ({ ...laptop, clientIdentifier }));
  if (a === undefined || b === undefined || c === undefined) return t.fail();
  const bind = async (client: DhcpRequest, address: Ipv4): Promise<void> => {
    const asked = { ...client, kind: 'request-selecting', requestedAddress: address } as const;
    t.is((await leaseGuest(asked))?.address, address);
  };
  await bind(b, ip(20));
  await bind(a, ip(21));
  givenUp({ kind: 'release', request: b, address: ip(20) });
  givenUp({ kind: 'release', request: a, address: ip(21) });
  await clock.advance(minutes(2));
  await bind(c, ip(20));
  await bind(b, ip(21));
  move({ subnet: subnetOf(ip(1), 25) });
  t.is(guests().length, 2);
  t.is((await leaseGuest({ ...b, kind: 'request-renewing', ciaddr: ip(21) }))?.address, ip(21), 'it is b’s');
  t.not((await leaseGuest({ ...a, kind: 'request-init-reboot', requestedAddress: ip(21) }))?.address, ip(21));
  life.abort();
  await followed;
});

test('no guests beside a router, while nobody knows whose network this is, and where nobody wants them', async (t) => {
  for (const yaml of ['dhcp: {mode: full}', 'dhcp: {mode: auto, guests: on}', 'dhcp: {mode: proxy, guests: on}']) {
    t.is(await lab({ yaml }).leaseGuest(laptop), undefined, yaml);
  }
  t.truthy(await lab({ yaml: 'dhcp: {mode: full, guests: on}' }).leaseGuest(laptop));
});

test('what a guest had before the daemon was started is for no board, for an hour, whatever the configuration says now', async (t) => {
  const guests = new Map([['0102', ip(101)]]);
  for (const yaml of ['dhcp: {mode: full}', 'dhcp: {mode: full, guests: 10.77.0.20-21}']) {
    const { runner, isTaken, clock, follow } = lab({ yaml, guests });
    const life = new AbortController();
    const followed = follow({ occupant: idle }, life.signal);
    const device = must(await runner.sight({ mac: must(parseMac('dc:a6:32:00:00:09')) }));
    t.is(device.address, ip(102), yaml);
    await clock.advance(minutes(62));
    t.false(isTaken(ip(101)), yaml);
    life.abort();
    await followed;
  }
});

test('the next addresses of boards and guests are looked up ahead, and one that is used is passed over', async (t) => {
  const { follow, runner, clock, advice, leaseGuest } = lab();
  const asked: Ipv4[] = [];
  const check = {
    occupant: async (address: Ipv4) => {
      asked.push(address);
      return address === ip(101) || address === ip(20) ? mac : undefined;
    },
  };
  const life = new AbortController();
  const followed = follow(check, life.signal);
  await settled();
  t.deepEqual(asked, [101, 102, 103, 20, 21].map(ip));
  t.is(must(await runner.sight({ mac: must(parseMac('dc:a6:32:00:00:09')) })).address, ip(102));
  const stranger = { ...laptop, mac: must(parseMac('00:11:22:33:44:66')) };
  t.is((await leaseGuest(stranger))?.address, ip(21));
  t.is((await leaseGuest(laptop))?.address, ip(20), 'it is the one that uses it');
  t.is(advice().length, 1, 'a guest’s own address is no news');
  t.regex(advice()[0] ?? '', /10\.77\.0\.101 .* 00:11:22:33:44:55/);
  await clock.advance(seconds(5));
  life.abort();
  await followed;
});

test('beside a router only the addresses that the owner named are asked about, and with DHCP off none', async (t) => {
  const count = async (yaml: string): Promise<number> => {
    const { follow } = lab({ yaml });
    let asked = 0;
    const life = new AbortController();
    const followed = follow({ occupant: async () => void asked++ }, life.signal);
    await settled();
    life.abort();
    await followed;
    return asked;
  };
  t.is(await count('dhcp: {mode: proxy}'), 0);
  t.is(await count('addresses: 10.77.0.100-103\ndhcp: {mode: proxy}'), 3);
  t.is(await count('addresses: 10.77.0.100-103\ndhcp: {mode: off}'), 0);
});

test('relay agents of other networks are named, a few of them; so is a range for guests that cannot be', (t) => {
  const { strayRelay, advice, log } = lab({ yaml: 'dhcp: {mode: full, guests: 10.77.0.103-110}' });
  for (let last = 1; last < 100; last++) strayRelay(must(parseIpv4(`10.9.0.${last}`)));
  strayRelay(must(parseIpv4('10.9.0.1')));
  t.is(log.records.filter(({ level }) => level === 'warn').length, 4);
  const lines = advice();
  t.is(lines.length, 5);
  t.regex(lines[0] ?? '', /relay agent 10\.9\.0\.1 get no address: ours are of 10\.77\.0\.0\/24/);
  t.regex(lines[4] ?? '', /guests get no address: dhcp\.guests .* overlaps the boards’ range/);
});
