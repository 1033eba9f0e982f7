/** One board takes the place of another, or is another: on a real database, whose rules about names and addresses count. */
import test, { type ExecutionContext } from 'ava';
import { must } from '../../../config/result.ts';
import { minutes, parseDeviceId, parseHostname, parseIpv4, parseMac } from '../../../config/values.ts';
import type { Device, DeviceState, StateName } from '../../../daemon/lifecycle/device.ts';
import type { Effect } from '../../../daemon/lifecycle/effect.ts';
import type { LifecycleEvent } from '../../../daemon/lifecycle/event.ts';
import { createRunner, type Runner } from '../../../daemon/lifecycle/runner.ts';
import { ADAPTERS_MAX, changePlaces } from '../../../daemon/lifecycle/two-boards.ts';
import type { Store } from '../../../daemon/store/store.ts';
import { aDevice, aHeardDevice, aReport, MAC, START, states } from '../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../support/doubles.ts';
import { openNew } from '../store/samples.ts';

const mac = (last: number) => must(parseMac(`dc:a6:32:00:00:${last.toString(16).padStart(2, '0')}`));
const anOld = (state: DeviceState = states.unreachable): Device => aDevice(state);
const aHeir = (state: DeviceState = { ...states.pending, report: aReport({ mac: mac(7) }) }): Device =>
  aDevice(state, {
    id: must(parseDeviceId('d-00000000000b')),
    name: must(parseHostname('worker-kube7')),
    address: must(parseIpv4('10.77.0.107')),
    macs: [mac(7)],
    serials: [],
  });

/** A runner over what is on disk. Effects never end by themselves; which ones began is noted. */
function start(t: ExecutionContext, store: Store) {
  const abort = new AbortController();
  t.teardown(() => abort.abort());
  const { devices, effects } = store.snapshot();
  const begun: string[] = [];
  const begin = (effect: Effect) => async (device: Device) => {
    begun.push(`${effect} ${device.name}`);
    return undefined;
  };
  const runner = createRunner({
    commit: store.commit,
    devices,
    pendingEffects: effects,
    nextNumber: 8,
    reservation: () => undefined,
    clock: createClockDouble(START),
    random: createRandomDouble(),
    log: createLogDouble(),
    signal: abort.signal,
    execute: {
      'decide-admission': begin('decide-admission'),
      'make-image': begin('make-image'),
      'await-ssh': begin('await-ssh'),
      join: begin('join'),
      'release-quarantine': begin('release-quarantine'),
      leave: begin('leave'),
      'start-installer': begin('start-installer'),
      'find-installed': begin('find-installed'),
      adopt: begin('adopt'),
      drain: begin('drain'),
      stop: begin('stop'),
    },
    onChange: () => undefined,
  });
  return { runner, begun };
}

async function withBoards(t: ExecutionContext, ...boards: readonly Device[]): Promise<Store> {
  const store = await openNew(t);
  await store.commit(boards.map((device) => ({ write: 'put-device', device })));
  return store;
}

const byName = (runner: Runner, name: string) => runner.fleet.byName(must(parseHostname(name)));

test('the new board has name and address of the old one, in one commit; the old one leaves first', async (t) => {
  const [old, heir] = [anOld(), aHeir()];
  const store = await withBoards(t, old, heir);
  const { runner, begun } = start(t, store);
  const revision = store.revision();
  const taken = must(await runner.replace(old.id, heir.id, 'anna'));
  t.is(store.revision(), revision + 1);
  t.like(taken, {
    id: heir.id,
    name: 'worker-kube1',
    address: '10.77.0.100',
    macs: [mac(7)],
    state: { name: 'accepted' },
  });
  const was = { name: old.name, address: old.address };
  const gone = byName(runner, 'worker-kube1-old');
  t.like(gone, { id: old.id, address: '10.77.0.107', macs: [MAC], state: { name: 'replaced', was, left: false } });
  t.is(byName(runner, 'worker-kube7'), undefined);
  t.is(runner.fleet.byAddress(must(parseIpv4('10.77.0.100')))?.id, heir.id);
  t.is(runner.fleet.byAddress(must(parseIpv4('10.77.0.107')))?.id, old.id);
  t.deepEqual(begun, ['leave worker-kube1-old', 'make-image worker-kube1']);
  // After a power cut at this moment.
  const again = start(t, store);
  t.deepEqual(again.runner.fleet.byId(heir.id), taken);
  t.deepEqual(again.runner.fleet.byId(old.id), gone);
  void again.runner.run();
  t.deepEqual(
    again.begun.toSorted((a, b) => a.localeCompare(b)),
    ['leave worker-kube1-old', 'make-image worker-kube1'],
  );
  t.regex(
    store.deviceEvents(heir.id).at(-1)?.reason ?? '',
    /takes the place of worker-kube1 \(it was worker-kube7\), asked by anna/,
  );
});

test('it is refused, and nothing is written, where one of the two is not as it has to be', async (t) => {
  const away: readonly StateName[] = [
    'unreachable',
    'waiting-for-proof',
    'stopped',
    'starting',
    'local-boot-failed',
    'left',
    'rejected',
    'failed',
    'reinstalling',
  ];
  for (const [name, state] of Object.entries(states)) {
    const store = await withBoards(t, anOld(state), aHeir());
    const { runner } = start(t, store);
    const before = store.revision();
    const done = await runner.replace(anOld().id, aHeir().id, 'anna');
    t.is(
      done.ok,
      away.some((one) => one === name),
      name,
    );
    if (!done.ok) t.is(store.revision(), before, name);
  }
  for (const state of [states.seen, states.booting, states.ready]) {
    const store = await withBoards(t, anOld(), aHeir(state));
    const { runner } = start(t, store);
    const refused = await runner.replace(anOld().id, aHeir().id, 'anna');
    t.like(refused, { ok: false, error: { code: 'REFUSED' } });
    t.regex(refused.ok ? '' : refused.error.detail, /^worker-kube7: /);
  }
  const { runner } = start(t, await withBoards(t, anOld()));
  t.false((await runner.replace(anOld().id, anOld().id, 'anna')).ok);
  t.like(await runner.replace(anOld().id, aHeir().id, 'anna'), { ok: false, error: { code: 'DEVICE_GONE' } });
});

test('two who take the same place at once: one gets it, the other is told', async (t) => {
  const second = { ...aHeir(), id: must(parseDeviceId('d-00000000000c')), name: must(parseHostname('worker-kube8')) };
  const other = { ...second, addressing: 'reserved', address: must(parseIpv4('10.77.0.108')), macs: [mac(8)] } as const;
  const { runner } = start(t, await withBoards(t, anOld(), aHeir(), other));
  const ends = await Promise.all([aHeir(), other].map(({ id }) => runner.replace(anOld().id, id, 'anna')));
  t.deepEqual(
    ends.map(({ ok }) => ok),
    [true, false],
  );
  t.is(byName(runner, 'worker-kube1')?.id, aHeir().id);
  t.is(byName(runner, 'worker-kube8')?.state.name, 'pending');
});

test('the old board is held when it comes back, and comes in as a new one once it is forgotten', async (t) => {
  const [old, heir] = [anOld(), aHeir()];
  const store = await withBoards(t, old, heir);
  const { runner } = start(t, store);
  must(await runner.replace(old.id, heir.id, 'anna'));
  const state = () => runner.fleet.byId(old.id)?.state;
  await runner.sight({ mac: MAC });
  t.is(state()?.name, 'replaced', 'its Node is not gone yet');
  t.like(await runner.dispatch(old.id, { event: 'forget-requested', by: 'anna' }), { value: { outcome: 'refused' } });
  await runner.dispatch(old.id, { event: 'left' });
  await runner.sight({ mac: MAC });
  t.is(state()?.name, 'held');
  t.like(await runner.dispatch(old.id, { event: 'forget-requested', by: 'anna' }), { value: { outcome: 'dropped' } });
  t.is(runner.fleet.byMac(MAC), undefined);
  t.deepEqual(
    store.snapshot().devices.map(({ id }) => id),
    [heir.id],
  );
  t.deepEqual(store.deviceEvents(old.id), []);
  // With a new heir of the heir, the name of the one before it is free again.
  t.is(byName(runner, 'worker-kube1')?.id, heir.id);
});

test('a place that changes hands twice: each board keeps a name of its own', (t) => {
  const taken = new Set(['worker-kube1-old', 'worker-kube1-old2']);
  const after = changePlaces(anOld(), aHeir(), (name) => taken.has(name));
  t.is(after.old.name as string, 'worker-kube1-old3');
  const long = must(parseHostname('a'.repeat(63)));
  t.is(changePlaces({ ...anOld(), name: long }, aHeir(), () => false).old.name as string, `${'a'.repeat(59)}-old`);
});

test('beside a router each keeps the address that it was heard to have; one that is ours goes with the name', (t) => {
  const heardAt = (address: string) => ({ ...aHeardDevice(states.unreachable), address: must(parseIpv4(address)) });
  const both = changePlaces(heardAt('192.168.1.5'), { ...aHeir(), ...{ addressing: 'heard' as const } }, () => false);
  t.like(both.old, { addressing: 'heard', address: '192.168.1.5' });
  t.like(both.heir, { addressing: 'heard', address: '10.77.0.107' });
  const moved = changePlaces(anOld(), heardAt('192.168.1.5'), () => false);
  t.like(moved.old, { addressing: 'heard', address: undefined });
  t.like(moved.heir, { addressing: 'reserved', address: '10.77.0.100' });
});

test('a newcomer that is a known board with another network adapter is that board, a bounded number of times', async (t) => {
  const old = anOld();
  const store = await withBoards(t, old, aHeir(states.seen));
  const { runner } = start(t, store);
  t.true(await runner.recognise(aHeir().id, old.id));
  t.deepEqual(runner.fleet.byMac(mac(7))?.macs, [MAC, mac(7)]);
  t.is(runner.fleet.byMac(mac(7))?.name, old.name);
  t.is(byName(runner, 'worker-kube7'), undefined);
  t.deepEqual(store.snapshot().devices, runner.fleet.all());
  t.regex(store.deviceEvents(old.id).at(-1)?.reason ?? '', /another network adapter, dc:a6:32:00:00:07/);
  const full = { ...old, macs: Array.from({ length: ADAPTERS_MAX }, (_, index) => mac(100 + index)) };
  for (const [known, newcomer] of [
    [full, aHeir(states.seen)],
    [old, aHeir(states.ready)],
  ] as const) {
    const other = start(t, await withBoards(t, known, newcomer));
    t.false(await other.runner.recognise(newcomer.id, known.id));
    t.is(other.runner.fleet.all().length, 2);
  }
});

test('leave, and take in again: the system stays, and a Node that comes back is taken out once more', async (t) => {
  const old = anOld({ name: 'ready', quarantined: false });
  const store = await withBoards(t, old);
  const { runner, begun } = start(t, store);
  const happens = async (event: LifecycleEvent) => {
    must(await runner.dispatch(old.id, event));
    return runner.fleet.byId(old.id)?.state;
  };
  t.deepEqual(await happens({ event: 'leave-requested', by: 'anna' }), { name: 'left', by: 'anna', done: false });
  t.deepEqual(await happens({ event: 'node-deleted' }), { name: 'left', by: 'anna', done: false });
  t.deepEqual(await happens({ event: 'left' }), { name: 'left', by: 'anna', done: true });
  // The watch may tell of it a moment longer.
  t.like(await happens({ event: 'node-ready' }), { done: true });
  t.deepEqual(begun, ['leave worker-kube1']);
  t.deepEqual(store.snapshot().effects.get(old.id) ?? [], []);
  t.deepEqual(await happens({ event: 'accept-requested', by: 'anna' }), { name: 'starting' });
  t.deepEqual(begun, ['leave worker-kube1', 'await-ssh worker-kube1']);
});

test('power cut after each commit of a life after joining: the next start ends it the same way', async (t) => {
  const old = anOld({ name: 'ready', quarantined: false });
  const life: readonly LifecycleEvent[] = [
    { event: 'leave-requested', by: 'anna' },
    { event: 'left' },
    { event: 'retry-requested', by: 'anna' },
    { event: 'ssh-answered' },
    { event: 'join-failed', code: 'API_UNREACHABLE', detail: 'connection refused' },
    { event: 'cluster-answered' },
    { event: 'node-ready' },
    { event: 'quarantine-released' },
  ];
  const wanted = ['leave', '', 'await-ssh', 'join', 'join', 'join', 'release-quarantine', ''];
  const store = await withBoards(t, old);
  for (const [index, event] of life.entries()) {
    const { runner } = start(t, store);
    must(await runner.dispatch(old.id, event));
    const again = start(t, store);
    t.deepEqual(again.runner.fleet.all(), runner.fleet.all(), event.event);
    void again.runner.run();
    t.is(again.begun.join(), wanted[index] === '' ? '' : `${wanted[index]} worker-kube1`, event.event);
  }
  t.deepEqual(store.snapshot().devices[0]?.state, old.state);
});

test('a Node that is back after a board left, or was rejected, is taken out again; one that was just removed is not news', async (t) => {
  for (const state of [
    { name: 'left', by: 'anna', done: true },
    { name: 'rejected', by: 'anna', left: true, system: 'disk' },
  ] as const) {
    const since = START - minutes(1);
    const store = await withBoards(t, { ...anOld(state), since: since as Device['since'] });
    const { runner, begun } = start(t, store);
    await runner.dispatch(anOld().id, { event: 'node-ready' });
    t.deepEqual(begun, ['leave worker-kube1']);
    await runner.dispatch(anOld().id, { event: 'left' });
    await runner.dispatch(anOld().id, { event: 'node-ready' });
    t.deepEqual(runner.fleet.byId(anOld().id)?.state, state);
  }
});
