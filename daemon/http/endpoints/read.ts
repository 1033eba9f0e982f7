/** What may be read: by the owner over the unix socket, by anyone on the LAN. Nothing here changes anything. */
import type { Answer } from '../answer.ts';
import { failure, json, text } from '../answer.ts';
import { get, type Handler, type HttpRequest, type Route } from '../router.ts';
import type { DeviceDescription, DeviceView, EventView, StatusView, WorkloadsView } from '../wire.ts';

type MaybePromise<T> = T | Promise<T>;

export type EventQuery = {
  /** Only events with a greater id, oldest first; without it the newest `limit`, oldest of them first. */
  readonly after: number | undefined;
  readonly device: string | undefined;
  readonly limit: number;
};

export type Readiness = { readonly ok: boolean; readonly failing: readonly string[] };

export type ReadDeps = {
  /** One consistent snapshot. */
  readonly status: () => MaybePromise<StatusView>;
  /** By name or device id; undefined if there is no such board. */
  readonly describe: (name: string) => MaybePromise<DeviceDescription | undefined>;
  readonly events: (query: EventQuery) => MaybePromise<readonly EventView[]>;
  /** Calls the listener for each event after it was committed, in order of id, until the returned function is called. */
  readonly subscribe: (listener: (event: EventView) => void) => () => void;
  readonly workloads: () => WorkloadsView;
  readonly ready: () => MaybePromise<Readiness>;
  /** In Prometheus' text form. */
  readonly metrics: () => MaybePromise<string>;
};

/**
 * `GET /healthz` — 200 `ok`: the process lives and its event loop turns.
 * Example: `curl http://master:8067/healthz` → `ok`.
 */
export const healthRoute: Route = get('/healthz', () => text('ok\n'));

/**
 * `GET /readyz` — 200 `{"ok":true,"failing":[]}`, or 503 NOT_READY naming the checks that fail (sockets bound, database
 * writable, loops alive).
 */
export const readyRoute = (deps: Pick<ReadDeps, 'ready'>): Route =>
  get('/readyz', async () => {
    const { ok, failing } = await deps.ready();
    return ok
      ? json({ ok, failing })
      : failure('NOT_READY', `not ready: ${failing.join(', ') || 'starting'}`, { failing });
  });

/**
 * `GET /metrics` — counters for Prometheus (text form 0.0.4): `bramble_dhcp_datagrams_total{result="answered"}` and so on,
 * `bramble_boards{state="ready"}`, `bramble_store_commit_duration_seconds`, `process_…` and `nodejs_…`.
 */
export const metricsRoute = (deps: Pick<ReadDeps, 'metrics'>): Route =>
  get('/metrics', async () => ({
    ...text(await deps.metrics()),
    type: 'text/plain; version=0.0.4; charset=utf-8',
  }));

/** `GET /v1/status` — `StatusView`: master and all boards in one snapshot. */
export const statusRoute = (deps: Pick<ReadDeps, 'status'>): Route =>
  get('/v1/status', async () => json(await deps.status()));

/** `GET /v1/workloads` — `WorkloadsView`: replicas by Node, and where Services are reached. */
export const workloadsRoute = (deps: Pick<ReadDeps, 'workloads'>): Route =>
  get('/v1/workloads', () => json(deps.workloads()));

/** `GET /v1/devices` — `{"devices":[DeviceView…]}`. */
export const devicesRoute = (deps: Pick<ReadDeps, 'status'>): Route =>
  get('/v1/devices', async () => json({ devices: (await deps.status()).devices }));

/** `GET /v1/devices/NAME` — `DeviceView`, by name or id; 404 NOT_FOUND. */
export const deviceRoute = (deps: Pick<ReadDeps, 'describe'>): Route =>
  get(
    '/v1/devices/:name',
    withBoard(deps, (board) => {
      const {
        firstSeen: _firstSeen,
        timeline: _timeline,
        earlierBoots: _boots,
        diagnosis: _diagnosis,
        health: _health,
        installerLog: _log,
        failedOutput: _output,
        hostKeys: _keys,
        events: _events,
        ...view
      } = board;
      return json(view satisfies DeviceView);
    }),
  );

/** `GET /v1/devices/NAME/describe` — `DeviceDescription`: with boot timeline and last events; 404 NOT_FOUND. */
export const describeRoute = (deps: Pick<ReadDeps, 'describe'>): Route =>
  get(
    '/v1/devices/:name/describe',
    withBoard(deps, (board) => json(board)),
  );

/** Looks up the board that `:name` means. */
function withBoard(deps: Pick<ReadDeps, 'describe'>, answer: (board: DeviceDescription) => Answer): Handler {
  return async (request: HttpRequest) => {
    const name = request.params.get('name') ?? '';
    const board = isBoardName(name) ? await deps.describe(name) : undefined;
    return board === undefined ? noBoard(name) : answer(board);
  };
}

/** Names and ids alike; anything else is not worth a look-up. */
export const isBoardName = (name: string): boolean => /^[a-z0-9][a-z0-9-]{0,62}$/.test(name);

export const noBoard = (name: string): Answer => failure('NOT_FOUND', noBoardText(name));
export const noBoardText = (name: string): string =>
  `there is no board ${JSON.stringify(name.slice(0, 80))}; "bramble status" lists them`;
