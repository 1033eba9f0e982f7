/** Planned work on boards: for the unix socket only. */
import type { Problem, Result } from '../../../config/result.ts';
import { type Answer, failure, json } from '../answer.ts';
import { type Body, bodyOf, requesterIn } from '../body.ts';
import { get, type HttpRequest, post, type Route } from '../router.ts';
import type {
  ActionResult,
  DeviceView,
  DrainRequest,
  PowerView,
  ShutdownRequest,
  StartupRequest,
  UncordonRequest,
} from '../wire.ts';
import { isBoardName, noBoard } from './read.ts';

/** `CONFLICT`: it cannot be done so; the detail says why, and what can. Nothing was changed. */
type PowerProblem = Problem<'NOT_FOUND' | 'CONFLICT'>;

export type PowerRoutesDeps = {
  readonly power: () => PowerView;
  /** These settle once it is on disk. */
  readonly shutdown: (asked: ShutdownRequest) => Promise<Result<PowerView, PowerProblem>>;
  readonly startup: (asked: StartupRequest) => Promise<Result<PowerView, PowerProblem>>;
  readonly drain: (name: string, asked: DrainRequest) => Promise<Result<DeviceView, PowerProblem>>;
  readonly uncordon: (name: string, asked: UncordonRequest) => Promise<Result<DeviceView, PowerProblem>>;
};

const BOARDS_MAX = 1000;

export const powerRoutes = (deps: PowerRoutesDeps): readonly Route[] => [
  get('/v1/power', () => json(deps.power() satisfies PowerView)),
  post('/v1/power/shutdown', async (request) => await shutdown(deps, request)),
  post('/v1/power/startup', async (request) => await startup(deps, request)),
  post('/v1/devices/:name/drain', async (request) => await drain(deps, request)),
  post('/v1/devices/:name/uncordon', async (request) => await uncordon(deps, request)),
];

const answer = (result: Result<PowerView, PowerProblem>): Answer =>
  result.ok ? json(result.value satisfies PowerView) : failure(result.error.code, result.error.detail);

/**
 * `POST /v1/power/shutdown`, body `{"boards":["worker-kube1"]}` or `{"all":true}`, also `"keepMaster":true`, `"force":true`,
 * `"deleteData":true`, `"by":"anna"` → `PowerView`: it is begun, and goes on by itself. 400, 404, 409 CONFLICT: nothing was begun.
 */
async function shutdown(deps: PowerRoutesDeps, request: HttpRequest): Promise<Answer> {
  const asked = bodyOf(request);
  const boards = namesIn(asked);
  const [by, all] = [requesterIn(asked), isSet(asked, 'all')];
  if (by === undefined || boards === undefined || all === boards.length > 0)
    return failure('BAD_REQUEST', 'the body is {"boards":["NAME"]} or {"all":true}, and "by":"WHO"');
  const [keepMaster, force, deleteData] = [
    isSet(asked, 'keepMaster'),
    isSet(asked, 'force'),
    isSet(asked, 'deleteData'),
  ];
  return answer(await deps.shutdown({ by, all, boards, keepMaster, force, deleteData }));
}

/** `POST /v1/power/startup`, body `{}` or `{"boards":["worker-kube1"]}`, also `"by":"anna"` → `PowerView`. 400, 404, 409 as above. */
async function startup(deps: PowerRoutesDeps, request: HttpRequest): Promise<Answer> {
  const asked = bodyOf(request);
  const [by, boards] = [requesterIn(asked), namesIn(asked)];
  if (by === undefined || boards === undefined)
    return failure('BAD_REQUEST', 'the body is {} or {"boards":["NAME"]}, and "by":"WHO"');
  return answer(await deps.startup({ by, boards }));
}

/**
 * `POST /v1/devices/NAME/drain`, body empty or `{"force":true,"deleteData":true,"by":"anna"}` → `ActionResult`: it is begun.
 * 404 NOT_FOUND. 409 CONFLICT: not in this state, or a pod is not sent away without these.
 */
async function drain(deps: PowerRoutesDeps, request: HttpRequest): Promise<Answer> {
  const how = { force: isSet(bodyOf(request), 'force'), deleteData: isSet(bodyOf(request), 'deleteData') };
  return await onBoard(request, (name, by) => deps.drain(name, { by, ...how }));
}

/** `POST /v1/devices/NAME/uncordon`, body empty or `{"force":true,"by":"anna"}` → `ActionResult`. 404. 409: somebody else's cordon. */
async function uncordon(deps: PowerRoutesDeps, request: HttpRequest): Promise<Answer> {
  const force = isSet(bodyOf(request), 'force');
  return await onBoard(request, (name, by) => deps.uncordon(name, { by, force }));
}

async function onBoard(
  request: HttpRequest,
  act: (name: string, by: string) => Promise<Result<DeviceView, PowerProblem>>,
): Promise<Answer> {
  const name = request.params.get('name') ?? '';
  if (!isBoardName(name)) return noBoard(name);
  const by = requesterIn(bodyOf(request));
  if (by === undefined)
    return failure('BAD_REQUEST', 'the body is empty or JSON, "by":"WHO" up to 64 of a-z 0-9 . _ @ -');
  const done = await act(name, by);
  if (done.ok) return json({ device: done.value } satisfies ActionResult);
  return done.error.code === 'NOT_FOUND' ? noBoard(name) : failure(done.error.code, done.error.detail);
}

const isSet = (body: Body | undefined, key: string): boolean => body?.[key] === true;

function namesIn(body: Body | undefined): readonly string[] | undefined {
  const boards = body?.['boards'] ?? [];
  if (!Array.isArray(boards) || boards.length > BOARDS_MAX) return undefined;
  const names = boards.filter((name): name is string => typeof name === 'string' && isBoardName(name));
  return names.length === boards.length ? names : undefined;
}
