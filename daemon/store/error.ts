/** The store's errors and what SQLite's result codes mean to the owner. */

export type StoreErrorCode =
  /** Not a database, or SQLite found it damaged. */
  | 'STORE_CORRUPT'
  /** The file is sound, but a row in it makes no sense. */
  | 'STORE_ROW_DAMAGED'
  /** Written by a newer bramble. */
  | 'STORE_NEWER'
  /** A name, an address or a MAC belongs to another device, or the device does not exist. */
  | 'STORE_CONFLICT'
  | 'STORE_FULL'
  | 'STORE_READONLY'
  | 'STORE_IO'
  | 'STORE_BUSY'
  /** Too many commits wait for the disk. */
  | 'STORE_OVERLOADED'
  | 'STORE_CLOSED'
  /** Whether the commits under way are on the disk is not known. */
  | 'STORE_WRITER_DIED'
  | 'STORE_FAILED';

export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}

/** Result codes of SQLite (https://www.sqlite.org/rescode.html) by their beginning; the first match counts. */
const meanings: readonly (readonly [prefix: string, code: StoreErrorCode])[] = [
  ['SQLITE_CONSTRAINT_UNIQUE', 'STORE_CONFLICT'],
  ['SQLITE_CONSTRAINT_PRIMARYKEY', 'STORE_CONFLICT'],
  ['SQLITE_CONSTRAINT_FOREIGNKEY', 'STORE_CONFLICT'],
  ['SQLITE_FULL', 'STORE_FULL'],
  // The index of the write-ahead log could not grow: that is a full disk, too.
  ['SQLITE_IOERR_SHMSIZE', 'STORE_FULL'],
  ['SQLITE_READONLY', 'STORE_READONLY'],
  ['SQLITE_CANTOPEN', 'STORE_READONLY'],
  ['SQLITE_PERM', 'STORE_READONLY'],
  ['SQLITE_BUSY', 'STORE_BUSY'],
  ['SQLITE_LOCKED', 'STORE_BUSY'],
  ['SQLITE_CORRUPT', 'STORE_CORRUPT'],
  ['SQLITE_NOTADB', 'STORE_CORRUPT'],
  // A page beyond the end of the file: it was cut off.
  ['SQLITE_IOERR_SHORT_READ', 'STORE_CORRUPT'],
  ['SQLITE_IOERR', 'STORE_IO'],
  // Of the file system itself, while the folder is made and files are moved.
  ['ENOSPC', 'STORE_FULL'],
  ['EDQUOT', 'STORE_FULL'],
  ['EROFS', 'STORE_READONLY'],
  ['EACCES', 'STORE_READONLY'],
  ['EPERM', 'STORE_READONLY'],
  ['EIO', 'STORE_IO'],
];

/** The stable code of anything that better-sqlite3 or node:fs throws. */
export function storeErrorCode(thrown: unknown): StoreErrorCode {
  if (thrown instanceof StoreError) return thrown.code;
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  return meanings.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'STORE_FAILED';
}

export function asStoreError(thrown: unknown, doing: string): StoreError {
  if (thrown instanceof StoreError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new StoreError(storeErrorCode(thrown), `${doing}: ${text}`, { cause: thrown });
}
