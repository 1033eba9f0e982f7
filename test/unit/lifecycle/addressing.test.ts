import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseAddressRange, parseIpv4, parseSubnet } from '../../../config/values.ts';
import type { Device, DeviceState } from '../../../daemon/lifecycle/device.ts';
import { isMisaddressed } from '../../../daemon/lifecycle/registry.ts';
import { createRunner, type Write } from '../../../daemon/lifecycle/runner.ts';
import { aDevice, aHeardDevice, MAC, states } from '../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../support/doubles.ts';

const range = must(parseAddressRange('10.77.0.200-201'));
const subnet = must(parseSubnet('10.77.0.0/24'));
const own = { range, leases: true };
const moved = { address: must(parseIpv4('192.168.9.100')) };
const besideWithRange = { range, leases: false };
const beside = { range: undefined, leases: false };

const other = { address: must(parseIpv4('10.77.0.9')) };
const { seen, pending, installing, ready } = states;
const cases: readonly [
  what: string,
  device: Device,
  rules: typeof own | typeof besideWithRange | typeof beside,
  anew: boolean,
][] = [
  ['where we are the server everybody needs an address of ours', aHeardDevice(ready), own, true],
  ['beside a router an image may still get one', aHeardDevice(pending), besideWithRange, true],
  ['but not one that is written', aHeardDevice(installing), besideWithRange, false],
  ['what was reserved for nobody yet is the router’s business', aDevice(seen), beside, true],
  ['what is in an image stays', aDevice(installing), beside, false],
  ['a reserved address is one', aDevice(seen), own, false],
  ['outside the range, but of this network: the owner named other addresses', aDevice(seen, other), own, false],
  ['of another network, and nobody decided about it', aDevice(pending, moved), own, true],
  ['beside a router, too', aDevice(seen, moved), besideWithRange, true],
  ['of another network, and in an image', aDevice(ready, moved), own, false],
  ['a heard one, too', aHeardDevice(seen), beside, false],
];
for (const [what, device, rules, anew] of cases) {
  test(what, (t) => {
    t.is(isMisaddressed(device, { ...rules, subnet }), anew);
  });
}

function runnerWith(device: Device, rules: { range: typeof range | undefined; leases: boolean }) {
  const written: Write[] = [];
  const idle = async () => undefined;
  const runner = createRunner({
    commit: async (batch) => written.push(...batch),
    devices: [device],
    pendingEffects: new Map(),
    nextNumber: 2,
    reservation: () => ({ ...rules, subnet, isTaken: () => false, pattern: 'worker-kube{n}', pendingMax: 8 }),
    clock: createClockDouble(),
    random: createRandomDouble(),
    log: createLogDouble(),
    signal: new AbortController().signal,
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
  });
  return { runner, written };
}

test('the owner moves the boards to a switch of their own: at its next DISCOVER each gets a permanent address, once', async (t) => {
  const state: DeviceState = ready;
  const { runner, written } = runnerWith(aHeardDevice(state, { address: must(parseIpv4('192.168.1.23')) }), own);
  const [first, again] = [await runner.sight({ mac: MAC }), await runner.sight({ mac: MAC })];
  t.like(first, { ok: true, value: { addressing: 'reserved', address: '10.77.0.200', state } });
  t.deepEqual(again, first);
  t.is(written.filter(({ write }) => write === 'put-device').length, 1, 'on disk before it is told');
  t.is(runner.fleet.byAddress(must(parseIpv4('10.77.0.200')))?.id, aDevice().id);
  t.is(runner.fleet.byAddress(must(parseIpv4('192.168.1.23'))), undefined);
});

test('a switch of one’s own is plugged into the home network: who has no image yet keeps the router’s address', async (t) => {
  const { runner } = runnerWith(aDevice(seen), beside);
  t.like(await runner.sight({ mac: MAC }), { ok: true, value: { addressing: 'heard', address: undefined } });
});

test('the master moved to another network: who was not decided about gets an address of it, once, and it is on disk', async (t) => {
  const { runner, written } = runnerWith(aDevice(pending, moved), own);
  const [first, again] = [await runner.sight({ mac: MAC }), await runner.sight({ mac: MAC })];
  t.like(first, { ok: true, value: { addressing: 'reserved', address: '10.77.0.200', name: aDevice().name } });
  t.deepEqual(again, first);
  t.is(written.filter(({ write }) => write === 'put-device').length, 1);
  t.regex(JSON.stringify(written), /192\.168\.9\.100 is of another network; 10\.77\.0\.200 is its own from now on/);
  const decided = runnerWith(aDevice(ready, moved), own);
  t.like(await decided.runner.sight({ mac: MAC }), { ok: true, value: moved });
  t.deepEqual(decided.written, []);
});
