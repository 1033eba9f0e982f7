import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { backupName, parseBackupName, youngestFirst } from '../../../config/backup-name.ts';
import { instant } from '../../../config/values.ts';
import { append, device, deviceId, open, put, temporaryFolder } from './samples.ts';

const now = instant(Date.UTC(2026, 10, 24, 3, 45));
const backupsIn = async (directory: string): Promise<readonly string[]> =>
  (await readdir(join(directory, 'backups'))).sort();

test('a backup is a sound copy of its own, made while commits go on', async (t) => {
  const directory = await temporaryFolder(t);
  const store = await open(t, directory);
  for (let n = 1; n <= 100; n++) await store.commit([put(device(n)), append(deviceId(n), { event: 'installed' })]);
  const committing = (async () => {
    for (let n = 0; n < 100; n++) await store.commit([{ write: 'put-setting', key: 'n', value: `${n}`.repeat(9000) }]);
  })();
  const [backup, same] = await Promise.all([store.backUp(now), store.backUp(now)]);
  await committing;
  t.deepEqual(same, backup);
  t.deepEqual(await backupsIn(directory), [`000001_20261124T034500Z_r${backup?.revision}.db`]);
  t.true((backup?.revision ?? 0) >= 100);
  t.is((await stat(backup?.file ?? '')).mode & 0o777, 0o600);
  t.is((await stat(join(directory, 'backups'))).mode & 0o777, 0o700);
  const copy = new Database(backup?.file, { readonly: true });
  t.is(copy.pragma('integrity_check', { simple: true }), 'ok');
  t.is(copy.pragma('journal_mode', { simple: true }), 'delete', 'one file, whatever it is opened with');
  t.is(copy.prepare('SELECT count(*) FROM devices').pluck().get(), 100);
  copy.close();
});

test('only what changed is written, and seven are kept', async (t) => {
  const directory = await temporaryFolder(t);
  const store = await open(t, directory);
  for (let n = 1; n <= 9; n++) {
    await store.commit([put(device(n))]);
    t.is((await store.backUp(now))?.revision, n);
    t.is(await store.backUp(now), undefined);
  }
  const numbers = (await backupsIn(directory)).map((name) => parseBackupName(name)?.number);
  t.deepEqual(numbers, [3, 4, 5, 6, 7, 8, 9]);
});

test('after an older one was restored, the next is the youngest all the same', async (t) => {
  const directory = await temporaryFolder(t);
  const store = await open(t, directory);
  await store.commit([put(device(1))]);
  await store.backUp(now);
  await writeFile(join(directory, 'backups', backupName({ number: 41, at: 0, revision: 900 })), '');
  await store.backUp(now);
  t.like(youngestFirst(await backupsIn(directory))[0], { number: 42, revision: 1 });
});

test('closing while one is made leaves nothing half done', async (t) => {
  const directory = await temporaryFolder(t);
  const store = await open(t, directory);
  for (let n = 1; n <= 200; n++) await store.commit([put(device(n))]);
  const backing = store.backUp(now).then(
    () => 'made',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'thrown'),
  );
  await store.close();
  t.true(['made', 'STORE_CLOSED', 'STORE_FAILED'].includes(await backing), await backing);
  t.deepEqual(
    (await backupsIn(directory)).filter((name) => parseBackupName(name) === undefined),
    [],
  );
  await t.throwsAsync(store.backUp(now), { code: 'STORE_CLOSED' });
});

test('names tell number, time and revision, and nothing else is one', (t) => {
  const name = { number: 12, at: Date.UTC(2026, 10, 24, 3, 45), revision: 41 };
  t.deepEqual(parseBackupName(backupName(name)), name);
  for (const text of ['unfinished.db', '', '12_20261124T034500Z_r41.db', '000012_20261124T034500Z_r41.db-journal'])
    t.is(parseBackupName(text), undefined, text);
});

test('where there are backups, a database that is gone or empty is not begun anew', async (t) => {
  const directory = await temporaryFolder(t);
  const store = await open(t, directory);
  await store.commit([put(device(1))]);
  await store.backUp(now);
  await store.close();
  const path = join(directory, 'bramble.db');
  await truncate(path);
  const error = { code: 'STORE_CORRUPT', message: /is empty.*2026-11-24T03:45:00.*sudo bramble restore --newest; or/ };
  await t.throwsAsync(open(t, directory), error);
  await rm(path);
  await t.throwsAsync(open(t, directory), { ...error, message: /is gone, but there are backups/ });
  t.deepEqual(await readdir(directory), ['backups']);
});

/** The files as a SIGKILL leaves them: `commits` commits, all in the write-ahead log. */
async function cut(
  t: ExecutionContext,
  commits: number,
): Promise<{ readonly directory: string; readonly log: string }> {
  const [living, directory] = [await temporaryFolder(t), await temporaryFolder(t)];
  const store = await open(t, living);
  for (let n = 1; n <= commits; n++) await store.commit([put(device(n))]);
  for (const file of ['bramble.db', 'bramble.db-wal'])
    await writeFile(join(directory, file), await readFile(join(living, file)));
  return { directory, log: join(directory, 'bramble.db-wal') };
}

test('a write-ahead log that is damaged is not quietly half used', async (t) => {
  const sound = await cut(t, 5);
  const store = await open(t, sound.directory);
  t.is(store.snapshot().devices.length, 5);
  await store.close();

  const damages: Readonly<Record<string, (bytes: Buffer) => void>> = {
    'its header': (bytes) => bytes.fill(0x55, 0, 32),
    'a page in its middle': (bytes) => bytes.fill(0x55, 6000, 7000),
    'the salt of its first frame': (bytes) => bytes.fill(0x55, 40, 48),
  };
  for (const [name, damage] of Object.entries(damages)) {
    const { directory, log } = await cut(t, 5);
    const bytes = await readFile(log);
    damage(bytes);
    await writeFile(log, bytes);
    await t.throwsAsync(open(t, directory), { code: 'STORE_CORRUPT', message: /damaged.*write-ahead log/ }, name);
    t.deepEqual(await readFile(log), bytes, 'stays as it is');
  }
});

test('a last write that was cut off is no damage: nobody was promised it', async (t) => {
  for (const lost of [1, 100, 4120, 5000]) {
    const { directory, log } = await cut(t, 5);
    await truncate(log, (await stat(log)).size - lost);
    const store = await open(t, directory);
    t.is(store.snapshot().devices.length, 4, `${lost} bytes`);
    await store.close();
  }
  const { directory, log } = await cut(t, 5);
  const bytes = await readFile(log);
  bytes.fill(0x55, bytes.length - 2000);
  await writeFile(log, bytes);
  const store = await open(t, directory);
  t.is(store.snapshot().devices.length, 4, 'its last page');
});
