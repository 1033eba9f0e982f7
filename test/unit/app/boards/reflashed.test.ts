/** A board of ours whose disk was written by hand, or which speaks through another network adapter. */
import test, { type ExecutionContext } from 'ava';
import { must } from '../../../../config/result.ts';
import {
  after,
  type Mac,
  minutes,
  parseDeviceId,
  parseHostname,
  parseIpv4,
  parseMac,
  parseSerial,
} from '../../../../config/values.ts';
import { bootDesk } from '../../../../daemon/app/boards/boot-desk.ts';
import { createChanges } from '../../../../daemon/app/changes.ts';
import { createTimelines } from '../../../../daemon/boot/timeline.ts';
import type { BootClaim, DiskClaim } from '../../../../daemon/http/claim.ts';
import { bootKey, bootProof } from '../../../../daemon/http/proof.ts';
import type { Device, DeviceState } from '../../../../daemon/lifecycle/device.ts';
import type { LifecycleEvent } from '../../../../daemon/lifecycle/event.ts';
import { createRunner } from '../../../../daemon/lifecycle/runner.ts';
import { aDevice, MAC, SERIAL, START, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../../support/doubles.ts';

const KEY = new Uint8Array(32).fill(7);
const ADAPTER = must(parseMac('02:00:00:00:00:77'));
const addresses: ReadonlyMap<Mac, ReturnType<typeof at>> = new Map([
  [MAC, at('10.77.0.100')],
  [ADAPTER, at('10.77.0.107')],
]);
function at(address: string) {
  return { address: must(parseIpv4(address)), port: 40_000 };
}

/** As a join card looks to the installer that was started from it: ours, and no board's. */
const joinCard: DiskClaim = {
  ...{ name: 'mmcblk0', type: 'sd', bytes: 8_000_000_000, content: 'ours' },
  ...{ clusterId: 'c', deviceId: '', model: 'SC32G' },
};
const claim = (changes: Partial<BootClaim> = {}): BootClaim => ({
  ...{ mac: MAC, serial: SERIAL, model: 'pi4', modelText: 'Raspberry Pi 4 Model B', memoryBytes: 4_000_000_000 },
  ...{ disks: [joinCard], card: 'mmcblk0', source: 'join-card', challenge: '0123456789abcdef'.repeat(2) },
  proof: undefined,
  ...changes,
});

function desk(t: ExecutionContext, state: DeviceState, newcomer?: Device) {
  const clock = createClockDouble(after(START, minutes(5)));
  const abort = new AbortController();
  t.teardown(() => abort.abort());
  const changes = createChanges(clock, abort.signal);
  const idle = async (): Promise<LifecycleEvent | undefined> => undefined;
  const runner = createRunner({
    commit: async () => undefined,
    devices: [aDevice(state), ...(newcomer === undefined ? [] : [newcomer])],
    ...{ pendingEffects: new Map(), nextNumber: 2, reservation: () => undefined },
    ...{ clock, random: createRandomDouble(), log: createLogDouble(), signal: abort.signal },
    execute: {
      'decide-admission': async () => ({ event: 'admission-decided', verdict: { verdict: 'hold', reason: 'a rival' } }),
      'make-image': async () => ({ event: 'image-made', arming: 'fresh' }),
      'await-ssh': idle,
      join: idle,
      'release-quarantine': idle,
      leave: idle,
      'start-installer': idle,
      'find-installed': idle,
      ...{ adopt: idle, drain: idle, stop: idle },
    },
    onChange: changes.tell,
  });
  const boot = bootDesk({
    runner,
    timelines: createTimelines(),
    ...{ clock, random: createRandomDouble(), clusterKey: KEY, clusterId: 'c', diskRules: [] },
    addressesAreOurs: () => true,
    hardwareAddressOf: async (address) => [...addresses].find(([, one]) => one.address === address)?.[0],
    onHeard: () => undefined,
    nextChange: changes.next,
    images: {
      openBase: async () => undefined,
      baseOf: async () => ({ sha256: 'a'.repeat(64), bytes: 1000 }),
      sectorsOf: async () => ({ runs: [], blob: new Uint8Array(512) }),
    },
    onProgress: async () => undefined,
    isOverdue: () => false,
    noticeRival: () => false,
  });
  const tell = async (said: BootClaim) => {
    const client = addresses.get(said.mac) ?? at('10.77.0.66');
    const order = await boot.report(said, client);
    if (order.action !== 'wait' || order.nonce === undefined) return order;
    const key = said.source === 'join-card' ? KEY : bootKey(KEY, said.mac);
    const proof = bootProof(key, { nonce: order.nonce, mac: said.mac, serial: said.serial });
    return boot.report({ ...said, proof }, client);
  };
  return { tell, runner };
}

const failedJoin: DeviceState = { name: 'failed', code: 'SSH_AUTH', detail: 'x', resume: { at: 'join' } };
const out: DeviceState = { name: 'left', by: 'anna', done: true };

for (const state of [
  states.unreachable,
  states.joining,
  states['local-boot-failed'],
  failedJoin,
  out,
  states.starting,
]) {
  test(`${state.name}: a join card that was written over its system by hand brings it back under its name`, async (t) => {
    const { tell, runner } = desk(t, state);
    t.like(await tell(claim()), { action: 'install', arming: 'fresh' });
    t.like(runner.fleet.byMac(MAC), { name: 'worker-kube1', address: '10.77.0.100', state: { name: 'installing' } });
  });
}

test('an empty disk is as good; a join card that was left in beside its system, data, and another serial are not', async (t) => {
  const blank: DiskClaim = { ...joinCard, name: 'sda', type: 'usb', content: 'blank', clusterId: '' };
  const own: DiskClaim = { ...joinCard, name: 'nvme0n1', type: 'nvme', deviceId: aDevice().id };
  const data: DiskClaim = { ...joinCard, name: 'sda', type: 'usb', content: 'foreign', clusterId: '' };
  for (const [changes, action] of [
    [{ disks: [joinCard, blank] }, 'install'],
    [{ disks: [joinCard, own] }, 'wait'],
    [{ disks: [joinCard, data] }, 'wait'],
    [{ serial: must(parseSerial('00000000deadbeef')) }, 'wait'],
    [{ serial: undefined }, 'wait'],
  ] as const) {
    const { tell, runner } = desk(t, states.unreachable);
    t.is((await tell(claim(changes))).action, action, JSON.stringify(changes));
    t.is(runner.fleet.byMac(MAC)?.state.name, action === 'install' ? 'installing' : 'unreachable');
  }
});

test('nobody who only netboots, and no board that is Ready or was refused, is written by that', async (t) => {
  const netboot = claim({ source: 'netboot', card: undefined });
  t.not((await desk(t, states.unreachable).tell(netboot)).action, 'install');
  for (const state of [states.ready, states.held, states.rejected, states.replaced]) {
    t.not((await desk(t, state).tell(claim())).action, 'install', state.name);
  }
});

const newcomer = (state: DeviceState = states.seen): Device =>
  aDevice(state, {
    id: must(parseDeviceId('d-00000000000b')),
    name: must(parseHostname('worker-kube7')),
    address: must(parseIpv4('10.77.0.107')),
    macs: [ADAPTER],
    serials: [],
  });

test('another network adapter, the same serial number, and a card that knows the cluster key: the same board', async (t) => {
  const { tell, runner } = desk(t, states.unreachable, newcomer());
  const told = await tell(claim({ mac: ADAPTER }));
  t.regex(told.message, /this is worker-kube1 with another network adapter/);
  t.is(runner.fleet.all().length, 1);
  t.like(runner.fleet.byMac(ADAPTER), { name: 'worker-kube1', macs: [MAC, ADAPTER], state: { name: 'unreachable' } });
});

test('a board that is there is not taken for another; who only netboots, and who is decided about, neither', async (t) => {
  for (const [state, other, changes] of [
    [states.ready, newcomer(), {}],
    [states.unreachable, newcomer(), { source: 'netboot', card: undefined }],
    [states.unreachable, newcomer(states.rejected), {}],
    [states.unreachable, newcomer(), { serial: must(parseSerial('00000000deadbeef')) }],
  ] as const) {
    const { tell, runner } = desk(t, state, other);
    await tell(claim({ mac: ADAPTER, ...changes }));
    t.is(runner.fleet.all().length, 2);
    t.deepEqual(runner.fleet.byMac(MAC)?.macs, [MAC]);
  }
});
