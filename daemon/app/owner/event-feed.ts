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

  /**
   * New boards of one commit come into the fleet one after another: what is on disk of the next has no name yet, and is told
   * when that one is there.
   */
  function upToNameless(rows: readonly EventRow[]): readonly EventRow[] {
    const nameless = rows.findIndex(({ device }) => device !== undefined && fleet().byId(device) === undefined);
    return nameless === -1 ? rows : rows.slice(0, nameless);
  }

  const nameOf = ({ device }: EventRow): string => (device && fleet().byId(device)?.name) ?? device ?? '';
  const newest = (): number => store.events({ limit: 1 }).at(-1)?.id ?? 0;

  function events({ after, device, limit }: EventQuery): readonly EventView[] {
    const name = device === undefined ? undefined : parseHostname(device);
    const id = name?.ok === true ? fleet().byName(name.value)?.id : undefined;
    if (device !== undefined && id === undefined) return [];
    const query = { limit, ...(after !== undefined && { after }), ...(id !== undefined && { device: id }) };
    return upToNameless(store.events(query)).map((row) => eventView(row, nameOf));
  }

  function committed(): void {
    if (listeners.size === 0) return;
    const rows = store.events({ after: last, limit: LOT });
    const named = upToNameless(rows);
    for (const row of named) {
      const view = eventView(row, nameOf);
      for (const listener of [...listeners]) listener(view);
    }
    last = named.at(-1)?.id ?? last;
    if (named.length === LOT) committed();
  }

  function subscribe(listener: (event: EventView) => void): () => void {
    if (listeners.size === 0) last = newest();
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  return { events, subscribe, committed };
}
