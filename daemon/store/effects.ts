/** Effects that are still to be carried out. */
import type { Database } from 'better-sqlite3';
import { type DeviceId, parseDeviceId } from '../../config/values.ts';
import type { Effect } from '../lifecycle/effect.ts';
import { listWriter, readRow } from './devices.ts';
import { asFields, oneOf, parsed } from './fields.ts';

/** A record, so that a new effect is a compile error here. */
const known: Readonly<Record<Effect, true>> = {
  'decide-admission': true,
  'make-image': true,
  'find-installed': true,
  adopt: true,
  'await-ssh': true,
  join: true,
  'release-quarantine': true,
  'start-installer': true,
  drain: true,
  stop: true,
  leave: true,
};
const effects = Object.keys(known).filter((name): name is Effect => name in known);

export const effectsPutter = (database: Database) => listWriter(database, 'pending_effects', 'effect').put;

/** Throws `STORE_ROW_DAMAGED`. */
export function effectsReader(database: Database): () => ReadonlyMap<DeviceId, readonly Effect[]> {
  const all = database.prepare('SELECT device, effect FROM pending_effects ORDER BY device, position');
  return () => {
    const found = new Map<DeviceId, Effect[]>();
    for (const row of all.all()) {
      const fields = asFields(row, 'row');
      const [device, effect] = readRow(
        `pending_effects row ${JSON.stringify(fields['device'])}`,
        () => [parsed(fields, 'device', parseDeviceId), oneOf(fields, 'effect', effects)] as const,
      );
      found.set(device, [...(found.get(device) ?? []), effect]);
    }
    return found;
  };
}
