import type { Migration } from '../migrate.ts';

/** Beside a router a board's address is the router's, and not known before it was heard. SQLite takes no NOT NULL back. */
export const heardAddresses: Migration = {
  version: 3,
  up: (database) =>
    database.exec(`
      CREATE TABLE new_devices (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        address TEXT UNIQUE,
        addressing TEXT NOT NULL CHECK (addressing = 'heard' OR addressing = 'reserved' AND address IS NOT NULL),
        state TEXT NOT NULL,
        since INTEGER NOT NULL,
        deadline INTEGER,
        first_seen INTEGER NOT NULL,
        model TEXT,
        model_final INTEGER NOT NULL CHECK (model_final IN (0, 1)),
        payload TEXT NOT NULL CHECK (json_valid(payload))
      ) STRICT, WITHOUT ROWID;
      INSERT INTO new_devices
        SELECT id, name, address, 'reserved', state, since, deadline, first_seen, model, model_final, payload FROM devices;
      DROP TABLE devices;
      ALTER TABLE new_devices RENAME TO devices;
    `),
};
