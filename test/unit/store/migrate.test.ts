import { copyFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { type Migration, migrate, schemaVersion } from '../../../daemon/store/migrate.ts';
import { migrations } from '../../../daemon/store/migrations/index.ts';
import { createLogDouble } from '../../support/doubles.ts';
import { append, device, deviceId, open, put, temporaryFolder } from './samples.ts';
import { version1 } from './version1.ts';

const newest = migrations.length;
const addColour: Migration = {
  version: newest + 1,
  up: (database) => database.exec("ALTER TABLE devices ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'"),
};
/** Takes the table away that others refer to, and builds it again: what foreign keys would forbid. */
const rebuild: Migration = {
  version: newest + 2,
  up: (database) =>
    database.exec(`
      CREATE TABLE new_devices (id TEXT PRIMARY KEY, name TEXT NOT NULL, colour TEXT NOT NULL) STRICT;
      INSERT INTO new_devices SELECT id, name, colour FROM devices;
      DROP TABLE devices;
      ALTER TABLE new_devices RENAME TO devices;`),
};
const fail: Migration = {
  version: newest + 1,
  up: (database) => {
    database.exec("UPDATE settings SET value = 'half'");
    throw new Error('does not work');
  },
};
const danglingReference: Migration = { version: newest + 1, up: (database) => database.exec('DELETE FROM devices') };

async function old(t: Parameters<typeof temporaryFolder>[0]) {
  const directory = await temporaryFolder(t);
  const path = join(directory, 'bramble.db');
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.exec(version1);
  t.teardown(() => database.close());
  return { directory, path, database };
}

test('a stored file of version 1 is read as it was meant', async (t) => {
  const { directory, database } = await old(t);
  database.close();
  const store = await open(t, directory);
  const snapshot = store.snapshot();
  t.deepEqual(snapshot.devices, [
    device(1, { state: { name: 'ready', quarantined: true }, model: { model: 'pi4', final: true } }),
  ]);
  t.deepEqual([...snapshot.effects], [[deviceId(1), ['release-quarantine']]]);
  t.deepEqual([...snapshot.settings], [['names.next', '2']]);
  t.is(snapshot.revision, 41);
  t.like(store.deviceEvents(deviceId(1))[0], { id: 1, name: 'node-ready', event: { event: 'node-ready' } });
  t.is(store.readBoardSecret(deviceId(1), 'host-key'), 'PRIVATE');
  t.is(await store.commit([put(device(2)), append(deviceId(2), { event: 'installed' })]), 42);
});

for (const { version } of migrations) {
  test(`a database as schema ${version} left it opens, with all that was in it, and leaves its copy`, async (t) => {
    const { directory, path, database } = await old(t);
    migrate(database, migrations.slice(0, version), createLogDouble());
    t.is(schemaVersion(database), version);
    database.close();
    const store = await open(t, directory);
    const { devices, effects, settings, revision } = store.snapshot();
    t.deepEqual(devices, [
      device(1, { state: { name: 'ready', quarantined: true }, model: { model: 'pi4', final: true } }),
    ]);
    t.deepEqual([...effects], [[deviceId(1), ['release-quarantine']]]);
    t.deepEqual([[...settings], revision], [[['names.next', '2']], 41]);
    t.like(store.deviceEvents(deviceId(1))[0], { id: 1, event: { event: 'node-ready' } });
    t.is(store.readBoardSecret(deviceId(1), 'host-key'), 'PRIVATE');
    t.deepEqual(store.integrity(), []);
    const copies = (await readdir(directory)).filter((name) => /\.v\d+$/.test(name));
    t.is(copies.includes(`bramble.db.v${version}`), version < newest, copies.join(' '));
    const schema = new Database(path, { readonly: true });
    t.deepEqual(columnsOf(schema), columnsOf(await fresh(t)), 'the same tables as a new one has');
    schema.close();
  });
}

async function fresh(t: Parameters<typeof temporaryFolder>[0]) {
  const database = new Database(join(await temporaryFolder(t), 'fresh.db'));
  t.teardown(() => database.close());
  migrate(database, migrations, createLogDouble());
  return database;
}

const columnsOf = (database: Database.Database): readonly unknown[] =>
  database
    .prepare(
      `SELECT t.name, c.name AS column, c.type, c."notnull", c.pk FROM pragma_table_list t, pragma_table_info(t.name) c
       WHERE t.type = 'table' ORDER BY t.name, c.cid`,
    )
    .all();

test('ids of events go on where they were, also if the last ones went with their board', async (t) => {
  const { directory, database } = await old(t);
  database.prepare("UPDATE sqlite_sequence SET seq = 77 WHERE name = 'events'").run();
  database.close();
  const store = await open(t, directory);
  await store.commit([append(deviceId(1), { event: 'installed' })]);
  t.deepEqual(
    store.events({ limit: 9 }).map(({ id }) => id),
    [1, 78],
  );
});

test('versions count from 1 without gaps', (t) => {
  t.deepEqual(
    migrations.map(({ version }) => version),
    migrations.map((_, index) => index + 1),
  );
});

test('an older file is copied first, then migrated; the copy holds what the write-ahead log held', async (t) => {
  const { directory, path, database } = await old(t);
  t.true((await stat(`${path}-wal`)).size > 0);
  migrate(database, [...migrations, addColour, rebuild], createLogDouble());
  t.is(schemaVersion(database), newest + 2);
  t.like(database.prepare('SELECT * FROM devices').get(), { name: 'worker-kube1', colour: 'red' });
  t.is(database.pragma('foreign_keys', { simple: true }), 1);
  t.true((await readdir(directory)).includes('bramble.db.v1'));
  t.false((await readdir(directory)).includes('bramble.db.v1.tmp'));
  t.is((await stat(`${path}.v1`)).mode & 0o777, 0o600);

  // The copy in its place is the way back.
  const again = join(directory, 'again');
  await copyFile(`${path}.v1`, `${again}.db`);
  const copy = new Database(`${again}.db`);
  t.is(schemaVersion(copy), 1);
  t.is(copy.prepare('SELECT revision FROM meta').pluck().get(), 41);
  copy.close();
});

test('a migration that fails leaves the file as it was', async (t) => {
  for (const bad of [fail, danglingReference]) {
    const { database } = await old(t);
    t.throws(() => migrate(database, [...migrations, bad], createLogDouble()), { message: /does not work|dangling/ });
    t.is(schemaVersion(database), 1);
    t.is(database.prepare('SELECT value FROM settings').pluck().get(), '2');
    t.is(database.prepare('SELECT count(*) FROM devices').pluck().get(), 1);
  }
});

test('a new file gets no copy, and the newest is left alone', async (t) => {
  const directory = await temporaryFolder(t);
  const log = createLogDouble();
  const database = new Database(join(directory, 'x.db'));
  migrate(database, migrations, log);
  migrate(database, migrations, log);
  database.close();
  t.deepEqual(await readdir(directory), ['x.db']);
  t.deepEqual(log.records, []);
});
