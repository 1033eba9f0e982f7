/** Before the writer starts: is the file there, sound, and of this version? */
import { open, readdir, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { backupFolder, youngestFirst } from '../../config/backup-name.ts';
import type { Clock, Log } from '../ports.ts';
import { syncFolder } from '../system/files.ts';
import { connect } from './connect.ts';
import { asStoreError, StoreError } from './error.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations/index.ts';
import { findings } from './reader.ts';
import { walDamage } from './wal.ts';

type Options = {
  readonly log: Log;
  readonly clock?: Pick<Clock, 'now'>;
  readonly startEmptyIfCorrupt?: boolean;
};

export async function prepareFile(path: string, options: Options): Promise<void> {
  await refuseToForget(path);
  await makeFile(path);
  try {
    await checkLog(path);
    checkAndMigrate(path, options.log);
  } catch (thrown) {
    const error = asStoreError(thrown, `cannot open ${path}`);
    if (error.code !== 'STORE_CORRUPT') throw error;
    if (options.startEmptyIfCorrupt !== true) throw corrupt(path, error, await youngestBackup(path));
    const aside = await moveAside(path, options.clock?.now() ?? Date.now());
    options.log.error('the database is damaged: starting empty', { path, aside, error });
    await makeFile(path);
    checkAndMigrate(path, options.log);
  }
}

/** One that is gone, or that a power cut left without a byte, is a new one only where there never was another. */
async function refuseToForget(path: string): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there !== undefined && there.size > 0) return;
  const backup = await youngestBackup(path);
  if (backup === undefined) return;
  throw new StoreError(
    'STORE_CORRUPT',
    `${path} is ${there === undefined ? 'gone' : 'empty'}, but there are backups, the last of ${backup}. ${restoreNewest}; or move ${dirname(path)}/${backupFolder} away, and bramble starts empty`,
  );
}

const restoreNewest = 'To go on with the newest good one: sudo bramble restore --newest';

/** When it was made, as the clock had it. */
async function youngestBackup(path: string): Promise<string | undefined> {
  const names = await readdir(join(dirname(path), backupFolder)).catch(() => []);
  const [youngest] = youngestFirst(names);
  return youngest && new Date(youngest.at).toISOString();
}

/** SQLite gives its side files the same permissions. */
async function makeFile(path: string): Promise<void> {
  const file = await open(path, 'a', 0o600);
  await file.close();
  await syncFolder(dirname(path));
}

/** Before SQLite takes it in, and whatever it does not like of it away. */
async function checkLog(path: string): Promise<void> {
  const log = await readFile(`${path}-wal`).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const damage = log && walDamage(log);
  if (damage !== undefined) throw new StoreError('STORE_CORRUPT', damage);
}

function checkAndMigrate(path: string, log: Log): void {
  const database = connect(path, 'write');
  try {
    const found = findings(database, 'quick_check');
    if (found.length > 0) throw new StoreError('STORE_CORRUPT', found.slice(0, 3).join('; '));
    migrate(database, migrations, log);
    // A file that can only be read shows it here, and not at the first commit.
    database.exec('BEGIN IMMEDIATE; ROLLBACK');
  } finally {
    database.close();
  }
}

function corrupt(path: string, error: StoreError, backup: string | undefined): StoreError {
  const way =
    backup === undefined
      ? `There is no backup beside it. To go on with one of your own: sudo bramble restore FILE; or move ${path}* away, and bramble starts empty: names, addresses and what was accepted are forgotten`
      : `The last backup is of ${backup}. ${restoreNewest}; what is damaged is kept beside it`;
  return new StoreError('STORE_CORRUPT', `${path} is damaged (${error.message}), and stays as it is. ${way}`, {
    cause: error,
  });
}

/** The write-ahead log belongs to the file: with any other file it would do harm. */
async function moveAside(path: string, now: number): Promise<string> {
  const aside = `${path}.corrupt-${new Date(now).toISOString().replaceAll(':', '-')}`;
  for (const side of ['-wal', '-shm', '']) {
    const there = await stat(`${path}${side}`).catch(() => undefined);
    if (there !== undefined) await rename(`${path}${side}`, `${aside}${side}`);
  }
  await syncFolder(dirname(path));
  return aside;
}
