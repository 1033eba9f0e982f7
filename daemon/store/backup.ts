/** Copies of the database beside it, made in the writer thread while it goes on writing (https://www.sqlite.org/backup.html). */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { backupFolder, backupName, youngestFirst } from '../../config/backup-name.ts';
import { StoreError } from './error.ts';
import { findings } from './reader.ts';

export type Backup = { readonly file: string; readonly revision: number };

/** A week of days on which something changed. */
const kept = 7;
const unfinished = 'unfinished.db';

/**
 * A new copy below `backups/`, complete, sound and on the disk before it has its name; the oldest beyond seven go. Undefined:
 * nothing has changed since the youngest, and nothing was written. Throws a `StoreError`, or what SQLite and the file
 * system throw; there is then no more and no less than before.
 */
export async function backUp(database: Database.Database, now: number): Promise<Backup | undefined> {
  const folder = join(dirname(database.name), backupFolder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [youngest] = youngestFirst(readdirSync(folder));
  if (youngest?.revision === revisionOf(database)) return undefined;
  refuseLastRoom(database.name, folder);
  const temporary = join(folder, unfinished);
  removeUnfinished(temporary);
  try {
    await database.backup(temporary);
    const revision = finish(temporary);
    const file = join(folder, backupName({ number: (youngest?.number ?? 0) + 1, at: now, revision }));
    renameSync(temporary, file);
    sync(folder);
    for (const old of youngestFirst(readdirSync(folder)).slice(kept)) rmSync(join(folder, old.file), { force: true });
    return { file, revision };
  } finally {
    removeUnfinished(temporary);
  }
}

const revisionOf = (database: Database.Database): number =>
  Number(database.prepare('SELECT revision FROM meta WHERE only = 1').pluck().get());

/** A backup must not be what fills the disk. */
function refuseLastRoom(path: string, folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  const needed = 2 * statSync(path).size;
  if (bavail * bsize < needed)
    throw new StoreError('STORE_FULL', `no backup: it wants ${needed} bytes free in ${folder}, so as not to fill it`);
}

/** One file without side files, checked: what nobody could restore is no backup. Returns its revision. */
function finish(path: string): number {
  const copy = new Database(path, { fileMustExist: true });
  try {
    copy.pragma('journal_mode = DELETE');
    const found = findings(copy, 'integrity_check');
    if (found.length > 0) throw new StoreError('STORE_CORRUPT', `no backup, the copy is damaged: ${found[0]}`);
    return revisionOf(copy);
  } finally {
    copy.close();
    chmodSync(path, 0o600);
    sync(path);
  }
}

function removeUnfinished(path: string): void {
  for (const side of ['', '-journal', '-wal', '-shm']) rmSync(`${path}${side}`, { force: true });
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
