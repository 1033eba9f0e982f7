import test from 'ava';
import { must } from '../../../config/result.ts';
import {
  type DeviceId,
  instant,
  parseAddressRange,
  parseHostname,
  parseMac,
  parseSubnet,
} from '../../../config/values.ts';
import type { Device } from '../../../daemon/lifecycle/device.ts';
import type { Effect } from '../../../daemon/lifecycle/effect.ts';
import type { LifecycleEvent } from '../../../daemon/lifecycle/event.ts';
import { type Change, createRunner, type Runner, type Write } from '../../../daemon/lifecycle/runner.ts';
import type { Log } from '../../../daemon/ports.ts';
import { aReport, START } from '../../support/boards.ts';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** What would be on disk: survives the runner. `crashAt` stands for the power cut right after the n-th commit. */
class DiskDouble {
  devices = new Map<DeviceId, Device>();
  effects = new Map<DeviceId, readonly Effect[]>();
  history: string[] = [];
  nextNumber = 1;
  commits = 0;
  crashAt = Number.POSITIVE_INFINITY;
  onCrash: () => void = () => undefined;

  readonly commit = async (batch: readonly Write[]): Promise<void> => {
    if (this.commits >= this.crashAt) return new Promise(() => undefined);
    for (const write of batch) this.apply(write);
    this.commits += 1;
    if (this.commits >= this.crashAt) {
      this.onCrash();
      return new Promise(() => undefined);
    }
  };

  private apply(write: Write): void {
    if (write.write === 'put-device') this.devices.set(write.device.id, write.device);
    if (write.write === 'set-effects') this.effects.set(write.device, write.effects);
    if (write.write === 'append-event') this.history.push(write.to);
    if (write.write === 'put-setting') this.nextNumber = Number(write.value);
    if (write.write === 'delete-device') this.devices.delete(write.device);
  }
}

const range = must(parseAddressRange('10.0.0.10-30'));
const subnet = must(parseSubnet('10.0.0.0/24'));
const MAC = must(parseMac('dc:a6:32:01:02:03'));

/** A world in which every effect works; `effects` counts how often each was carried out. */
function start(disk: DiskDouble, effects: Effect[] = []) {
  const abort = new AbortController();
  const waiting = new Set<(change: Change) => void>();
  let tick = START as number;
  let id = 0;
  const ends: Record<Exclude<Effect, 'find-installed'>, LifecycleEvent> = {
    'decide-admission': { event: 'admission-decided', verdict: { verdict: 'accept', by: 'test' } },
    'make-image': { event: 'image-made', arming: 'a1' },
    'await-ssh': { event: 'ssh-answered' },
    join: { event: 'node-ready' },
    'release-quarantine': { event: 'quarantine-released' },
    leave: { event: 'left' },
    'start-installer': { event: 'installer-started' },
    adopt: { event: 'adopted' },
    drain: { event: 'drained' },
    stop: { event: 'stopped' },
  };
  const end = (effect: keyof typeof ends) => async () => {
    effects.push(effect);
    return ends[effect];
  };
  const runner = createRunner({
    commit: disk.commit,
    devices: [...disk.devices.values()],
    pendingEffects: disk.effects,
    nextNumber: disk.nextNumber,
    reservation: () => ({
      range,
      subnet,
      leases: true,
      isTaken: () => false,
      pattern: 'worker-kube{n}',
      masterName: must(parseHostname('kube-master')),
      pendingMax: 8,
    }),
    clock: {
      now: () => instant(tick++),
      sleep: (_, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    },
    random: { bytes: (length) => Uint8Array.from({ length }, () => id++ % 256) },
    log: silent,
    signal: abort.signal,
    execute: {
      'decide-admission': end('decide-admission'),
      'make-image': end('make-image'),
      'await-ssh': end('await-ssh'),
      join: end('join'),
      'release-quarantine': end('release-quarantine'),
      leave: end('leave'),
      'start-installer': end('start-installer'),
      // Its installer says so itself here.
      'find-installed': async () => undefined,
      adopt: end('adopt'),
      drain: end('drain'),
      stop: end('stop'),
    },
    onChange: (change) => {
      for (const look of [...waiting]) look(change);
    },
  });
  const reached = (name: string): Promise<void> =>
    new Promise((resolve) => {
      const look = () => {
        const there = runner.fleet
          .all()
          .some(({ state }) => state.name === name && (state.name !== 'ready' || !state.quarantined));
        if (!there) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  void runner.run();
  return { runner, reached, stop: () => abort.abort() };
}

/** What the board itself does; it does so again after every power cut of the master. */
async function plugIn(runner: Runner, reached: (name: string) => Promise<void>): Promise<void> {
  const device = must(await runner.sight({ mac: MAC }));
  await runner.dispatch(device.id, { event: 'boot-file-served', file: 'start4.elf' });
  await runner.dispatch(device.id, { event: 'installer-reported', report: aReport() });
  if (runner.fleet.byMac(MAC)?.state.name === 'accepted') await reached('installing');
  await runner.dispatch(device.id, { event: 'installed' });
  await reached('ready');
}

test('from plugged in to ready, each effect once, each state in the history', async (t) => {
  const disk = new DiskDouble();
  const effects: Effect[] = [];
  const { runner, reached, stop } = start(disk, effects);
  const life = plugIn(runner, reached);
  await reached('installing');
  await runner.dispatch(must(await runner.sight({ mac: MAC })).id, { event: 'installed' });
  await life;
  stop();
  t.deepEqual(effects, ['decide-admission', 'make-image', 'await-ssh', 'join', 'release-quarantine']);
  t.deepEqual(disk.history, [
    'seen',
    'booting',
    'reported',
    'accepted',
    'installing',
    'starting',
    'joining',
    'ready',
    'ready',
  ]);
});

for (let crashAt = 1; crashAt <= 9; crashAt++) {
  test(`power cut right after commit ${crashAt}: the next start ends the same way`, async (t) => {
    const disk = new DiskDouble();
    disk.crashAt = crashAt;
    const before = start(disk);
    const crashed = new Promise<void>((resolve) => {
      disk.onCrash = resolve;
    });
    void plugIn(before.runner, before.reached);
    // The installer of the first life: it reports as soon as it may.
    void before.reached('installing').then(() => {
      const device = before.runner.fleet.byMac(MAC);
      return device && before.runner.dispatch(device.id, { event: 'installed' });
    });
    await crashed;
    before.stop();

    disk.crashAt = Number.POSITIVE_INFINITY;
    const again = start(disk);
    const life = plugIn(again.runner, again.reached);
    void again.reached('installing').then(() => {
      const device = again.runner.fleet.byMac(MAC);
      return device && again.runner.dispatch(device.id, { event: 'installed' });
    });
    await life;
    again.stop();
    const [device, ...others] = disk.devices.values();
    t.deepEqual(others, []);
    t.is(device?.name as string, 'worker-kube1');
    t.is(device?.address as string, '10.0.0.10');
    t.deepEqual(device?.state, { name: 'ready', quarantined: false });
    t.deepEqual(device && disk.effects.get(device.id), []);
  });
}

test('a storm of first packets: no name and no address twice', async (t) => {
  const disk = new DiskDouble();
  const { runner, stop } = start(disk);
  const macs = Array.from({ length: 8 }, (_, index) => must(parseMac(`dc:a6:32:00:00:0${index}`)));
  const devices = await Promise.all([...macs, ...macs].map(async (mac) => must(await runner.sight({ mac }))));
  stop();
  t.is(new Set(devices.map(({ id }) => id)).size, 8);
  t.is(new Set(devices.map(({ name }) => name)).size, 8);
  t.is(new Set(devices.map(({ address }) => address)).size, 8);
});

test('a board that is expected has its name and address before anything is heard of it, once', async (t) => {
  const disk = new DiskDouble();
  const { runner, stop } = start(disk);
  const name = must(parseHostname('web1'));
  const [first, second] = await Promise.all([runner.expect(name, 'anna'), runner.expect(name, 'anna')]);
  const device = must(first);
  t.like(device, { name, address: '10.0.0.10', macs: [], state: { name: 'seen' } });
  t.false(second.ok, 'it is just being given to the first');
  t.is(must(await runner.expect(name, 'anna')).id, device.id);
  const other = must(await runner.sight({ mac: MAC }));
  t.not(other.address, device.address);
  await runner.dispatch(device.id, { event: 'card-made', by: 'anna' });
  t.deepEqual(disk.devices.get(device.id)?.state, { name: 'starting', card: true });
  stop();
});

test('a board that is only expected can be dropped, with all that is on disk of it; one that was seen cannot', async (t) => {
  const disk = new DiskDouble();
  const { runner, stop } = start(disk);
  const name = must(parseHostname('web1'));
  const device = must(await runner.expect(name, 'anna'));
  t.true(await runner.drop(device.id));
  t.is(runner.fleet.byName(name), undefined);
  t.is(disk.devices.size, 0);
  t.false(await runner.drop(device.id));
  const again = must(await runner.expect(name, 'anna'));
  await runner.dispatch(again.id, { event: 'card-made', by: 'anna' });
  await runner.sight({ mac: MAC, hostname: name });
  t.false(await runner.drop(again.id));
  t.is(runner.fleet.byName(name)?.id, again.id);
  stop();
});

test('no board is expected under the name of the master, nor as localhost', async (t) => {
  const disk = new DiskDouble();
  const { runner, stop } = start(disk);
  for (const name of ['kube-master', 'localhost']) {
    const refused = await runner.expect(must(parseHostname(name)), 'anna');
    t.like(refused, {
      ok: false,
      error: { code: 'NAME_TAKEN', detail: `${name} is the name of this host: choose another one` },
    });
  }
  t.is(disk.devices.size, 0);
  stop();
});

test('the system on a card that was made is known by its name, once; nobody else takes the board’s place', async (t) => {
  const { runner, stop } = start(new DiskDouble());
  const device = must(await runner.expect(must(parseHostname('rack-a-7')), 'anna'));
  await runner.dispatch(device.id, { event: 'card-made', by: 'anna' });
  const seen = must(await runner.sight({ mac: MAC, hostname: 'Rack-A-7' }));
  t.is(seen.id, device.id);
  t.deepEqual(seen.macs, [MAC]);
  const second = must(await runner.sight({ mac: must(parseMac('dc:a6:32:0a:0a:0a')), hostname: 'rack-a-7' }));
  t.not(second.id, device.id);
  stop();
});
