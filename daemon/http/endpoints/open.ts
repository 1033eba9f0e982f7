/** Letting boards in by themselves for a while: for the unix socket only. */
import type { Problem, Result } from '../../../config/result.ts';
import { type Answer, failure, json } from '../answer.ts';
import { type Body, bodyOf, isWhole, requesterIn } from '../body.ts';
import { get, type HttpRequest, post, type Route } from '../router.ts';
import type { OpeningAnswer, OpeningRequest, OpeningView } from '../wire.ts';

export type OpenDeps = {
  readonly opening: () => OpeningView | null;
  /** Settles once it is on disk. `CONFLICT`: so many would not be let in; the detail says what to do. */
  readonly setOpening: (request: OpeningRequest) => Promise<Result<OpeningView | null, Problem<'CONFLICT'>>>;
};

export const openRoutes = (deps: OpenDeps): readonly Route[] => [
  get('/v1/admission/open', () => answer(deps.opening())),
  post('/v1/admission/open', async (request) => await setOpening(deps, request)),
];

const answer = (open: OpeningView | null): Answer => json({ open } satisfies OpeningAnswer);

const SECONDS_MAX = 24 * 3600;
const BOARDS_MAX = 1000;

/**
 * `POST /v1/admission/open`, body `{"boards":5,"seconds":600,"by":"anna"}` → `OpeningAnswer`: takes the place of what was open
 * before. `boards` 0 closes it. 400 BAD_REQUEST. 409 CONFLICT: more than `admission.limit` lets in; nothing was changed.
 */
async function setOpening(deps: OpenDeps, request: HttpRequest): Promise<Answer> {
  const wish = wishIn(bodyOf(request));
  if (wish === undefined)
    return failure(
      'BAD_REQUEST',
      `the body is {"boards":0 to ${BOARDS_MAX},"seconds":1 to ${SECONDS_MAX},"by":"WHO"}, WHO up to 64 of a-z 0-9 . _ @ -`,
    );
  const set = await deps.setOpening(wish);
  return set.ok ? answer(set.value) : failure(set.error.code, set.error.detail);
}

function wishIn(body: Body | undefined): OpeningRequest | undefined {
  const [boards, seconds, by] = [body?.['boards'], body?.['seconds'], requesterIn(body)];
  if (by === undefined || !isWhole(boards, 0, BOARDS_MAX) || !isWhole(seconds, 1, SECONDS_MAX)) return undefined;
  return { boards, seconds, by };
}
