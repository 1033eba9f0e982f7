import { type Answer, failure, json } from '../answer.ts';
import { get, type Route } from '../router.ts';
import type { EventList, EventView } from '../wire.ts';
import { isBoardName, noBoard, type ReadDeps } from './read.ts';

const defaultLimit = 100;
const maxLimit = 1000;
/** A follower that is this far behind is cut off; it comes back with `after=`. */
const maxBacklog = 10_000;

/**
 * `GET /v1/events?after=ID&device=NAME&limit=N&follow=1`
 *
 * Without `follow`: `{"events":[EventView…]}`, oldest first; `limit` 1 to 1000, 100 if not given. With `follow=1`: the
 * same events and then each new one, one JSON object a line (NDJSON), for ever; an empty line now and then shows that
 * the connection lives. Nothing is lost or sent twice between the two. 404 NOT_FOUND for an unknown board.
 */
export const eventsRoute = (deps: Pick<ReadDeps, 'events' | 'subscribe' | 'describe'>): Route =>
  get('/v1/events', async ({ query }) => {
    const after = wholeNumber(query.get('after'));
    const limit = wholeNumber(query.get('limit')) ?? defaultLimit;
    if (Number.isNaN(after)) return failure('BAD_REQUEST', 'after= takes the id of an event');
    if (!(limit >= 1 && limit <= maxLimit)) return failure('BAD_REQUEST', `limit= takes 1 to ${maxLimit}`);
    const name = query.get('device');
    const board = name !== null && isBoardName(name) ? await deps.describe(name) : undefined;
    if (name !== null && board === undefined) return noBoard(name);
    const device = board?.name;
    if (query.get('follow') === '1') return follow(deps, after, device, limit);
    return json({ events: await deps.events({ after, device, limit }) } satisfies EventList);
  });

function follow(
  deps: Pick<ReadDeps, 'events' | 'subscribe'>,
  after: number | undefined,
  device: string | undefined,
  limit: number,
): Answer {
  return {
    kind: 'lines',
    run: async (emit, signal) => {
      let last = after ?? 0;
      let live = false;
      const early: EventView[] = [];
      const send = (event: EventView): void => {
        if (event.id <= last || (device !== undefined && event.device !== device)) return;
        last = event.id;
        emit(JSON.stringify(event));
      };
      // Listening starts before the stored ones are read: what is committed in between comes by the listener, and `last`
      // drops what came by both.
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      const unsubscribe = deps.subscribe((event) => {
        if (live) send(event);
        else if (early.push(event) > maxBacklog) end();
      });
      signal.addEventListener('abort', () => end(), { once: true });
      try {
        let page = await deps.events({ after, device, limit });
        for (const event of page) send(event);
        while (after !== undefined && page.length === limit && !signal.aborted) {
          page = await deps.events({ after: last, device, limit });
          for (const event of page) send(event);
        }
        for (const event of early) send(event);
        live = true;
        if (!signal.aborted) await ended;
      } finally {
        unsubscribe();
      }
    },
  };
}

/** NaN for what is not a whole number, undefined for nothing. */
function wholeNumber(text: string | null): number | undefined {
  if (text === null) return undefined;
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}
