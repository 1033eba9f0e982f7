import type { Problem, Result } from '../../../config/result.ts';
import { type Answer, failure, json } from '../answer.ts';
import { type HttpRequest, post, type Route } from '../router.ts';
import { type Action, type ActionResult, actions, type DeviceView } from '../wire.ts';
import { type CardDeps, cardRoutes } from './cards.ts';
import { type ImageDeps, imageFilesRoute } from './image.ts';
import { lanApi } from './lan.ts';
import { isBoardName, noBoard, type ReadDeps, readyRoute } from './read.ts';

/** `CONFLICT`: the board's state does not allow it; the detail says what it is and what to do. */
export type ActionProblem = Problem<'NOT_FOUND' | 'CONFLICT'>;

export type AdminDeps = ReadDeps &
  ImageDeps &
  CardDeps & {
    /** Settles once it is committed, with the board as it then is. `by` is who asked, for the record. */
    readonly act: (name: string, action: Action, by: string) => Promise<Result<DeviceView, ActionProblem>>;
  };

/** The owner's API: what everybody may see, and more. Serve it on a unix socket only: whoever reaches it may do everything. */
export const adminApi = (deps: AdminDeps): readonly Route[] => [
  ...lanApi(deps),
  readyRoute(deps),
  ...actions.map((action) => actionRoute(deps, action)),
  imageFilesRoute(deps),
  ...cardRoutes(deps),
];

/**
 * `POST /v1/devices/NAME/ACTION`, body empty or `{"by":"anna"}` — `ActionResult`.
 * 404 NOT_FOUND: no such board. 409 CONFLICT: not in this state; nothing was changed.
 */
const actionRoute = (deps: AdminDeps, action: Action): Route =>
  post(`/v1/devices/:name/${action}`, async (request) => {
    const name = request.params.get('name') ?? '';
    if (!isBoardName(name)) return noBoard(name);
    const by = requester(request);
    if (by === undefined)
      return failure('BAD_REQUEST', 'the body is empty or {"by":"WHO"}, WHO up to 64 of a-z 0-9 . _ @ -');
    const result = await deps.act(name, action, by);
    return result.ok ? json({ device: result.value } satisfies ActionResult) : refusal(name, result.error);
  });

const refusal = (name: string, error: ActionProblem): Answer =>
  error.code === 'NOT_FOUND' ? noBoard(name) : failure(error.code, error.detail);

function requester(request: HttpRequest): string | undefined {
  if (request.body.trim() === '') return 'owner';
  try {
    const body: unknown = JSON.parse(request.body);
    const by = typeof body === 'object' && body !== null && 'by' in body ? body.by : 'owner';
    return typeof by === 'string' && /^[\w.@-]{1,64}$/.test(by) ? by : undefined;
  } catch {
    return undefined;
  }
}
