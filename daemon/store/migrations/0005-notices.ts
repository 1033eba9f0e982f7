import type { Migration } from '../migrate.ts';

/** Events of no board. Ids go on where they were, also over those of boards that were forgotten. */
export const notices: Migration = {
  version: 5,
  up: (database) =>
    database.exec(`
      CREATE TABLE new_events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        device TEXT REFERENCES devices (id) ON DELETE CASCADE,
        at INTEGER NOT NULL,
        name TEXT NOT NULL,
        payload TEXT NOT NULL CHECK (json_valid(payload)),
        from_state TEXT NOT NULL,
        to_state TEXT NOT NULL,
        reason TEXT NOT NULL
      ) STRICT;
      INSERT INTO new_events SELECT id, device, at, name, payload, from_state, to_state, reason FROM events;
      DELETE FROM sqlite_sequence WHERE name = 'new_events';
      INSERT INTO sqlite_sequence (name, seq) SELECT 'new_events', seq FROM sqlite_sequence WHERE name = 'events';
      DROP TABLE events;
      ALTER TABLE new_events RENAME TO events;
      CREATE INDEX events_of ON events (device, id);
    `),
};
