/** The disk refuses, is slow, or somebody floods: what was not committed did not happen, and the runner goes on. */
import test, { type ExecutionContext } from 'ava';
import { must } from '../../../config/result.ts';
import {
  type DeviceId,
  type Mac,
  minutes,
  parseAddressRange,
  parseMac,
  parseSerial,
  parseSubnet,
  seconds,
} from '../../../config/values.ts';
import type { Device } from '../../../daemon/lifecycle/device.ts';
import type { Effect } from '../../../daemon/lifecycle/effect.ts';
import { createRunner, type RunnerDeps, type Write } from '../../../daemon/lifecycle/runner.ts';
import { aDevice, aReport, MAC, START, states } from '../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../support/doubles.ts';

const range = must(parseAddressRange('10.0.0.10-200'));
const subnet = must(parseSubnet('10.0.0.0/24'));
const macOf = (number: number): Mac => must(parseMac(`dc:a6:32:00:00:${number.toString(16).padStart(2, '0')}`));
const undecided = ['seen', 'booting', 'reported', 'pending'];
const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const idle = async () => undefined;
const doNothing: RunnerDeps['execute'] = {
  'decide-admission': idle,
  'make-image': idle,
  'await-ssh': idle,
  join: idle,
  'release-quarantine': idle,
  leave: idle,
  'start-installer': idle,
  'find-installed': idle,
  ...{ adopt: idle, drain: idle, stop: idle },
};

type DiskDouble = {
  readonly kept: Map<DeviceId, Device>;
  full: boolean;
  /** What a commit waits for. */
  gate: Promise<void>;
  commits: number;
  readonly commit: (batch: readonly Write[]) => Promise<void>;
};

/** Keeps what was committed, with the database's rule that no address and no name is there twice. */
function diskDouble(devices: readonly Device[] = []): DiskDouble {
  const kept = new Map<DeviceId, Device>(devices.map((device) => [device.id, device]));
  const disk: DiskDouble = {
    kept,
    full: false,
    gate: Promise.resolve(),
    commits: 0,
    commit: async (batch: readonly Write[]): Promise<void> => {
      await disk.gate;
      if (disk.full) throw new Error('STORE_FULL');
      const next = new Map(kept);
      for (const write of batch) {
        if (write.write === 'delete-device') next.delete(write.device);
        if (write.write === 'put-device') next.set(write.device.id, write.device);
      }
      const all = [...next.values()];
      for (const field of ['address', 'name'] as const) {
        if (new Set(all.map((device) => device[field])).size < all.length) throw new Error(`UNIQUE: ${field}`);
      }
      kept.clear();
      for (const device of all) kept.set(device.id, device);
      disk.commits += 1;
    },
  };
  return disk;
}

function start(t: ExecutionContext, disk: DiskDouble, changes: Partial<RunnerDeps> = {}) {
  const clock = createClockDouble(START);
  const log = createLogDouble();
  const abort = new AbortController();
  const done: Effect[] = [];
  const note = (effect: Effect) => async () => {
    done.push(effect);
    return undefined;
  };
  const runner = createRunner({
    commit: disk.commit,
    devices: [...disk.kept.values()],
    pendingEffects: new Map(),
    nextNumber: 1,
    reservation: () => ({
      range,
      subnet,
      leases: true,
      isTaken: () => false,
      pattern: 'worker-kube{n}',
      pendingMax: 8,
    }),
    clock,
    random: createRandomDouble(),
    log,
    signal: abort.signal,
    execute: {
      'decide-admission': note('decide-admission'),
      'make-image': note('make-image'),
      'await-ssh': note('await-ssh'),
      join: note('join'),
      'release-quarantine': note('release-quarantine'),
      leave: note('leave'),
      'start-installer': note('start-installer'),
      'find-installed': note('find-installed'),
      adopt: note('adopt'),
      drain: note('drain'),
      stop: note('stop'),
    },
    onChange: () => undefined,
    ...changes,
  });
  t.teardown(() => abort.abort());
  return { runner, clock, log, done, abort };
}

test('a flood of new addresses on a slow disk: never more than pending.max, and no write once it is full', async (t) => {
  const disk = diskDouble();
  const { runner, clock } = start(t, disk);
  void runner.run();
  for (let number = 0; number < 8; number++) must(await runner.sight({ mac: macOf(number) }));
  await clock.advance(minutes(6));
  const gate = Promise.withResolvers<void>();
  disk.gate = gate.promise;
  const flood = Array.from({ length: 100 }, (_, index) => runner.sight({ mac: macOf(index + 20) }));
  await turns();
  gate.resolve();
  const results = await Promise.all(flood);
  t.is([...disk.kept.values()].filter(({ state }) => undecided.includes(state.name)).length, 8);
  t.is(results.filter(({ ok }) => ok).length, 8);
  t.deepEqual(new Set(runner.fleet.all().map(({ id }) => id)), new Set(disk.kept.keys()));
  const { commits } = disk;
  for (let number = 120; number < 220; number++) t.false((await runner.sight({ mac: macOf(number) })).ok);
  t.is(disk.commits, commits);
});

test('a board that is accepted while it is to give way stays, on disk and in memory', async (t) => {
  const disk = diskDouble();
  const reservation = () => ({
    range,
    subnet,
    leases: true,
    isTaken: () => false,
    pattern: 'worker-kube{n}',
    pendingMax: 1,
  });
  const { runner, clock } = start(t, disk, { reservation });
  const old = must(await runner.sight({ mac: macOf(1) }));
  void runner.run();
  await runner.dispatch(old.id, { event: 'installer-reported', report: aReport({ mac: macOf(1) }) });
  await clock.advance(minutes(6));
  const gate = Promise.withResolvers<void>();
  disk.gate = gate.promise;
  const accepted = runner.dispatch(old.id, { event: 'accept-requested', by: 'owner' });
  const newcomer = runner.sight({ mac: macOf(2) });
  await turns();
  gate.resolve();
  t.true((await accepted).ok);
  await newcomer;
  t.is(runner.fleet.byId(old.id)?.state.name, 'accepted');
  t.is(disk.kept.get(old.id)?.state.name, 'accepted');
  const again = must(await runner.sight({ mac: macOf(2) }));
  t.not(again.address, old.address);
  t.deepEqual(new Set(runner.fleet.all().map(({ id }) => id)), new Set(disk.kept.keys()));
});

test('a full disk: nothing is promised, nothing changes, and all goes on when there is room again', async (t) => {
  const disk = diskDouble();
  const { runner, done } = start(t, disk);
  disk.full = true;
  await t.throwsAsync(runner.sight({ mac: MAC }), { message: 'STORE_FULL' });
  t.deepEqual(runner.fleet.all(), []);
  disk.full = false;
  const device = must(await runner.sight({ mac: MAC }));
  disk.full = true;
  const report = { event: 'installer-reported', report: aReport() } as const;
  await t.throwsAsync(runner.dispatch(device.id, report), { message: 'STORE_FULL' });
  t.is(runner.fleet.byId(device.id)?.state.name, 'seen');
  t.deepEqual(done, []);
  disk.full = false;
  t.true((await runner.dispatch(device.id, report)).ok);
  t.deepEqual(done, ['decide-admission']);
});

test('a full disk: a known board gets its address all the same, and what it tells of itself is learned later', async (t) => {
  const disk = diskDouble([{ ...aDevice(states.ready), serials: [] }]);
  const { runner, log } = start(t, disk);
  const serial = must(parseSerial('0123abcd'));
  disk.full = true;
  t.like(await runner.sight({ mac: MAC, serial }), { ok: true, value: { address: aDevice().address, serials: [] } });
  t.truthy(log.find('what a packet tells of a board is not written'));
  disk.full = false;
  t.like(await runner.sight({ mac: MAC, serial }), { ok: true, value: { serials: [serial] } });
  t.deepEqual(disk.kept.get(aDevice().id)?.serials, [serial]);
});

test('a deadline that cannot be written ends nothing and is tried again', async (t) => {
  const disk = diskDouble([aDevice(states.booting)]);
  const { runner, clock, log, abort } = start(t, disk);
  const run = runner.run();
  disk.full = true;
  await clock.advance(minutes(6));
  t.truthy(log.find('deadline not written, will be tried again'));
  disk.full = false;
  await clock.advance(seconds(6));
  t.is(runner.fleet.byMac(MAC)?.state.name, 'seen');
  abort.abort();
  await t.notThrowsAsync(run);
});

test('an effect whose end cannot be written is carried out again', async (t) => {
  const disk = diskDouble([aDevice(states.starting)]);
  const { runner, clock } = start(t, disk, {
    pendingEffects: new Map([[aDevice().id, ['await-ssh']]]),
    execute: { ...doNothing, 'await-ssh': async () => ({ event: 'ssh-answered' }) },
  });
  void runner.run();
  disk.full = true;
  await clock.advance(seconds(10));
  t.is(runner.fleet.byMac(MAC)?.state.name, 'starting');
  disk.full = false;
  await clock.advance(seconds(31));
  t.is(runner.fleet.byMac(MAC)?.state.name, 'joining');
});

test('who looks on and throws does not keep a committed state from being carried out', async (t) => {
  const disk = diskDouble();
  const { runner, done, log } = start(t, disk, {
    onChange: () => {
      throw new Error('a damaged row');
    },
  });
  const device = must(await runner.sight({ mac: MAC }));
  t.true((await runner.dispatch(device.id, { event: 'installer-reported', report: aReport() })).ok);
  t.deepEqual(done, ['decide-admission']);
  t.truthy(log.find('a committed change was not shown'));
});
