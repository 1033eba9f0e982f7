import type { Problem, Result } from '../../../config/result.ts';
import { type Answer, failure, json } from '../answer.ts';
import { bodyOf, requesterIn } from '../body.ts';
import { post, type Route } from '../router.ts';
import { type Action, type ActionResult, actions, type DeviceView } from '../wire.ts';
import { type AccessDeps, accessRoute } from './access.ts';
import { type BalanceDeps, balanceRoutes } from './balance.ts';
import { type CardDeps, cardRoutes } from './cards.ts';
import { type FailoverDeps, failoverRoutes } from './failover.ts';
import { type ImageDeps, imageFilesRoute } from './image.ts';
import { lanApi } from './lan.ts';
import { type LoginDeps, loginRoute } from './login.ts';
import { type OpenDeps, openRoutes } from './open.ts';
import { type PowerRoutesDeps, powerRoutes } from './power.ts';
import { isBoardName, noBoard, type ReadDeps, readyRoute } from './read.ts';

/** `CONFLICT`: the board's state does not allow it; the detail says what it is and what to do. */
export type ActionProblem = Problem<'NOT_FOUND' | 'CONFLICT'>;

export type AdminDeps = ReadDeps &
  ImageDeps &
  AccessDeps &
  CardDeps &
  BalanceDeps &
  FailoverDeps &
  LoginDeps &
  OpenDeps &
  PowerRoutesDeps & {
    /** The board `heir` takes the place of the board `name`; settles with it, under its new name. */
    readonly replace: (
      name: string,
      asked: { readonly heir: string; readonly by: string; readonly loseData: boolean },
    ) => Promise<Result<DeviceView, ActionProblem>>;
    /** Settles once it is committed, with the board as it then is. `by` is who asked, for the record; `force`: see `ActionRequest`. */
    readonly act: (
      name: string,
      action: Action,
      asked: { readonly by: string; readonly force: boolean },
    ) => Promise<Result<DeviceView, ActionProblem>>;
  };

/** The owner's API: what everybody may see, and more. Serve it on a unix socket only: whoever reaches it may do everything. */
export const adminApi = (deps: AdminDeps): readonly Route[] => [
  ...lanApi(deps),
  readyRoute(deps),
  ...actions.map((action) => ownerActionRoute(deps, action)),
  replaceRoute(deps),
  imageFilesRoute(deps),
  ...cardRoutes(deps),
  accessRoute(deps),
  loginRoute(deps),
  ...failoverRoutes(deps),
  ...openRoutes(deps),
  ...balanceRoutes(deps),
  ...powerRoutes(deps),
];

/**
 * `POST /v1/devices/NAME/ACTION`, body empty or `{"by":"anna"}`, also `"force":true` (`ActionRequest`) — `ActionResult`.
 * 404 NOT_FOUND: no such board. 409 CONFLICT: not in this state; nothing was changed.
 */
export const ownerActionRoute = (deps: Pick<AdminDeps, 'act'>, action: Action): Route =>
  post(`/v1/devices/:name/${action}`, async (request) => {
    const name = request.params.get('name') ?? '';
    if (!isBoardName(name)) return noBoard(name);
    const by = requesterIn(bodyOf(request));
    if (by === undefined)
      return failure('BAD_REQUEST', 'the body is empty or {"by":"WHO"}, WHO up to 64 of a-z 0-9 . _ @ -');
    const result = await deps.act(name, action, { by, force: bodyOf(request)?.['force'] === true });
    return result.ok ? json({ device: result.value } satisfies ActionResult) : refusal(name, result.error);
  });

/**
 * `POST /v1/devices/NAME/replace`, body `{"with":"worker-kube7"}`, also `by` and `"loseData":true` — `ActionResult`: the other
 * board, which is NAME now. 404 NOT_FOUND: no such board. 409 CONFLICT: as for actions.
 */
export const replaceRoute = (deps: Pick<AdminDeps, 'replace'>): Route =>
  post('/v1/devices/:name/replace', async (request) => {
    const name = request.params.get('name') ?? '';
    if (!isBoardName(name)) return noBoard(name);
    const [body, by] = [bodyOf(request), requesterIn(bodyOf(request))];
    const heir = body?.['with'];
    if (by === undefined || typeof heir !== 'string' || !isBoardName(heir))
      return failure(
        'BAD_REQUEST',
        'the body is {"with":"BOARD"}, with "by":"WHO" and "loseData":true if they are meant',
      );
    const result = await deps.replace(name, { heir, by, loseData: body?.['loseData'] === true });
    // Which of the two is not there, the detail says.
    return result.ok
      ? json({ device: result.value } satisfies ActionResult)
      : failure(result.error.code, result.error.detail);
  });

const refusal = (name: string, error: ActionProblem): Answer =>
  error.code === 'NOT_FOUND' ? noBoard(name) : failure(error.code, error.detail);
