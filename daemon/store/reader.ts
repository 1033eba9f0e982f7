/** All reading, on a connection that cannot write. Each call is one read transaction. */
import type { Database } from 'better-sqlite3';
import { deviceReader, readRow } from './devices.ts';
import { effectsReader } from './effects.ts';
import { eventReader } from './events.ts';
import { asFields, count, text } from './fields.ts';
import { guestReader } from './guests.ts';
import type { Snapshot, Store } from './store.ts';

export type Reader = Pick<Store, 'snapshot' | 'events' | 'deviceEvents' | 'readBoardSecret' | 'integrity'>;

export function createReader(database: Database): Reader {
  const meta = database.prepare('SELECT revision FROM meta WHERE only = 1');
  const settings = database.prepare('SELECT key, value FROM settings');
  const secret = database.prepare('SELECT value FROM board_secrets WHERE device = ? AND key = ?').pluck();
  const devices = deviceReader(database);
  const effects = effectsReader(database);
  const guests = guestReader(database);
  const snapshot = database.transaction(
    (): Snapshot => ({
      revision: readRow('meta row 1', () => count(asFields(meta.get(), 'row'), 'revision')),
      devices: devices(),
      effects: effects(),
      guests: guests(),
      settings: new Map(
        settings.all().map((row) => {
          const fields = asFields(row, 'row');
          return readRow(`settings row ${JSON.stringify(fields['key'])}`, () => [
            text(fields, 'key'),
            text(fields, 'value'),
          ]);
        }),
      ),
    }),
  );
  return {
    snapshot: () => snapshot(),
    ...eventReader(database),
    readBoardSecret: (device, key) => {
      const value = secret.get(device, key);
      return typeof value === 'string' ? value : undefined;
    },
    integrity: () => findings(database, 'integrity_check'),
  };
}

/** Empty if all is well. `quick_check` leaves out that indexes match their tables. */
export function findings(database: Database, check: 'integrity_check' | 'quick_check'): readonly string[] {
  const rows = database.pragma(`${check}(10)`);
  const texts = Array.isArray(rows) ? rows.map((row) => String(asFields(row, 'row')[check])) : [];
  return texts.flatMap((found) => found.split('\n')).filter((found) => found !== 'ok' && !found.startsWith('***'));
}
