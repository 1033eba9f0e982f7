/** SQLite's files as the command line has to do with them: copied, and looked through. */
import { chmodSync } from 'node:fs';

/** Loaded where it is needed: no other command should wait for it, or need its compiled half. */
const sqlite = async () => (await import('better-sqlite3')).default;

/** One whole file at `target`, also of a database that is being written to. Throws what SQLite throws. */
export async function copyDatabase(path: string, target: string): Promise<void> {
  const Database = await sqlite();
  const database = new Database(path, { fileMustExist: true, readonly: true });
  try {
    await database.backup(target);
  } finally {
    database.close();
  }
  const copy = new Database(target, { fileMustExist: true });
  try {
    chmodSync(target, 0o600);
    copy.pragma('journal_mode = DELETE');
  } finally {
    copy.close();
  }
}

/** What is wrong with it; undefined: nothing. */
export async function databaseDamage(path: string): Promise<string | undefined> {
  const Database = await sqlite();
  try {
    const database = new Database(path, { fileMustExist: true, readonly: true });
    try {
      const found = String(database.pragma('integrity_check(1)', { simple: true }));
      return found === 'ok' ? undefined : found;
    } finally {
      database.close();
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** How many boards bramble's database knows; undefined: it cannot be read. */
export async function boardsIn(path: string): Promise<number | undefined> {
  const Database = await sqlite();
  try {
    const database = new Database(path, { fileMustExist: true, readonly: true });
    try {
      return Number(database.prepare('SELECT count(*) FROM devices').pluck().get());
    } finally {
      database.close();
    }
  } catch {
    return undefined;
  }
}
