/** Method and path → handler. Pure: the socket is in `server.ts`. */
import { type Answer, failure } from './answer.ts';

export type HttpRequest = {
  readonly method: string;
  /** As sent, still percent-encoded, without the query. */
  readonly path: string;
  readonly params: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  /** At most `maxBody` of the server; empty for GET. */
  readonly body: string;
  readonly headers: HttpHeaders;
  /** Who asks: address and port on the LAN, `local` on a unix socket. */
  readonly client: HttpClient;
};
/** Those that anything depends on, as sent. */
export type HttpHeaders = Readonly<Partial<Record<HeaderName, string>>>;
export const headerNames = ['host', 'origin', 'cookie', 'last-event-id', 'x-bramble-csrf'] as const;
type HeaderName = (typeof headerNames)[number];
export type HttpClient = { readonly address: string; readonly port: number };

/** A rejected promise is answered with 500 and logged by the server. */
export type Handler = (request: HttpRequest) => Answer | Promise<Answer>;

export type Route = { readonly method: 'GET' | 'POST'; readonly pattern: string; readonly handle: Handler };

/** `pattern` is a path whose parts may be `:name`; a parameter is one non-empty decoded part. */
export const get = (pattern: string, handle: Handler): Route => ({ method: 'GET', pattern, handle });
export const post = (pattern: string, handle: Handler): Route => ({ method: 'POST', pattern, handle });

/** Answers from the first route that fits; HEAD is served by GET's handler (the body is dropped when it is sent). */
export async function dispatch(routes: readonly Route[], request: Omit<HttpRequest, 'params'>): Promise<Answer> {
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const allowed = new Set<string>();
  for (const route of routes) {
    const params = matchPath(route.pattern, request.path);
    if (params === undefined) continue;
    if (route.method === method) return await route.handle({ ...request, params });
    allowed.add(route.method);
    if (route.method === 'GET') allowed.add('HEAD');
  }
  if (allowed.size === 0) return failure('NOT_FOUND', `there is nothing at ${printable(request.path)}`);
  const allow = [...allowed].join(', ');
  const refusal = failure('METHOD_NOT_ALLOWED', `${printable(request.path)} takes ${allow}`);
  return { ...refusal, headers: { allow } };
}

/** The parameters of `path`, or undefined if it does not fit `pattern`. Never throws. */
export function matchPath(pattern: string, path: string): Map<string, string> | undefined {
  const wanted = pattern.split('/');
  const parts = path.split('/');
  if (wanted.length !== parts.length) return undefined;
  const params = new Map<string, string>();
  for (const [index, want] of wanted.entries()) {
    const part = parts[index] ?? '';
    if (!want.startsWith(':')) {
      if (want !== part) return undefined;
      continue;
    }
    const value = decoded(part);
    if (value === undefined || value === '') return undefined;
    params.set(want.slice(1), value);
  }
  return params;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

const printable = (path: string): string => JSON.stringify(path.slice(0, 100));
