/** Boards that are gone: what is seen of them, pausing failover, and the owner's word that one is off. For the unix socket only. */
import type { Problem, Result } from '../../../config/result.ts';
import { type Answer, failure, json } from '../answer.ts';
import { bodyOf, keeperWishIn, PAUSE_MAX, requesterIn } from '../body.ts';
import { get, type HttpRequest, post, type Route } from '../router.ts';
import type { ConfirmOffAnswer, FailoverRequest, FailoverView } from '../wire.ts';
import { isBoardName, noBoard } from './read.ts';

export type FailoverDeps = {
  readonly failover: () => FailoverView;
  /** Settles once it is on disk. */
  readonly askFailover: (request: FailoverRequest) => Promise<FailoverView>;
  /** Settles once it is on disk. `CONFLICT`: it answers, or nothing waits for that; the detail says what to do. */
  readonly confirmOff: (
    name: string,
    by: string,
  ) => Promise<Result<ConfirmOffAnswer, Problem<'NOT_FOUND' | 'CONFLICT' | 'NOT_READY'>>>;
};

/** `GET /v1/failover` → `FailoverView`. */
export const failoverRoutes = (deps: FailoverDeps): readonly Route[] => [
  get('/v1/failover', () => json(deps.failover())),
  post('/v1/failover', async (request) => await ask(deps, request)),
  post('/v1/devices/:name/confirm-off', async (request) => await confirmOff(deps, request)),
];

const actions: readonly FailoverRequest['action'][] = ['pause', 'resume'];
const BY = '"by":"WHO" (up to 64 of a-z 0-9 . _ @ -)';

/** `POST /v1/failover`, body `{"action":"pause","seconds":3600,"by":"anna"}` or `{"action":"resume"}` → `FailoverView`. 400 BAD_REQUEST. */
async function ask(deps: FailoverDeps, request: HttpRequest): Promise<Answer> {
  const wish = keeperWishIn(request, actions);
  if (wish === undefined)
    return failure(
      'BAD_REQUEST',
      `the body is {"action":"pause" or "resume"}, with ${BY}, and "seconds":1 to ${PAUSE_MAX} for a pause`,
    );
  return json(await deps.askFailover(wish));
}

/**
 * `POST /v1/devices/NAME/confirm-off`, body empty or `{"by":"anna"}` → `ConfirmOffAnswer`. 404 NOT_FOUND: no such board.
 * 409 CONFLICT: it answers, or nothing of it waits for that; nothing was changed. 503 NOT_READY: too little is known of the cluster.
 */
async function confirmOff(deps: FailoverDeps, request: HttpRequest): Promise<Answer> {
  const name = request.params.get('name') ?? '';
  if (!isBoardName(name)) return noBoard(name);
  const by = requesterIn(bodyOf(request));
  if (by === undefined) return failure('BAD_REQUEST', `the body is empty or {${BY}}`);
  const confirmed = await deps.confirmOff(name, by);
  if (confirmed.ok) return json(confirmed.value);
  return confirmed.error.code === 'NOT_FOUND' ? noBoard(name) : failure(confirmed.error.code, confirmed.error.detail);
}
