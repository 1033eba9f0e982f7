import { type Answer, failure, json } from '../answer.ts';
import { get, type Route } from '../router.ts';
import type { EventList, EventView } from '../wire.ts';
import { type EventQuery, isBoardName, noBoard, type ReadDeps } from './read.ts';

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
    if (query.get('follow') === '1') return follow(deps, { after, device, limit }, asLine);
    return json({ events: await deps.events({ after, device, limit }) } satisfies EventList);
  });

const asLine = (event: EventView): string => JSON.stringify(event);
/** The empty line that ends it is the one that `emit` writes. JSON has no line breaks of its own. */
const asServerSent = (event: EventView): string => `id: ${event.id}\ndata: ${JSON.stringify(event)}\n`;

/** Followers of the stream: all together, and behind one address; the connections beyond are for boards and short questions. */
const streams = { all: 128, each: 24 };

/**
 * `GET /v1/events/stream` — the same as server-sent events (`text/event-stream`): new ones, and after an interruption those
 * since `Last-Event-ID`. 429 TOO_MANY while too many follow; whoever gets that asks again now and then.
 * Example: `curl -N http://master:8067/v1/events/stream` → `id: 7`, `data: {"id":7,…}`, an empty line.
 */
export function eventStreamRoute(deps: Pick<ReadDeps, 'events' | 'subscribe'>): Route {
  const followers = new Map<string, number>();
  let all = 0;
  return get('/v1/events/stream', ({ headers, client: { address } }) => {
    const last = wholeNumber(headers['last-event-id'] ?? null);
    const after = Number.isNaN(last) ? undefined : last;
    if (all >= streams.all || (followers.get(address) ?? 0) >= streams.each)
      return failure('TOO_MANY', 'too many follow the events: ask for /v1/events now and then');
    const { run } = follow(deps, { after, device: undefined, limit: after === undefined ? 1 : maxLimit }, asServerSent);
    return {
      kind: 'lines',
      type: 'text/event-stream; charset=utf-8',
      run: async (emit, signal) => {
        followers.set(address, (followers.get(address) ?? 0) + 1);
        all += 1;
        try {
          await run(emit, signal);
        } finally {
          const left = (followers.get(address) ?? 1) - 1;
          if (left === 0) followers.delete(address);
          else followers.set(address, left);
          all -= 1;
        }
      },
    };
  });
}

type Lines = Extract<Answer, { readonly kind: 'lines' }>;

function follow(
  deps: Pick<ReadDeps, 'events' | 'subscribe'>,
  { after, device, limit }: EventQuery,
  written: (event: EventView) => string,
): Lines {
  return {
    kind: 'lines',
    run: async (emit, signal) => {
      let last = after ?? 0;
      let live = false;
      const early: EventView[] = [];
      const send = (event: EventView): void => {
        if (event.id <= last || (device !== undefined && event.device !== device)) return;
        last = event.id;
        emit(written(event));
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
