import test from 'ava';
import { must } from '../../../../config/result.ts';
import { minutes, parseIpv4, parseMac, subnetOf } from '../../../../config/values.ts';
import { leaseDesk } from '../../../../daemon/app/network/leases.ts';
import type { DhcpRequest, Lease } from '../../../../daemon/dhcp/server.ts';
import type { Device, StateName } from '../../../../daemon/lifecycle/device.ts';
import { createRunner } from '../../../../daemon/lifecycle/runner.ts';
import { aDevice, aHeardDevice, MAC, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../../support/doubles.ts';

const idle = async () => undefined;
const request: DhcpRequest = { mac: MAC, xid: 1, kind: 'discover', isPxe: true, isPi: true, secs: 0, isMaskRom: false };

function desk(
  network: string,
  board: Device = aDevice(states.ready),
  givesAddresses = true,
  guest?: Lease,
  reservesAddresses = givesAddresses,
) {
  const clock = createClockDouble();
  const log = createLogDouble();
  const runner = createRunner({
    commit: async () => undefined,
    devices: [board],
    pendingEffects: new Map(),
    nextNumber: 2,
    reservation: () => undefined,
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
    onChange: () => undefined,
  });
  const subnet = subnetOf(must(parseIpv4(network)), 24);
  const agents: string[] = [];
  const lease = leaseDesk({
    noticeRival: () => false,
    adoption: { systemHeard: () => undefined, restarted: () => undefined },
    ...{ runner, diary: { met: () => undefined }, log, subnet, givesAddresses, reservesAddresses },
    addresses: {
      leaseGuest: async () => guest,
      told: () => undefined,
      strayRelay: (agent) => agents.push(agent),
    },
  });
  return { lease, log, agents };
}

test('an address of the network that the boards are on is granted; one of another network is not', async (t) => {
  t.is((await desk('10.77.0.1').lease(request))?.address, aDevice().address);
  const moved = desk('192.168.1.1');
  t.is(await moved.lease(request), undefined);
  t.truthy(moved.log.find('the address of this board is of another network'));
});

test('beside a router a board is told where to boot from, whatever its address is', async (t) => {
  for (const board of [aHeardDevice(states.ready), aDevice(states.ready)]) {
    t.like(await desk('192.168.1.1', board, false).lease(request), { address: '0.0.0.0', boot: true });
  }
});

test('a board that has none of our addresses is given none', async (t) => {
  const board = aHeardDevice(states.ready, { address: must(parseIpv4('10.77.0.23')) });
  const { lease, log } = desk('10.77.0.1', board);
  t.is(await lease(request), undefined);
  t.truthy(log.find('this board has no address of ours'));
});

test('a machine that is no board hears nothing, and is not written down', async (t) => {
  const { lease } = desk('10.77.0.1');
  const laptop = { ...request, mac: must(parseMac('00:11:22:33:44:55')), isPi: false, isPxe: false };
  t.is(await lease(laptop), undefined);
});

test('a machine that is no board is the guests’ business, a board that is known by its hardware address is not', async (t) => {
  const guest: Lease = { address: must(parseIpv4('10.77.0.20')), leaseTime: minutes(60), boot: false };
  const { lease } = desk('10.77.0.1', aDevice(), true, guest);
  const laptop = { ...request, mac: must(parseMac('00:11:22:33:44:55')), isPi: false, isPxe: false };
  t.is(await lease(laptop), guest);
  t.is((await lease({ ...request, isPi: false, isPxe: false, clientIdentifier: '0102' }))?.address, aDevice().address);
});

const toldToBoot: Readonly<Record<StateName, boolean>> = {
  seen: true,
  booting: true,
  adopting: true,
  reported: true,
  pending: true,
  accepted: true,
  installing: true,
  starting: true,
  joining: true,
  ready: true,
  unreachable: true,
  'waiting-for-proof': true,
  draining: true,
  stopped: true,
  'local-boot-failed': true,
  reinstalling: true,
  wiping: true,
  held: false,
  left: true,
  replaced: false,
  rejected: false,
  failed: true,
};
for (const name of Object.values(states).map((state) => state.name)) {
  test(`${name}: ${toldToBoot[name] ? 'told from where to boot' : 'not a word about booting'}`, async (t) => {
    const { lease } = desk('10.77.0.1', aDevice(states[name]));
    t.is((await lease(request))?.boot, toldToBoot[name]);
  });
}

test('behind a relay agent of our own subnet a board is served, behind another one it is not, and that is told', async (t) => {
  const { lease, agents } = desk('10.77.0.1');
  t.is((await lease({ ...request, giaddr: must(parseIpv4('10.77.0.200')) }))?.address, aDevice().address);
  t.deepEqual(agents, []);
  const stray = must(parseIpv4('10.9.0.1'));
  t.is(await lease({ ...request, giaddr: stray }), undefined);
  t.is(await lease({ ...request, mac: must(parseMac('dc:a6:32:00:00:09')), giaddr: stray }), undefined);
  t.deepEqual(agents, ['10.9.0.1', '10.9.0.1']);
  await lease({ ...request, mac: must(parseMac('00:11:22:33:44:55')), isPi: false, giaddr: stray });
  t.is(agents.length, 2, 'nothing is said about machines that are no boards');
});

test('beside a router a board behind a relay agent is told where to boot from, unless its address would be one of ours', async (t) => {
  const relayed = { ...request, giaddr: must(parseIpv4('10.9.0.1')) };
  const heard = desk('10.77.0.1', aHeardDevice(states.booting), false);
  t.like(await heard.lease(relayed), { address: '0.0.0.0', boot: true });
  t.deepEqual(heard.agents, []);
  const own = desk('10.77.0.1', aDevice(states.booting), false, undefined, true);
  t.is(await own.lease(relayed), undefined);
  t.deepEqual(own.agents, ['10.9.0.1']);
});

test('the system on a card that we made is known by its name, whatever its hardware is', async (t) => {
  const board = aDevice({ name: 'starting', card: true }, { macs: [] });
  const system: DhcpRequest = { ...request, isPxe: false, isPi: false, hostname: board.name };
  t.is((await desk('10.77.0.1', board).lease(system))?.address, board.address);
  t.is(await desk('10.77.0.1', board).lease({ ...system, hostname: 'laptop' }), undefined, 'another one is no board');
});
