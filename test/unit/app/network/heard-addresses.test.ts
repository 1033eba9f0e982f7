import test, { type ExecutionContext } from 'ava';
import { must } from '../../../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4, parseMac, seconds, subnetOf } from '../../../../config/values.ts';
import { heardAddresses } from '../../../../daemon/app/network/heard-addresses.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import { createRunner, type Write } from '../../../../daemon/lifecycle/runner.ts';
import { aDevice, aHeardDevice, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../../support/doubles.ts';

const ip = (last: number) => must(parseIpv4(`10.77.0.${last}`));
const idle = async () => undefined;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const other = {
  id: must(parseDeviceId('d-00000000000b')),
  name: must(parseHostname('worker-kube2')),
  macs: [must(parseMac('dc:a6:32:00:00:0b'))],
};

function desk(t: ExecutionContext, devices: readonly Device[]) {
  const clock = createClockDouble();
  const log = createLogDouble();
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const written: string[] = [];
  const runner = createRunner({
    commit: async (batch: readonly Write[]) => {
      for (const write of batch) {
        if (write.write === 'put-device') written.push(`${write.device.name} ${write.device.address}`);
      }
    },
    devices,
    pendingEffects: new Map(),
    nextNumber: 3,
    reservation: () => undefined,
    clock,
    random: createRandomDouble(),
    log,
    signal: stop.signal,
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
  const site = { subnet: subnetOf(ip(1), 24), taken: [ip(1), ip(254)] };
  const hear = heardAddresses({ runner: () => runner, site: () => site, clock, log, signal: stop.signal });
  const byName = (name: string) => runner.fleet.byName(must(parseHostname(name)));
  const heard = async (name: string, last: number): Promise<void> => {
    const device = byName(name);
    if (device === undefined) throw new Error('no such board');
    hear(device, ip(last));
    await settled();
  };
  return { hear, heard, written, clock, log, runner, address: (name: string) => byName(name)?.address };
}

test('an address is noted once, and followed when it changes', async (t) => {
  const { heard, written, clock, address } = desk(t, [aHeardDevice(states.joining)]);
  await heard('worker-kube1', 23);
  await heard('worker-kube1', 23);
  t.is(address('worker-kube1'), ip(23));
  await clock.advance(seconds(60));
  await heard('worker-kube1', 24);
  t.deepEqual(written, ['worker-kube1 10.77.0.23', 'worker-kube1 10.77.0.24']);
});

test('who asks for a hundred addresses in a board’s name costs two writes, and the last word counts', async (t) => {
  const { heard, written, clock, address } = desk(t, [aHeardDevice()]);
  for (let last = 20; last < 120; last++) await heard('worker-kube1', last);
  await heard('worker-kube1', 23);
  await clock.advance(seconds(60));
  t.deepEqual(written, ['worker-kube1 10.77.0.20', 'worker-kube1 10.77.0.23']);
  t.is(address('worker-kube1'), ip(23));
});

test('the router gives one board’s address to another: nobody has it twice', async (t) => {
  const { heard, written, address } = desk(t, [
    aHeardDevice(states.ready, { address: ip(23) }),
    aHeardDevice(states.seen, other),
  ]);
  await heard('worker-kube2', 23);
  t.is(address('worker-kube1'), undefined);
  t.is(address('worker-kube2'), ip(23));
  t.deepEqual(written, ['worker-kube1 undefined', 'worker-kube2 10.77.0.23']);
});

test('never where the address is ours, of another network, or the master’s', async (t) => {
  const { hear, heard, written, log, address } = desk(t, [aDevice(states.ready), aHeardDevice(states.seen, other)]);
  await heard('worker-kube1', 23);
  await heard('worker-kube2', 1);
  await heard('worker-kube2', 254);
  hear(aHeardDevice(states.seen, other), must(parseIpv4('192.168.1.9')));
  await settled();
  t.is(log.find('the router gave out an address of ours: take it out of its range'), undefined);
  await heard('worker-kube2', 100);
  t.truthy(log.find('the router gave out an address of ours: take it out of its range'));
  t.deepEqual(written, []);
  t.is(address('worker-kube1'), ip(100));
});
