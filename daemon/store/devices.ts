/** Devices as rows, and back. */
import type { Database } from 'better-sqlite3';
import {
  type DeviceId,
  instant,
  models,
  parseDeviceId,
  parseHostname,
  parseIpv4,
  parseMac,
  parseSerial,
} from '../../config/values.ts';
import type { Addressing, Device, ModelEvidence } from '../lifecycle/device.ts';
import { StoreError } from './error.ts';
import { asFields, count, Damage, type Fields, json, oneOf, optional, parsed, text } from './fields.ts';
import { diskReport } from './payload.ts';
import { readState, statePayload } from './state-payload.ts';

const columns = [
  'id',
  'name',
  'address',
  'addressing',
  'state',
  'since',
  'deadline',
  'first_seen',
  'model',
  'model_final',
  'disk',
  'payload',
];

const rowOf = (device: Device) => ({
  id: device.id,
  name: device.name,
  address: device.address ?? null,
  addressing: device.addressing,
  state: device.state.name,
  since: device.since,
  deadline: device.deadline ?? null,
  first_seen: device.firstSeen,
  model: device.model?.model ?? null,
  model_final: device.model?.final === true ? 1 : 0,
  disk: device.disk === undefined ? null : JSON.stringify(device.disk),
  payload: statePayload(device.state),
});

/** Returns how many rows it changed: none if all is as it was, and then nothing is written. */
export function devicePutter(database: Database): (device: Device) => number {
  const named = columns.map((column) => `@${column}`).join(', ');
  const updated = columns.map((column) => `excluded.${column}`).join(', ');
  const put = database.prepare(`
    INSERT INTO devices (${columns.join(', ')}) VALUES (${named})
    ON CONFLICT (id) DO UPDATE SET (${columns.join(', ')}) = (${updated})
    WHERE (${columns.map((column) => `devices.${column}`).join(', ')}) IS NOT (${updated})`);
  const known = database.prepare('SELECT 1 FROM devices WHERE id = ?').pluck();
  const macs = listWriter(database, 'device_macs', 'mac');
  const serials = listWriter(database, 'device_serials', 'serial');
  return (device) => {
    // A new one has no lists to be compared.
    const write = known.get(device.id) === undefined ? 'add' : 'put';
    return (
      put.run(rowOf(device)).changes + macs[write](device.id, device.macs) + serials[write](device.id, device.serials)
    );
  };
}

/** An ordered list of texts that belongs to a device, in a table of its own. Both functions return how many rows changed. */
export function listWriter(database: Database, table: string, column: string) {
  const read = database.prepare(`SELECT ${column} FROM ${table} WHERE device = ? ORDER BY position`).pluck();
  const clear = database.prepare(`DELETE FROM ${table} WHERE device = ?`);
  const insert = database.prepare(`INSERT INTO ${table} (device, ${column}, position) VALUES (?, ?, ?)`);
  const add = (device: DeviceId, wanted: readonly string[]): number => {
    for (const [position, value] of wanted.entries()) insert.run(device, value, position);
    return wanted.length;
  };
  const put = (device: DeviceId, wanted: readonly string[]): number =>
    JSON.stringify(read.all(device)) === JSON.stringify(wanted) ? 0 : clear.run(device).changes + add(device, wanted);
  return { add, put };
}

/** Throws `STORE_ROW_DAMAGED` with the row's name. */
export function deviceReader(database: Database): () => readonly Device[] {
  const devices = database.prepare('SELECT * FROM devices ORDER BY first_seen, id');
  const macs = database.prepare('SELECT device, mac FROM device_macs ORDER BY device, position');
  const serials = database.prepare('SELECT device, serial FROM device_serials ORDER BY device, position');
  return () => {
    const macsOf = Map.groupBy(
      macs.all().map((row) => asFields(row, 'row')),
      (row) => row['device'],
    );
    const serialsOf = Map.groupBy(
      serials.all().map((row) => asFields(row, 'row')),
      (row) => row['device'],
    );
    return devices.all().map((row) => {
      const fields = asFields(row, 'row');
      const id = fields['id'];
      return readRow(`devices row ${JSON.stringify(id)}`, () =>
        readDevice(fields, macsOf.get(id) ?? [], serialsOf.get(id) ?? []),
      );
    });
  };
}

export function readRow<T>(row: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    throw new StoreError('STORE_ROW_DAMAGED', `the database is sound, but ${row} cannot be read: ${error.message}`);
  }
}

function readDevice(row: Fields, macs: readonly Fields[], serials: readonly Fields[]): Device {
  const deadline = optional(row, 'deadline', count);
  return {
    id: parsed(row, 'id', parseDeviceId),
    name: parsed(row, 'name', parseHostname),
    ...readAddressing(row),
    macs: macs.map((mac) => parsed(mac, 'mac', parseMac)),
    serials: serials.map((serial) => parsed(serial, 'serial', parseSerial)),
    model: readModel(row),
    disk: optional(row, 'disk', (fields, name) => diskReport(json(fields, name))),
    firstSeen: instant(count(row, 'first_seen')),
    state: readState(row),
    since: instant(count(row, 'since')),
    deadline: deadline === undefined ? undefined : instant(deadline),
  };
}

function readAddressing(row: Fields): Addressing {
  const addressing = oneOf(row, 'addressing', ['reserved', 'heard']);
  return addressing === 'reserved'
    ? { addressing, address: parsed(row, 'address', parseIpv4) }
    : { addressing, address: optional(row, 'address', (fields, name) => parsed(fields, name, parseIpv4)) };
}

const readModel = (row: Fields): ModelEvidence | undefined =>
  optional(row, 'model', text) === undefined
    ? undefined
    : { model: oneOf(row, 'model', models), final: row['model_final'] === 1 };
