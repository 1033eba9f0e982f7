/** Names of the copies that the daemon makes of its database, which the command line finds again without it. */

/** Below the daemon's data directory. */
export const backupFolder = 'backups';
/** Of the daemon, in its data directory. */
export const databaseFile = 'bramble.db';

export type BackupName = {
  /** Counts from 1: which is younger, whatever the clock said. */
  readonly number: number;
  /** Milliseconds since 1970, as this machine's clock had it. */
  readonly at: number;
  /** Of the database. */
  readonly revision: number;
};

/** `000012_20261124T034500Z_r41.db` */
export const backupName = ({ number, at, revision }: BackupName): string =>
  `${String(number).padStart(6, '0')}_${compactDate(at)}_r${revision}.db`;

export function parseBackupName(text: string): BackupName | undefined {
  const found = /^(\d{6,12})_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z_r(\d{1,15})\.db$/.exec(text);
  if (found === null) return undefined;
  const [, number, year, month, day, hour, minute, second, revision] = found.map(Number);
  const at = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  return { number: number ?? 0, at, revision: revision ?? 0 };
}

/** `20261124T034500Z`, fit for a file name. */
export const compactDate = (at: number): string =>
  new Date(Math.trunc(at / 1000) * 1000).toISOString().replace(/[-:]|\.\d+/g, '');

/** Those that are such names, the youngest first. */
export const youngestFirst = (names: readonly string[]): readonly (BackupName & { readonly file: string })[] =>
  names
    .flatMap((file) => {
      const name = parseBackupName(file);
      return name === undefined ? [] : [{ ...name, file }];
    })
    .sort((a, b) => b.number - a.number);
