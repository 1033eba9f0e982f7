/** Keeping replicas even: what would be moved, what is, and pausing it. For the unix socket only. */
import type { Problem, Result } from '../../../config/result.ts';
import { type Answer, failure, json } from '../answer.ts';
import { keeperWishIn, PAUSE_MAX } from '../body.ts';
import { get, type HttpRequest, post, type Route } from '../router.ts';
import type { BalancePlanView, BalanceRequest, BalanceView } from '../wire.ts';

export type BalanceDeps = {
  readonly balance: () => BalanceView;
  /** `NOT_READY`: too little is known of the cluster just now. */
  readonly balancePlan: () => Result<BalancePlanView, Problem<'NOT_READY'>>;
  /** Settles once it is on disk. `CONFLICT`: it is paused. */
  readonly askBalance: (request: BalanceRequest) => Promise<Result<BalanceView, Problem<'NOT_READY' | 'CONFLICT'>>>;
};

/**
 * `GET /v1/balance` → `BalancePlanView`: nothing is done. 503 NOT_READY: too little is known of the cluster.
 * `GET /v1/balance/run` → `BalanceView`.
 */
export const balanceRoutes = (deps: BalanceDeps): readonly Route[] => [
  get('/v1/balance', () => answer(deps.balancePlan())),
  get('/v1/balance/run', () => json(deps.balance())),
  post('/v1/balance', async (request) => await ask(deps, request)),
];

const answer = (result: Result<BalancePlanView | BalanceView, Problem<'NOT_READY' | 'CONFLICT'>>): Answer =>
  result.ok ? json(result.value) : failure(result.error.code, result.error.detail);

const actions: readonly BalanceRequest['action'][] = ['run', 'pause', 'resume'];

/**
 * `POST /v1/balance`, body `{"action":"run"}`, `{"action":"pause","seconds":3600,"by":"anna"}` or `{"action":"resume"}` →
 * `BalanceView`. 400 BAD_REQUEST. 409 CONFLICT: it is paused. 503 NOT_READY: too little is known of the cluster.
 */
async function ask(deps: BalanceDeps, request: HttpRequest): Promise<Answer> {
  const wish = keeperWishIn(request, actions);
  if (wish === undefined)
    return failure(
      'BAD_REQUEST',
      `the body is {"action":"run", "pause" or "resume"}, with "by":"WHO" (up to 64 of a-z 0-9 . _ @ -), and "seconds":1 to ${PAUSE_MAX} for a pause`,
    );
  return answer(await deps.askBalance(wish));
}
