/** Before the writer starts: is the file there, sound, and of this version? */
import { open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Log } from '../ports.ts';
import { syncFolder } from '../system/files.ts';
import { connect } from './connect.ts';
import { asStoreError, StoreError } from './error.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations/index.ts';
import { findings } from './reader.ts';

type Options = {
  readonly log: Log;
  readonly clock?: Pick<Clock, 'now'>;
  readonly startEmptyIfCorrupt?: boolean;
};

export async function prepareFile(path: string, options: Options): Promise<void> {
  await makeFile(path);
  try {
    checkAndMigrate(path, options.log);
  } catch (thrown) {
    const error = asStoreError(thrown, `cannot open ${path}`);
    if (error.code !== 'STORE_CORRUPT') throw error;
    if (options.startEmptyIfCorrupt !== true) throw corrupt(path, error);
    const aside = await moveAside(path, options.clock?.now() ?? Date.now());
    options.log.error('the database is damaged: starting empty', { path, aside, error });
    await makeFile(path);
    checkAndMigrate(path, options.log);
  }
}

/** SQLite gives its side files the same permissions. */
async function makeFile(path: string): Promise<void> {
  const file = await open(path, 'a', 0o600);
  await file.close();
  await syncFolder(dirname(path));
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

const corrupt = (path: string, error: StoreError): StoreError =>
  new StoreError(
    'STORE_CORRUPT',
    `${path} is damaged (${error.message}). Put a backup in its place; or move ${path}* away, and bramble starts empty: names, addresses and what was accepted are forgotten`,
    { cause: error },
  );

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
