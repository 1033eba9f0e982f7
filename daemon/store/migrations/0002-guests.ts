import type { Migration } from '../migrate.ts';

/** Which guest has which address. No times: how long a lease still runs is counted, and begins anew with the process. */
export const guests: Migration = {
  version: 2,
  up: (database) =>
    database.exec(`
      CREATE TABLE guests (
        client TEXT PRIMARY KEY,
        address TEXT NOT NULL UNIQUE
      ) STRICT, WITHOUT ROWID;
    `),
};
