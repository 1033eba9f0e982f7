import test from 'ava';
import { must } from '../../../config/result.ts';
import { type Ipv4, instant, ipv4FromNumber, millis, parseMac } from '../../../config/values.ts';
import type { Device } from '../../../daemon/lifecycle/device.ts';
import { StoreError } from '../../../daemon/store/error.ts';
import { readState } from '../../../daemon/store/state-payload.ts';
import { eventsPerDevice, type Write } from '../../../daemon/store/store.ts';
import {
  append,
  device,
  deviceId,
  events,
  open,
  openNew,
  put,
  report,
  serial,
  states,
  temporaryFolder,
} from './samples.ts';

test('devices in every state come back as they were', async (t) => {
  const directory = await temporaryFolder(t);
  const devices = states.map((state, index) =>
    device(index, {
      state,
      macs: [2, 1, 3].map((last) => must(parseMac(`dc:a6:32:ff:${String(index).padStart(2, '0')}:0${last}`))),
      serials: [serial],
      ...(index % 2 === 0
        ? { model: { model: 'pi5', final: index % 4 === 0 }, disk: report.disk, deadline: instant(1_800_000_000_123) }
        : {}),
    }),
  );
  const before = await open(t, directory);
  await before.commit(devices.map(put));
  t.deepEqual(before.snapshot().devices, devices);
  await before.close();
  const after = await open(t, directory);
  t.deepEqual(after.snapshot().devices, devices);
  t.is(after.revision(), 1);
  t.deepEqual(after.integrity(), []);
});

test('a board whose address is the router’s: unknown, heard, lost; two that are unknown are no conflict', async (t) => {
  const store = await openNew(t);
  const heard = (number: number, address?: Ipv4): Device => ({ ...device(number), addressing: 'heard', address });
  const devices = [heard(1), heard(2), heard(3, device(9).address), device(4)];
  await store.commit(devices.map(put));
  t.deepEqual(store.snapshot().devices, devices);
  await store.commit([put(heard(3)), put(heard(1, device(9).address))]);
  t.deepEqual(store.snapshot().devices[0], heard(1, device(9).address));
  await t.throwsAsync(store.commit([put(heard(2, device(4).address))]), { code: 'STORE_CONFLICT' });
});

test('events of every kind come back as they were', async (t) => {
  const store = await openNew(t);
  await store.commit([put(device(1)), ...events.map((event, index) => append(deviceId(1), event, index))]);
  const rows = store.deviceEvents(deviceId(1));
  t.deepEqual(
    rows.map(({ event }) => event),
    events,
  );
  t.deepEqual(
    rows.map(({ name, at }) => ({ name, at })),
    events.map(({ event }, index) => ({ name: event, at: instant(index) })),
  );
  t.like(rows[0], { device: deviceId(1), from: 'seen', to: 'booting', reason: 'it asked for boot files' });
});

test('what happened to no board is kept and told in its place, the youngest of it, whatever boards there are', async (t) => {
  const store = await openNew(t);
  const notice = (at: number): Write => ({
    ...{ write: 'append-notice', at: instant(at), name: 'certificate-issued', reason: `anna's ${at}` },
  });
  await store.commit([put(device(1)), append(deviceId(1), { event: 'installed' }), notice(1)]);
  t.deepEqual(store.events({ limit: 1 }), [
    {
      ...{ id: 2, device: undefined, at: instant(1), name: 'certificate-issued', event: undefined },
      ...{ from: '', to: '', reason: "anna's 1" },
    },
  ]);
  t.is(store.deviceEvents(deviceId(1)).length, 1);
  await store.commit(Array.from({ length: eventsPerDevice + 5 }, (_, index) => notice(index + 2)));
  const kept = store.events({ limit: 1000 }).filter((row) => row.device === undefined);
  t.deepEqual([kept.length, kept[0]?.at, store.deviceEvents(deviceId(1)).length], [eventsPerDevice, instant(7), 1]);
  await store.commit([{ write: 'delete-device', device: deviceId(1) }]);
  t.is(store.events({ limit: 1000 }).length, eventsPerDevice);
});

test('effects, settings and secrets are kept, replaced and taken away', async (t) => {
  const directory = await temporaryFolder(t);
  const first = await open(t, directory);
  await first.commit([
    put(device(1)),
    put(device(2)),
    { write: 'set-effects', device: deviceId(1), effects: ['leave', 'make-image'] },
    { write: 'set-effects', device: deviceId(2), effects: ['join'] },
    { write: 'put-setting', key: 'dhcp.mode', value: 'proxy' },
    { write: 'put-setting', key: 'gone', value: 'x' },
    { write: 'put-board-secret', device: deviceId(1), key: 'host-key', value: 'PRIVATE' },
    { write: 'put-board-secret', device: deviceId(1), key: 'token', value: 'T' },
  ]);
  await first.commit([
    { write: 'set-effects', device: deviceId(2), effects: [] },
    { write: 'put-setting', key: 'dhcp.mode', value: 'full' },
    { write: 'delete-setting', key: 'gone' },
    { write: 'delete-board-secret', device: deviceId(1), key: 'token' },
  ]);
  await first.close();
  const second = await open(t, directory);
  const { effects, settings } = second.snapshot();
  t.deepEqual([...effects], [[deviceId(1), ['leave', 'make-image']]]);
  t.deepEqual([...settings], [['dhcp.mode', 'full']]);
  t.is(second.readBoardSecret(deviceId(1), 'host-key'), 'PRIVATE');
  t.is(second.readBoardSecret(deviceId(1), 'token'), undefined);
});

test('guests: one address each; who gets one that another had takes it over', async (t) => {
  const directory = await temporaryFolder(t);
  const first = await open(t, directory);
  const guest = (client: string, last: number) =>
    ({ write: 'put-guest', client, address: ipv4FromNumber(0x0a4d0000 + last) }) as const;
  await first.commit([guest('0100aa', 20), guest('00:11:22:33:44:55', 21), guest('phone', 22)]);
  t.is(await first.commit([guest('phone', 22)]), 1, 'as it was: not written');
  await first.commit([guest('phone', 23)]);
  await first.commit([guest('tablet', 20)]);
  await first.close();
  const second = await open(t, directory);
  t.deepEqual(Object.fromEntries(second.snapshot().guests), {
    '00:11:22:33:44:55': '10.77.0.21',
    phone: '10.77.0.23',
    tablet: '10.77.0.20',
  });
});

test('a device goes with all that is its own', async (t) => {
  const store = await openNew(t);
  await store.commit([
    put(device(1, { serials: [serial] })),
    append(deviceId(1), { event: 'installed' }),
    { write: 'set-effects', device: deviceId(1), effects: ['join'] },
    { write: 'put-board-secret', device: deviceId(1), key: 'k', value: 'v' },
  ]);
  await store.commit([{ write: 'delete-device', device: deviceId(1) }]);
  const { devices, effects } = store.snapshot();
  t.deepEqual(
    { devices, effects: effects.size, events: store.events({ limit: 9 }) },
    { devices: [], effects: 0, events: [] },
  );
  t.is(store.readBoardSecret(deviceId(1), 'k'), undefined);
  // Its name, address and MAC are free again.
  await t.notThrowsAsync(store.commit([put(device(1, { id: deviceId(99) }))]));
});

test('commits that come together share one transaction', async (t) => {
  const store = await openNew(t);
  const revisions = await Promise.all(Array.from({ length: 100 }, (_, index) => store.commit([put(device(index))])));
  t.deepEqual(
    revisions,
    Array.from({ length: 100 }, (_, index) => index + 1),
  );
  t.deepEqual(store.counters(), { transactions: 1, batches: 100, rejected: 0 });
  t.is(store.snapshot().revision, 100);
});

test('commits that come while the disk works share the next transaction', async (t) => {
  const store = await openNew(t, { commitDelayForTests: millis(50) });
  const first = store.commit([put(device(1))]);
  await new Promise((resolve) => setImmediate(resolve));
  const others = Array.from({ length: 50 }, (_, index) => store.commit([put(device(index + 2))]));
  await Promise.all([first, ...others]);
  t.deepEqual(store.counters(), { transactions: 2, batches: 51, rejected: 0 });
});

test('a batch that cannot be rejects alone, and as a whole', async (t) => {
  const store = await openNew(t);
  await store.commit([put(device(1))]);
  const results = await Promise.allSettled([
    store.commit([put(device(2))]),
    store.commit([put(device(3)), put(device(4, { name: device(1).name }))]),
    store.commit([put(device(5)), put(device(6, { address: device(1).address }))]),
    store.commit([put(device(7, { macs: device(1).macs }))]),
    store.commit([append(deviceId(50), { event: 'installed' })]),
    store.commit([put(device(8))]),
  ]);
  t.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.code)),
    [2, 'STORE_CONFLICT', 'STORE_CONFLICT', 'STORE_CONFLICT', 'STORE_CONFLICT', 3],
  );
  t.deepEqual(
    store.snapshot().devices.map(({ name }) => name),
    ['worker-kube1', 'worker-kube2', 'worker-kube8'],
  );
  t.deepEqual(store.counters(), { transactions: 2, batches: 7, rejected: 4 });
});

test('the same again writes nothing and keeps the revision', async (t) => {
  const store = await openNew(t);
  const all = [
    put(device(1, { serials: [serial] })),
    { write: 'set-effects', device: deviceId(1), effects: ['join'] },
    { write: 'put-setting', key: 'k', value: 'v' },
    { write: 'put-board-secret', device: deviceId(1), key: 'k', value: 'v' },
  ] as const;
  t.is(await store.commit(all), 1);
  t.is(await store.commit(all), 1);
  t.is(await store.commit([]), 1);
  t.is(store.counters().transactions, 1);
  t.is(await store.commit([put(device(1, { serials: [serial], deadline: instant(5) }))]), 2);
});

test(`${eventsPerDevice} events of a device are kept, the youngest`, async (t) => {
  const store = await openNew(t);
  await store.commit([put(device(1)), put(device(2)), append(deviceId(2), { event: 'installed' })]);
  const many = Array.from({ length: eventsPerDevice + 7 }, (_, at) => append(deviceId(1), { event: 'node-ready' }, at));
  await store.commit(many.slice(0, 100));
  await Promise.all(many.slice(100).map((write) => store.commit([write])));
  const kept = store.deviceEvents(deviceId(1));
  t.deepEqual(
    kept.map(({ at }) => at),
    Array.from({ length: eventsPerDevice }, (_, index) => instant(index + 7)),
  );
  t.is(store.deviceEvents(deviceId(2)).length, 1);
});

test('events are read from an id on, of one device, or from the end', async (t) => {
  const store = await openNew(t);
  const ids = [1, 2, 1, 2, 1].map(deviceId);
  await store.commit([put(device(1)), put(device(2)), ...ids.map((id) => append(id, { event: 'installed' }))]);
  const read = (query: Parameters<typeof store.events>[0]) => store.events(query).map(({ id }) => id);
  t.deepEqual(read({ limit: 2 }), [4, 5]);
  t.deepEqual(read({ limit: 2, device: deviceId(2) }), [2, 4]);
  t.deepEqual(read({ limit: 2, after: 0 }), [1, 2]);
  t.deepEqual(read({ limit: 9, after: 2, device: deviceId(1) }), [3, 5]);
  t.deepEqual(read({ limit: 9, after: 5 }), []);
});

test('after close: refused, and what was under way is on the disk', async (t) => {
  const directory = await temporaryFolder(t);
  const store = await open(t, directory, { commitDelayForTests: millis(20) });
  const underWay = [1, 2, 3].map((number) => store.commit([put(device(number))]));
  const closed = store.close();
  await t.throwsAsync(store.commit([]), { instanceOf: StoreError, code: 'STORE_CLOSED' });
  await Promise.all([...underWay, closed, store.close()]);
  t.is((await open(t, directory)).snapshot().devices.length, 3);
});

test('the signal closes', async (t) => {
  const controller = new AbortController();
  const store = await openNew(t, { signal: controller.signal });
  const underWay = store.commit([put(device(1))]);
  controller.abort();
  t.is(await underWay, 1);
  await store.close();
  await t.throwsAsync(store.commit([]), { code: 'STORE_CLOSED' });
});

test('a slow disk does not stop the event loop', async (t) => {
  const store = await openNew(t, { commitDelayForTests: millis(500) });
  let turns = 0;
  const timer = setInterval(() => {
    turns++;
  }, 1);
  await store.commit([put(device(1))]);
  clearInterval(timer);
  // On the main thread it would be 1 or 2. How many more there are is a matter of how busy the machine is.
  t.true(turns > 4, `${turns} turns in 500 ms`);
});

test('a rejected board of an earlier version reads as one without a system of ours', (t) => {
  const payload = JSON.stringify({ version: 1, data: { by: 'owner', left: true } });
  t.deepEqual(readState({ state: 'rejected', payload }), { name: 'rejected', by: 'owner', left: true, system: 'none' });
});
