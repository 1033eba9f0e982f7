/**
 * Requests to the Kubernetes API over node:https with one keep-alive agent. Watches need control over every byte and
 * second (facts 5.2), so they and the few single requests share this one way in.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { err, ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Millis, seconds } from '../../config/values.ts';
import { field, list } from './watch-event.ts';

export type ApiCode =
  | 'API_UNREACHABLE'
  | 'API_UNAUTHORIZED'
  | 'API_FORBIDDEN'
  | 'API_NOT_FOUND'
  | 'API_CONFLICT'
  | 'API_GONE'
  | 'API_INVALID'
  | 'API_BUSY'
  | 'API_FAILED';
export type ApiProblem = Problem<ApiCode> & {
  /** Of a Status object: what it names as causes, such as `DisruptionBudget`. */
  readonly causes?: readonly string[];
  /** When the server would like to be asked again. */
  readonly retryAfter?: Millis;
};

export type RequestMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type CallOptions = {
  readonly body?: unknown;
  readonly accept?: string;
  readonly signal: AbortSignal;
  /** Without a byte for so long the request fails: 10 s unless given. */
  readonly timeout?: Millis;
};

/** Where the server is and who we are: TLS options and an authorization header. */
export type Access = { readonly server: string; readonly options: RequestOptions };
/** Calls again after `refused`, so that renewed credentials are read (facts 5.6). */
export type AccessSource = {
  readonly access: () => Promise<Result<Access, ApiProblem>>;
  readonly refused: () => void;
};

export type StreamOptions = {
  readonly signal: AbortSignal;
  /** Silence for so long ends the stream with API_UNREACHABLE: the link is dead. */
  readonly inactivity: Millis;
  /** The server said yes: from now on it tells. */
  readonly onOpen?: () => void;
  readonly onChunk: (chunk: Buffer) => void;
};

export type Api = {
  /** The parsed JSON of a 2xx answer. PATCH sends a JSON patch (RFC 6902). Throws the signal's reason. */
  readonly request: (method: RequestMethod, path: string, options: CallOptions) => Promise<Result<unknown, ApiProblem>>;
  /** Reads a long answer chunk by chunk; `ok` when the server ended it in order. What `onChunk` throws ends it, thrown. */
  readonly stream: (path: string, options: StreamOptions) => Promise<Result<void, ApiProblem>>;
};

/** How often something was asked since the start: a watch of minutes is one. */
export type ApiCounts = Readonly<Record<RequestMethod | 'WATCH', number>>;
export type CountedApi = Api & { readonly asked: () => ApiCounts };

const answerLimit = 64 * 1024 * 1024;
const defaultTimeout = seconds(10);

export function createApi(source: AccessSource): CountedApi {
  const counts = { GET: 0, POST: 0, PUT: 0, PATCH: 0, DELETE: 0, WATCH: 0 };
  const send = async (path: string, how: Sending): Promise<Result<IncomingMessage, ApiProblem>> => {
    how.signal.throwIfAborted();
    const access = await source.access();
    if (!access.ok) return access;
    counts[path.includes('watch=1') ? 'WATCH' : how.method] += 1;
    const answer = await exchange(access.value, path, how);
    how.signal.throwIfAborted();
    if (!answer.ok) {
      // A renewed certificate authority or client certificate looks like a broken handshake.
      if (/certificate|alert|self.signed/i.test(answer.error.detail)) source.refused();
      return answer;
    }
    const status = answer.value.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    if (status === 401) source.refused();
    const text = await readAll(answer.value);
    return err({ ...refusalOf(status, text.ok ? text.value : ''), ...retryAfter(answer.value) });
  };

  const request: Api['request'] = async (method, path, { body, accept = 'application/json', signal, timeout }) => {
    const type = method === 'PATCH' ? 'application/json-patch+json' : 'application/json';
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      accept,
      ...(text !== undefined && { 'content-type': type, 'content-length': Buffer.byteLength(text) }),
    };
    const answer = await send(path, {
      ...{ method, headers, body: text, signal },
      timeout: timeout ?? defaultTimeout,
    });
    if (!answer.ok) return answer;
    const read = await readAll(answer.value);
    signal.throwIfAborted();
    return read.ok ? parseJson(read.value) : read;
  };

  const stream: Api['stream'] = async (path, { signal, inactivity, onOpen, onChunk }) => {
    const headers = { accept: 'application/json' };
    const answer = await send(path, {
      ...{ method: 'GET', headers, body: undefined, signal },
      timeout: inactivity,
    });
    if (!answer.ok) return answer;
    onOpen?.();
    const end = await readChunks(answer.value, onChunk);
    signal.throwIfAborted();
    return end;
  };
  return { request, stream, asked: () => counts };
}

type Sending = {
  readonly method: RequestMethod;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
  readonly timeout: Millis;
};

function exchange(
  { server, options }: Access,
  path: string,
  how: Sending,
): Promise<Result<IncomingMessage, ApiProblem>> {
  const { method, headers, body, signal, timeout } = how;
  return new Promise((resolve) => {
    const begin = server.startsWith('http:') ? httpRequest : httpsRequest;
    const sent = begin(`${server}${path}`, { ...options, method, signal, headers: { ...options.headers, ...headers } });
    sent.once('response', (response) => resolve(ok(response)));
    // Stays after the answer has begun: a reset in mid-stream is reported here as well, and must find a listener.
    sent.on('error', (error) => resolve(problem('API_UNREACHABLE', `${server}: ${error.message}`)));
    sent.setTimeout(timeout, () => void sent.destroy(new Error(`nothing heard for ${timeout} ms`)));
    sent.end(body);
  });
}

function readChunks(response: IncomingMessage, onChunk: (chunk: Buffer) => void): Promise<Result<void, ApiProblem>> {
  return new Promise((resolve, reject) => {
    response.on('data', (chunk: Buffer) => {
      try {
        onChunk(chunk);
      } catch (error) {
        reject(error);
        response.destroy();
      }
    });
    response.once('end', () => resolve(ok(undefined)));
    response.on('error', (error) => resolve(problem('API_UNREACHABLE', error.message)));
    response.once('close', () => resolve(problem('API_UNREACHABLE', 'the answer was cut off')));
  });
}

async function readAll(response: IncomingMessage): Promise<Result<string, ApiProblem>> {
  const chunks: Buffer[] = [];
  let size = 0;
  const end: Result<void, ApiProblem> = await readChunks(response, (chunk) => {
    size += chunk.length;
    if (size <= answerLimit) chunks.push(chunk);
    else response.destroy(new Error(`the answer is longer than ${answerLimit} bytes`));
  });
  return end.ok ? ok(Buffer.concat(chunks).toString('utf8')) : end;
}

function parseJson(text: string): Result<unknown, ApiProblem> {
  try {
    return ok(JSON.parse(text));
  } catch {
    return problem('API_FAILED', `no JSON: ${text.slice(0, 100)}`);
  }
}

/** From a Status object, or the beginning of whatever a proxy says instead. */
function refusalOf(status: number, text: string): ApiProblem {
  const parsed = parseJson(text);
  const said = parsed.ok ? parsed.value : undefined;
  const message = field(said, 'message');
  const causes = list(field(field(said, 'details'), 'causes')).map((cause) => field(cause, 'reason'));
  return {
    code: codeOf(status),
    detail: `${status} ${(typeof message === 'string' ? message : text).slice(0, 500)}`.trim(),
    causes: causes.filter((cause) => typeof cause === 'string'),
  };
}

/** Seconds; a date (RFC 9110 10.2.3) is nothing that this server sends. */
function retryAfter({ headers }: IncomingMessage): { readonly retryAfter?: Millis } {
  const said = headers['retry-after'];
  return said !== undefined && /^\d{1,5}$/.test(said) ? { retryAfter: seconds(Number(said)) } : {};
}

function codeOf(status: number): ApiCode {
  switch (status) {
    case 401:
      return 'API_UNAUTHORIZED';
    case 403:
      return 'API_FORBIDDEN';
    case 404:
      return 'API_NOT_FOUND';
    case 409:
      return 'API_CONFLICT';
    case 410:
      return 'API_GONE';
    case 422:
      return 'API_INVALID';
    case 429:
      return 'API_BUSY';
    default:
      return 'API_FAILED';
  }
}
