/** Brings an older file up to date: forward only, a copy first, all steps in one transaction. */
import { chmodSync, closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Log } from '../ports.ts';
import { StoreError } from './error.ts';

export type Migration = {
  /** Counts from 1 without gaps; stands in `PRAGMA user_version`. */
  readonly version: number;
  /** Within the transaction; foreign keys are checked after the last one only, so tables may be rebuilt. */
  readonly up: (database: Database) => unknown;
};

/**
 * Leaves the copy of an older file beside it as `bramble.db.v1`. Throws `STORE_NEWER` for a file from the future, and
 * what SQLite throws; the file is then as it was.
 */
export function migrate(database: Database, migrations: readonly Migration[], log: Log): void {
  const version = schemaVersion(database);
  const newest = migrations.at(-1)?.version ?? 0;
  if (version > newest) throw newer(database.name, version, newest);
  if (version === newest) return;
  if (version > 0) {
    const copy = copyFile(database, `${database.name}.v${version}`);
    log.info('migrating the database', { from: version, to: newest, copy });
  }
  // Has no effect inside a transaction, and a table that others refer to could not be rebuilt with it.
  database.pragma('foreign_keys = OFF');
  database
    .transaction(() => {
      for (const migration of migrations) if (migration.version > version) migration.up(database);
      const dangling = database.pragma('foreign_key_check');
      if (Array.isArray(dangling) && dangling.length > 0) {
        throw new StoreError(
          'STORE_FAILED',
          `migration to ${newest}: dangling references ${JSON.stringify(dangling[0])}`,
        );
      }
      database.pragma(`user_version = ${newest}`);
    })
    .exclusive();
  database.pragma('foreign_keys = ON');
}

export const schemaVersion = (database: Database): number => Number(database.pragma('user_version', { simple: true }));

const newer = (path: string, version: number, newest: number): StoreError =>
  new StoreError(
    'STORE_NEWER',
    `${path} was written by a newer bramble (schema ${version}; this one knows up to ${newest}): install that version again, or put the copy ${path}.v${newest} in its place, if there is one; what happened since then is not in it`,
  );

/** What the write-ahead log holds is in the copy. It is complete or not there under its name. */
function copyFile(database: Database, copy: string): string {
  const temporary = `${copy}.tmp`;
  rmSync(temporary, { force: true });
  database.prepare('VACUUM INTO ?').run(temporary);
  chmodSync(temporary, 0o600);
  sync(temporary);
  renameSync(temporary, copy);
  sync(dirname(copy));
  return copy;
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
