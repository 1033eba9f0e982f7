import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { instant } from '../../../config/values.ts';
import { createLogDouble } from '../../support/doubles.ts';
import { append, device, deviceId, open, put, temporaryFolder } from './samples.ts';

/** A store with one device and one event in it, closed. */
async function filled(t: ExecutionContext): Promise<{ directory: string; path: string }> {
  const directory = await temporaryFolder(t);
  const store = await open(t, directory);
  await store.commit([put(device(1, { state: { name: 'ready', quarantined: false } }))]);
  await store.commit([append(deviceId(1), { event: 'accept-requested', by: 'owner' })]);
  await store.close();
  return { directory, path: join(directory, 'bramble.db') };
}

function change(path: string, sql: string): void {
  const database = new Database(path);
  database.exec(sql);
  database.close();
}

test('only the daemon’s own user may read it, and after close it is one file', async (t) => {
  const directory = join(await temporaryFolder(t), 'a', 'b');
  const store = await open(t, directory);
  await store.commit([put(device(1))]);
  for (const file of await readdir(directory)) t.is((await stat(join(directory, file))).mode & 0o077, 0, file);
  await store.close();
  t.deepEqual(await readdir(directory), ['bramble.db']);
});

test('a damaged row ends the start and is named', async (t) => {
  const cases = {
    "UPDATE devices SET state = 'flying'": /devices row "d-000000000001".*state is "flying", not one of seen/,
    "UPDATE devices SET payload = '{}'": /devices row "d-000000000001".*payload has version/,
    "UPDATE devices SET payload = '[1]'": /payload is \[1\], not an object/,
    'UPDATE devices SET payload = \'{"version":1,"data":{"quarantined":1}}\'': /quarantined is 1, not true or false/,
    "UPDATE devices SET address = '192.168.1.300'": /address: "192.168.1.300" is not an IPv4 address/,
    "UPDATE device_macs SET mac = 'x'": /mac: "x" is not a hardware address/,
    "INSERT INTO pending_effects VALUES ('d-000000000001', 0, 'dance')": /pending_effects row "d-000000000001".*dance/,
    'UPDATE meta SET revision = -1': /meta row 1/,
  };
  for (const [sql, message] of Object.entries(cases)) {
    const { directory, path } = await filled(t);
    change(path, sql);
    await t.throwsAsync(open(t, directory), { code: 'STORE_ROW_DAMAGED', message }, sql);
  }
});

test('an event of another version is shown by its name', async (t) => {
  const { directory, path } = await filled(t);
  change(path, `UPDATE events SET name = 'teleported', payload = '{"version":9}', to_state = 'elsewhere'`);
  const store = await open(t, directory);
  t.like(store.events({ limit: 1 })[0], { id: 1, name: 'teleported', event: undefined, to: 'elsewhere' });
});

test('a wipe whose first and last step were flags is read as what it was', async (t) => {
  const running = { left: true, start: { step: 'given-up' }, done: false };
  for (const [old, start] of [
    [{ ...running, left: false }, { step: 'leaving' }],
    [running, { step: 'given-up' }],
    [{ ...running, done: true }, { step: 'done' }],
  ] as const) {
    const { directory, path } = await filled(t);
    const payload = JSON.stringify({ version: 1, data: { by: 'owner', arming: 'w1', ...old } });
    change(path, `UPDATE devices SET state = 'wiping', payload = '${payload}'`);
    const store = await open(t, directory);
    t.deepEqual(store.snapshot().devices[0]?.state, { name: 'wiping', by: 'owner', arming: 'w1', start });
    await store.close();
  }
});

test('a newer file is left alone', async (t) => {
  const { directory, path } = await filled(t);
  change(path, 'PRAGMA user_version = 99');
  const before = await readFile(path);
  const error = await t.throwsAsync(open(t, directory, { startEmptyIfCorrupt: true }), { code: 'STORE_NEWER' });
  t.regex(error?.message ?? '', /newer bramble \(schema 99/);
  t.deepEqual(await readFile(path), before);
});

const damages: Readonly<Record<string, (path: string) => Promise<void>>> = {
  'not a database': (path) => writeFile(path, 'x'.repeat(5000)),
  'cut off': async (path) => writeFile(path, (await readFile(path)).subarray(0, 3 * 4096 + 100)),
  'overwritten in the middle': async (path) => {
    const bytes = await readFile(path);
    bytes.fill(0xff, 4096, bytes.length - 4096);
    await writeFile(path, bytes);
  },
};
for (const [name, damage] of Object.entries(damages)) {
  test(`a damaged file (${name}) ends the start and stays where it is`, async (t) => {
    const { directory, path } = await filled(t);
    await damage(path);
    const before = await readFile(path);
    const error = await t.throwsAsync(open(t, directory), { code: 'STORE_CORRUPT' });
    t.regex(
      error?.message ?? '',
      /is damaged .*There is no backup beside it.*sudo bramble restore FILE; or move .*bramble\.db\* away/,
    );
    t.deepEqual(await readFile(path), before);
  });

  test(`a damaged file (${name}) is moved aside with a date if that is wanted`, async (t) => {
    const { directory, path } = await filled(t);
    await damage(path);
    const before = await readFile(path);
    const log = createLogDouble();
    const clock = { now: () => instant(Date.UTC(2025, 4, 6, 7, 8, 9)) };
    const store = await open(t, directory, { startEmptyIfCorrupt: true, log, clock });
    t.deepEqual(store.snapshot().devices, []);
    t.deepEqual(await readFile(`${path}.corrupt-2025-05-06T07-08-09.000Z`), before);
    t.is(log.find('the database is damaged: starting empty')?.level, 'error');
    await t.notThrowsAsync(store.commit([put(device(1))]));
  });
}

test('an empty file, as a power cut leaves it, is a new one', async (t) => {
  const directory = await temporaryFolder(t);
  await writeFile(join(directory, 'bramble.db'), '');
  const store = await open(t, directory);
  t.is(await store.commit([put(device(1))]), 1);
});

test('a folder that cannot be made has a code', async (t) => {
  const directory = await temporaryFolder(t);
  await writeFile(join(directory, 'file'), '');
  await t.throwsAsync(open(t, join(directory, 'file', 'below')), {
    code: 'STORE_FAILED',
    message: /cannot open .*below/,
  });
  await mkdir(join(directory, 'closed'));
  await chmod(join(directory, 'closed'), 0o500);
  const asRoot = process.getuid?.() === 0;
  const opened = open(t, join(directory, 'closed', 'below'));
  if (asRoot) await t.notThrowsAsync(opened);
  else await t.throwsAsync(opened, { code: 'STORE_READONLY' });
});
