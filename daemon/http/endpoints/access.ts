/** Ways into the cluster for people: for the unix socket only. */
import type { Problem, Result } from '../../../config/result.ts';
import { failure, json } from '../answer.ts';
import { type Body, bodyOf, isPerson, isWhole, requesterIn } from '../body.ts';
import { post, type Route } from '../router.ts';
import type { AccessAnswer, AccessRequest } from '../wire.ts';

export type AccessDeps = {
  /** Settles once it is on record. `BAD_REQUEST`: not such a request. `FORBIDDEN`: the cluster lets the daemon not do it. */
  readonly giveAccess: (
    request: AccessRequest,
  ) => Promise<Result<AccessAnswer, Problem<'BAD_REQUEST' | 'FORBIDDEN' | 'NOT_READY'>>>;
};

const daysMax = 3650;

/**
 * `POST /v1/access`, body `{"user":"anna","request":"-----BEGIN CERTIFICATE REQUEST…","days":365,"by":"anna"}` →
 * `AccessAnswer`. 400 BAD_REQUEST: the request has to name exactly that user, in the group `bramble:admins`. 403 FORBIDDEN:
 * the daemon's account lacks the right. 503 NOT_READY: the cluster does not answer, or does not sign.
 */
export const accessRoute = (deps: AccessDeps): Route =>
  post('/v1/access', async (request) => {
    const wish = wishIn(bodyOf(request));
    if (wish === undefined)
      return failure(
        'BAD_REQUEST',
        `the body is {"user":"WHOM","request":"PEM","days":1 to ${daysMax},"by":"WHO"}, both up to 64 of a-z A-Z 0-9 . _ @ -`,
      );
    const given = await deps.giveAccess(wish);
    return given.ok ? json(given.value) : failure(given.error.code, given.error.detail);
  });

/** A name without a colon: what begins with `system:` means something to the cluster. */
function wishIn(body: Body | undefined): AccessRequest | undefined {
  const [user, request, days, by] = [body?.['user'], body?.['request'], body?.['days'], requesterIn(body)];
  if (by === undefined || !isPerson(user) || typeof request !== 'string' || !isWhole(days, 1, daysMax))
    return undefined;
  return { user, request, days, by };
}
