/** Committed events, as they come, for those who follow (`bramble events -f`, the status page). */

import { parseHostname } from '../../../config/values.ts';
import type { EventQuery } from '../../http/endpoints/read.ts';
import type { EventView } from '../../http/wire.ts';
import type { Fleet } from '../../lifecycle/fleet.ts';
import type { EventRow, Store } from '../../store/store.ts';
import { eventView } from './views.ts';

export type EventFeed = {
  readonly events: (query: EventQuery) => readonly EventView[];
  readonly subscribe: (listener: (event: EventView) => void) => () => void;
  /** After a commit: tells the followers what is new. */
  readonly committed: () => void;
};

const LOT = 500;

export function eventFeed(store: Pick<Store, 'events'>, fleet: () => Fleet): EventFeed {
  const listeners = new Set<(event: EventView) => void>();
  let last = 0;

  const nameOf = (row: EventRow): string => fleet().byId(row.device)?.name ?? row.device;
  const newest = (): number => store.events({ limit: 1 }).at(-1)?.id ?? 0;

  function events({ after, device, limit }: EventQuery): readonly EventView[] {
    const name = device === undefined ? undefined : parseHostname(device);
    const id = name?.ok === true ? fleet().byName(name.value)?.id : undefined;
    if (device !== undefined && id === undefined) return [];
    const query = { limit, ...(after !== undefined && { after }), ...(id !== undefined && { device: id }) };
    return store.events(query).map((row) => eventView(row, nameOf));
  }

  function committed(): void {
    if (listeners.size === 0) return;
    const rows = store.events({ after: last, limit: LOT });
    for (const row of rows) {
      const view = eventView(row, nameOf);
      for (const listener of [...listeners]) listener(view);
    }
    last = rows.at(-1)?.id ?? last;
    if (rows.length === LOT) committed();
  }

  function subscribe(listener: (event: EventView) => void): () => void {
    if (listeners.size === 0) last = newest();
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  return { events, subscribe, committed };
}
