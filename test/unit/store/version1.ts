/** A database as the first version left it. Never changed: what is in the field does not change either. */
export const version1 = `
  CREATE TABLE meta (only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL) STRICT;
  CREATE TABLE devices (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, address TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
    since INTEGER NOT NULL, deadline INTEGER, first_seen INTEGER NOT NULL, model TEXT,
    model_final INTEGER NOT NULL CHECK (model_final IN (0, 1)), payload TEXT NOT NULL CHECK (json_valid(payload))
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE device_macs (
    mac TEXT PRIMARY KEY, device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE, position INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX device_macs_of ON device_macs (device);
  CREATE TABLE device_serials (
    device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE, serial TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (device, serial)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    at INTEGER NOT NULL, name TEXT NOT NULL, payload TEXT NOT NULL CHECK (json_valid(payload)),
    from_state TEXT NOT NULL, to_state TEXT NOT NULL, reason TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_of ON events (device, id);
  CREATE TABLE pending_effects (
    device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE, position INTEGER NOT NULL, effect TEXT NOT NULL,
    PRIMARY KEY (device, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE board_secrets (
    device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (device, key)
  ) STRICT, WITHOUT ROWID;

  INSERT INTO meta VALUES (1, 41);
  INSERT INTO devices VALUES ('d-000000000001', 'worker-kube1', '192.168.1.1', 'ready', 1700000000001, NULL,
    1700000000001, 'pi4', 1, '{"version":1,"data":{"quarantined":true}}');
  INSERT INTO device_macs VALUES ('dc:a6:32:00:00:01', 'd-000000000001', 0);
  INSERT INTO events VALUES (1, 'd-000000000001', 1700000000001, 'node-ready', '{"version":1,"data":{}}',
    'joining', 'ready', 'its Node is Ready');
  INSERT INTO pending_effects VALUES ('d-000000000001', 0, 'release-quarantine');
  INSERT INTO settings VALUES ('names.next', '2');
  INSERT INTO board_secrets VALUES ('d-000000000001', 'host-key', 'PRIVATE');
  PRAGMA user_version = 1;
`;
