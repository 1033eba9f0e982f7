import type { Migration } from '../migrate.ts';

/**
 * Real columns for what is looked up or has to be unique, JSON for what belongs to one state or one event. Times are
 * milliseconds since 1970. Serials are claims: two boards may have been seen with the same one, so they are not unique.
 */
export const first: Migration = {
  version: 1,
  up: (database) =>
    database.exec(`
      CREATE TABLE meta (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        revision INTEGER NOT NULL
      ) STRICT;
      INSERT INTO meta (only, revision) VALUES (1, 0);

      CREATE TABLE devices (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        address TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        since INTEGER NOT NULL,
        deadline INTEGER,
        first_seen INTEGER NOT NULL,
        model TEXT,
        model_final INTEGER NOT NULL CHECK (model_final IN (0, 1)),
        payload TEXT NOT NULL CHECK (json_valid(payload))
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE device_macs (
        mac TEXT PRIMARY KEY,
        device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
        position INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX device_macs_of ON device_macs (device);

      CREATE TABLE device_serials (
        device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
        serial TEXT NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (device, serial)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
        at INTEGER NOT NULL,
        name TEXT NOT NULL,
        payload TEXT NOT NULL CHECK (json_valid(payload)),
        from_state TEXT NOT NULL,
        to_state TEXT NOT NULL,
        reason TEXT NOT NULL
      ) STRICT;
      CREATE INDEX events_of ON events (device, id);

      CREATE TABLE pending_effects (
        device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        effect TEXT NOT NULL,
        PRIMARY KEY (device, position)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE settings (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE board_secrets (
        device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (device, key)
      ) STRICT, WITHOUT ROWID;
    `),
};
