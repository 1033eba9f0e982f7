import test from 'ava';
import { must } from '../../../config/result.ts';
import {
  instant,
  parseAddressRange,
  parseDeviceId,
  parseHostname,
  parseIpv4,
  parseMac,
  parseSubnet,
} from '../../../config/values.ts';
import type { Device, DeviceState } from '../../../daemon/lifecycle/device.ts';
import { createFleet } from '../../../daemon/lifecycle/fleet.ts';
import {
  defaultRange,
  isOnlyExpected,
  type KnownBoards,
  type ReservationRules,
  reserve,
} from '../../../daemon/lifecycle/registry.ts';
import { aDevice, START, states } from '../../support/boards.ts';

const ID = must(parseDeviceId('d-00000000000a'));
const sighting = { mac: must(parseMac('dc:a6:32:00:00:0a')) };
const rules: ReservationRules = {
  range: must(parseAddressRange('10.0.0.10-12')),
  subnet: must(parseSubnet('10.0.0.0/24')),
  leases: true,
  isTaken: (address) => address === must(parseIpv4('10.0.0.10')),
  pattern: 'worker-kube{n}',
  lastAddress: undefined,
  nextNumber: 4,
  pendingMax: 2,
};
const board = (number: number, state = states.ready as ReturnType<typeof aDevice>['state']) =>
  aDevice(state, {
    id: must(parseDeviceId(`d-00000000000${number}`)),
    name: must(parseHostname(`worker-kube${number}`)),
    address: must(parseIpv4(`10.0.0.1${number}`)),
    disk: undefined,
    firstSeen: instant(START + number),
  });

const known = (devices: readonly Device[], isSilent = (_: Device) => true): KnownBoards => {
  const { byName, byAddress, undecided } = createFleet(devices);
  return { byName, byAddress, undecided: undecided().size, silent: () => undecided().values().filter(isSilent) };
};

test('the next name, and the first address that nobody has', (t) => {
  const { device, number, dropped } = must(reserve(sighting, ID, known([board(1)]), rules, START));
  t.is(device.name, must(parseHostname('worker-kube4')));
  t.is(device.address, must(parseIpv4('10.0.0.12')));
  t.is(number, 4);
  t.is(dropped, undefined);
  t.is(device.state.name, 'seen');
});

test('only expected: no packet was seen of it, and its card may not even be written', (t) => {
  const isExpected = (state: DeviceState): boolean => isOnlyExpected(aDevice(state, { macs: [] }));
  t.true(isExpected(states.seen));
  t.true(isExpected({ name: 'starting', card: true }));
  t.true(isExpected(states.rejected));
  // Its system answered, though its hardware address could not be read.
  for (const state of [states.starting, states.joining, states.ready]) t.false(isExpected(state), state.name);
  t.false(isOnlyExpected(aDevice({ name: 'starting', card: true })));
});

test('no board is given the name of the master', (t) => {
  const masterName = must(parseHostname('worker-kube4'));
  const { device, number } = must(reserve(sighting, ID, known([]), { ...rules, masterName }, START));
  t.is(device.name, must(parseHostname('worker-kube5')));
  t.is(number, 5);
});

test('addresses are given in turn, round the range, and from its beginning if the last one is of another', (t) => {
  const address = (lastAddress: string, devices: readonly Device[]): string | undefined =>
    must(reserve(sighting, ID, known(devices), { ...rules, lastAddress: must(parseIpv4(lastAddress)) }, START)).device
      .address;
  t.is(address('10.0.0.11', [board(1)]), '10.0.0.12');
  t.is(address('10.0.0.12', []), '10.0.0.12', 'it could not be written');
  t.is(address('10.0.0.12', [board(2)]), '10.0.0.11');
  t.is(address('10.0.0.9', []), '10.0.0.11');
  t.is(address('192.168.1.200', []), '10.0.0.11');
});

test('a name that an own board has already is passed over', (t) => {
  const taken = { ...board(1), name: must(parseHostname('worker-kube4')) };
  t.is(must(reserve(sighting, ID, known([taken]), rules, START)).number, 5);
});

test('full of boards that are ours: says what to do', (t) => {
  const result = reserve(sighting, ID, known([board(1), board(2)]), rules, START);
  t.is(!result.ok && result.error.code, 'ADDRESSES_EXHAUSTED');
  t.true(!result.ok && result.error.detail.includes('addresses'));
});

test('too many that nobody accepted: the oldest of them gives way, and its address with it', (t) => {
  const devices = [board(1, states.seen), board(2, states.pending)];
  const { device, dropped } = must(reserve(sighting, ID, known(devices), rules, START));
  t.is(dropped?.name, must(parseHostname('worker-kube1')));
  t.is(device.address, must(parseIpv4('10.0.0.11')));
});

test('one that was heard of within its lease gives way to nobody: its address is in use', (t) => {
  const devices = [board(1, states.seen), board(2, states.seen)];
  const none = reserve(
    sighting,
    ID,
    known(devices, () => false),
    rules,
    START,
  );
  t.is(!none.ok && none.error.code, 'PENDING_FULL');
  const isSilent = ({ id }: Device) => id === board(2).id;
  t.is(must(reserve(sighting, ID, known(devices, isSilent), rules, START)).dropped?.id, board(2).id);
});

test('one that has reported gives way after all those of which only a packet was seen', (t) => {
  const devices = [board(1, states.pending), board(2, states.seen)];
  t.is(must(reserve(sighting, ID, known(devices), rules, START)).dropped?.id, board(2).id);
});

test('one that is held has nothing of ours: a flood of them gives way like any other', (t) => {
  const devices = [board(1, states.held), board(2, states.held)];
  t.is(must(reserve(sighting, ID, known(devices), rules, START)).dropped?.id, board(1).id);
});

test('the default range stays inside the subnet, without network and broadcast address', (t) => {
  const range = (prefix: number) => {
    const { first, last } = defaultRange(must(parseIpv4('10.77.0.0')), prefix);
    return `${first}-${last}`;
  };
  t.is(range(24), '10.77.0.128-10.77.0.227');
  t.is(range(29), '10.77.0.4-10.77.0.6');
  t.is(range(30), '10.77.0.2-10.77.0.2');
});

test('beside a router that gives the addresses a board has a name, and no address of ours', (t) => {
  const { device } = must(reserve(sighting, ID, known([board(1)]), { ...rules, range: undefined }, START));
  t.like(device, { name: 'worker-kube4', addressing: 'heard', address: undefined });
});
