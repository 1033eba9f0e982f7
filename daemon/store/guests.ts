/** Guests as rows, and back. */
import type { Database } from 'better-sqlite3';
import { type Ipv4, parseIpv4 } from '../../config/values.ts';
import { readRow } from './devices.ts';
import { asFields, parsed, text } from './fields.ts';

/** Whoever had the address before has none. Returns how many rows it changed. */
export function guestPutter(database: Database): (client: string, address: Ipv4) => number {
  const evict = database.prepare('DELETE FROM guests WHERE address = ? AND client <> ?');
  const put = database.prepare(`
    INSERT INTO guests (client, address) VALUES (?, ?)
    ON CONFLICT (client) DO UPDATE SET address = excluded.address WHERE address IS NOT excluded.address`);
  return (client, address) => evict.run(address, client).changes + put.run(client, address).changes;
}

/** Throws `STORE_ROW_DAMAGED` with the row's name. */
export function guestReader(database: Database): () => ReadonlyMap<string, Ipv4> {
  const rows = database.prepare('SELECT client, address FROM guests ORDER BY client');
  return () =>
    new Map(
      rows.all().map((row) => {
        const fields = asFields(row, 'row');
        return readRow(`guests row ${JSON.stringify(fields['client'])}`, () => [
          text(fields, 'client'),
          parsed(fields, 'address', parseIpv4),
        ]);
      }),
    );
}
