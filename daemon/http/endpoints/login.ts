/** A way into the status page for its owner: for the unix socket only. */
import { failure, json } from '../answer.ts';
import { post, type Route } from '../router.ts';
import type { LoginAnswer, LoginRequest } from '../wire.ts';

export type LoginDeps = {
  /** A code, and where the page is to be found: the name first. No `links`: nowhere yet, and no code. */
  readonly invite: (by: string) => Promise<LoginAnswer>;
};

/** `POST /v1/login`, body `{"by":"anna"}` → `LoginAnswer`; 503 NOT_READY. Unix socket only. */
export const loginRoute = (deps: LoginDeps): Route =>
  post('/v1/login', async ({ body }) => {
    const by = whoIn(body);
    if (by === undefined) return failure('BAD_REQUEST', 'the body is {"by":"WHO"}, WHO up to 64 of a-z 0-9 . _ @ -');
    const invited = await deps.invite(by);
    return invited.links.length === 0
      ? failure('NOT_READY', 'the status page is not served yet: `bramble status` says what is missing')
      : json(invited satisfies LoginAnswer);
  });

function whoIn(body: string): string | undefined {
  try {
    const { by }: Partial<Record<keyof LoginRequest, unknown>> = Object(JSON.parse(body));
    return typeof by === 'string' && /^[\w.@-]{1,64}$/.test(by) ? by : undefined;
  } catch {
    return undefined;
  }
}
