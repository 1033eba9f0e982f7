import Database from 'better-sqlite3';

/** `write` expects that the file exists. Throws what SQLite throws. */
export function connect(path: string, purpose: 'write' | 'read'): Database.Database {
  const database = new Database(path, { fileMustExist: true, readonly: purpose === 'read' });
  try {
    // FULL: in WAL mode SQLite's default may lose the last commits, and a lost lease is a duplicate address.
    if (purpose === 'write') {
      database.pragma('journal_mode = WAL');
      database.pragma('synchronous = FULL');
      database.pragma('foreign_keys = ON');
      // Tokens that were used up are overwritten, not only forgotten.
      database.pragma('secure_delete = ON');
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
