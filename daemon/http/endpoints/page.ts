/**
 * Signing in to the status page, and what may be done there. A browser sends its cookie with whatever any page makes it send, and
 * a name of anybody's may lead to our address: so besides the cookie our own name, our own origin and a token that only our
 * own script can know are asked for.
 */
import { type Answer, failure, json, nothing } from '../answer.ts';
import { get, type Handler, type HttpRequest, post, type Route } from '../router.ts';
import { isSameText, type Session, type Sessions, sessionLife } from '../sessions.ts';
import type { SessionAnswer } from '../wire.ts';
import { type AdminDeps, ownerActionRoute, replaceRoute } from './admin.ts';
import { type PowerRoutesDeps, powerRoutes } from './power.ts';

export type PageDeps = {
  readonly sessions: Sessions;
  /** What was done on the page, or who came in, for the events. Settles once it is on disk. */
  readonly record: (name: `page-${string}`, reason: string) => Promise<void>;
};

export type PageApiDeps = PageDeps & Pick<AdminDeps, 'act' | 'replace'> & PowerRoutesDeps;

const cookieName = 'bramble-session';

/**
 * What the page has beyond reading, under the names that this server is known by (`hosts`: as in a Host header).
 * `GET /v1/session` → `SessionAnswer`. `POST /v1/session` `{"code":"…"}` → the same, with the cookie: 403 FORBIDDEN for a code that
 * is none, was used, or is too old; 429 after too many of them. `POST /v1/session/end` → 204. With a session also
 * `POST /v1/devices/NAME/accept`, `reinstall`, `locate`, `replace` and `POST /v1/power/shutdown` of boards, as on the unix socket;
 * nothing is forced from here, and data that would be lost with a board are given up on the command line only.
 */
export function pageApi(deps: PageApiDeps, hosts: readonly string[]): readonly Route[] {
  const { sessions, record } = deps;
  const shutdown = powerRoutes(deps).filter(({ pattern }) => pattern === '/v1/power/shutdown');
  const deeds = [
    ...(['accept', 'reinstall', 'locate'] as const).map((action) => ownerActionRoute(deps, action)),
    replaceRoute(deps),
    ...shutdown,
  ];
  return [
    get('/v1/session', (request) => {
      if (strangeHost(request, hosts)) return wrongName;
      return json({ session: shown(sessionOf(request, sessions)) } satisfies SessionAnswer);
    }),
    post('/v1/session', async (request) => await begin(deps, hosts, request)),
    post('/v1/session/end', (request) => {
      const refused = refusal(request, hosts, sessions);
      if (refused !== undefined) return refused;
      sessions.end(tokenOf(request) ?? '');
      return nothing;
    }),
    ...deeds.map((route) => ({ ...route, handle: asSession(route, { sessions, record, hosts }) })),
  ];
}

async function begin({ sessions, record }: PageDeps, hosts: readonly string[], request: HttpRequest): Promise<Answer> {
  const refused = strangeHost(request, hosts) ? wrongName : strangeOrigin(request) ? wrongOrigin : undefined;
  if (refused !== undefined) return refused;
  const code = fieldsOf(request.body)?.['code'];
  if (typeof code !== 'string' || code.length > 128) return failure('BAD_REQUEST', 'the body is {"code":"…"}');
  const { address } = request.client;
  const redeemed = sessions.redeem(code, address);
  if (redeemed === 'guessed') return failure('TOO_MANY', 'too many wrong codes from here: wait a minute');
  if (redeemed === 'unknown')
    return failure('FORBIDDEN', 'this link was used already, or is too old: `bramble login` prints another');
  const session = sessions.find(redeemed.token);
  await record('page-login', `${session?.by ?? ''} signed in on the status page from ${address}`);
  return {
    ...json({ session: shown(session) } satisfies SessionAnswer),
    headers: {
      'set-cookie': `${cookieName}=${redeemed.token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${sessionLife / 1000}`,
    },
  };
}

/** The fields that a page may fill in; who it is for is known. */
const pageFields = ['with', 'boards'];

const asSession =
  (
    { pattern, handle }: Route,
    { sessions, record, hosts }: PageDeps & { readonly hosts: readonly string[] },
  ): Handler =>
  async (request) => {
    const refused = refusal(request, hosts, sessions);
    const session = sessionOf(request, sessions);
    if (refused !== undefined || session === undefined) return refused ?? signIn;
    const wish = Object.entries(fieldsOf(request.body) ?? {}).filter(([name]) => pageFields.includes(name));
    const answer = await handle({ ...request, body: JSON.stringify({ ...Object.fromEntries(wish), by: session.by }) });
    const deed = pattern.slice(pattern.lastIndexOf('/') + 1);
    const done = answer.kind === 'content' && answer.status === 200;
    const target = [request.params.get('name') ?? '', ...wish.map(([name, value]) => `${name} ${textOf(value)}`)];
    const what = [deed, ...target]
      .filter((one) => one !== '')
      .join(' ')
      .slice(0, 200);
    const outcome = done ? 'asked for' : 'asked for in vain';
    await record(
      `page-${deed}`,
      `${what}: ${outcome} on the status page by ${session.by} from ${request.client.address}`,
    );
    return answer;
  };

/** Of what somebody sent: short, and without what is no plain text. */
const textOf = (value: unknown): string =>
  [value]
    .flat()
    .map((one) =>
      String(one)
        .replace(/[^\w.-]/g, '?')
        .slice(0, 63),
    )
    .slice(0, 20)
    .join(' ');

/** Why this request is not its owner's own, if it is not. */
function refusal(request: HttpRequest, hosts: readonly string[], sessions: Sessions): Answer | undefined {
  if (strangeHost(request, hosts)) return wrongName;
  if (strangeOrigin(request)) return wrongOrigin;
  const session = sessionOf(request, sessions);
  if (session === undefined) return signIn;
  return isSameText(request.headers['x-bramble-csrf'] ?? '', session.csrf) ? undefined : wrongOrigin;
}

const strangeHost = ({ headers }: HttpRequest, hosts: readonly string[]): boolean =>
  headers.host === undefined || !hosts.includes(headers.host.toLowerCase());
const strangeOrigin = ({ headers }: HttpRequest): boolean => headers.origin !== `http://${headers.host}`;

const wrongName = failure(
  'FORBIDDEN',
  'not a name of this master: open the page by the link that `bramble login` prints',
);
const wrongOrigin = failure('FORBIDDEN', 'this does not come from the status page: load it again');
const signIn = failure('FORBIDDEN', 'sign in first: `bramble login` on the master prints a link');

function tokenOf({ headers }: HttpRequest): string | undefined {
  const cookies = (headers.cookie ?? '').split(/; */).map((one) => one.split('='));
  return cookies.find(([name]) => name === cookieName)?.[1];
}

const sessionOf = (request: HttpRequest, sessions: Sessions): Session | undefined => {
  const token = tokenOf(request);
  return token === undefined ? undefined : sessions.find(token);
};

const shown = (session: Session | undefined): SessionAnswer['session'] =>
  session === undefined ? null : { by: session.by, csrf: session.csrf, secondsLeft: Math.ceil(session.left / 1000) };

function fieldsOf(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}
