/** The log of what happened to each device, and to none of them: only ever appended to, capped per device. */
import type { Database } from 'better-sqlite3';
import { type DeviceId, instant, parseDeviceId } from '../../config/values.ts';
import { readRow } from './devices.ts';
import { eventPayload, readEvent } from './event-payload.ts';
import { asFields, count, Damage, type Fields, optional, parsed, text } from './fields.ts';
import { type EventQuery, type EventRow, eventsPerDevice, type Write } from './store.ts';

type Append = Extract<Write, { readonly write: 'append-event' | 'append-notice' }>;

export function eventAppender(database: Database): (append: Append) => number {
  const insert = database.prepare(`
    INSERT INTO events (device, at, name, payload, from_state, to_state, reason)
    VALUES (@device, @at, @name, @payload, @from, @to, @reason)`);
  const drop = database.prepare(`
    DELETE FROM events WHERE device IS @device AND id <=
      (SELECT id FROM events WHERE device IS @device ORDER BY id DESC LIMIT 1 OFFSET ${eventsPerDevice})`);
  return (append) => {
    const row = rowOf(append);
    return insert.run(row).changes + drop.run({ device: row.device }).changes;
  };
}

function rowOf(append: Append) {
  if (append.write === 'append-notice') {
    const { at, name, reason } = append;
    return { device: null, at, name, payload: '{}', from: '', to: '', reason };
  }
  const { device, at, event, from, to, reason } = append;
  return { device, at, name: event.event, payload: eventPayload(event), from, to, reason };
}

export function eventReader(database: Database) {
  const after = database.prepare(`
    SELECT * FROM events WHERE id > @after AND (@device IS NULL OR device = @device) ORDER BY id LIMIT @limit`);
  const newest = database.prepare(`
    SELECT * FROM events WHERE @device IS NULL OR device = @device ORDER BY id DESC LIMIT @limit`);
  const ofDevice = database.prepare('SELECT * FROM events WHERE device = ? ORDER BY id');
  return {
    events: (query: EventQuery): readonly EventRow[] => {
      const device = query.device ?? null;
      const limit = Math.max(0, Math.trunc(query.limit));
      return query.after === undefined
        ? newest.all({ device, limit }).map(readEventRow).reverse()
        : after.all({ device, limit, after: query.after }).map(readEventRow);
    },
    deviceEvents: (device: DeviceId): readonly EventRow[] => ofDevice.all(device).map(readEventRow),
  };
}

function readEventRow(row: unknown): EventRow {
  const fields = asFields(row, 'row');
  return readRow(`events row ${JSON.stringify(fields['id'])}`, () => ({
    id: count(fields, 'id'),
    device: optional(fields, 'device', (from, name) => parsed(from, name, parseDeviceId)),
    at: instant(count(fields, 'at')),
    name: text(fields, 'name'),
    event: fields['device'] === null ? undefined : eventIfKnown(fields),
    from: text(fields, 'from_state'),
    to: text(fields, 'to_state'),
    reason: text(fields, 'reason'),
  }));
}

/** The past may have been written by any version, and nothing depends on it: what cannot be read is shown by its name. */
function eventIfKnown(fields: Fields): EventRow['event'] {
  try {
    return readEvent(fields);
  } catch (error) {
    if (error instanceof Damage) return undefined;
    throw error;
  }
}
