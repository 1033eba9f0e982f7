/**
 * A Kubernetes client of one screen over node:https, for the lab's own small processes: twenty of them run at once, and a
 * full client library would cost each of them more memory than everything else together.
 */

import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';

type Metadata = {
  name?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generateName?: string;
  deletionTimestamp?: string;
  creationTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
};

/** An object of the API, as loosely as the wire has it; `T` names what the caller reads from it. */
export type ApiObject<T = unknown> = { apiVersion?: string; kind?: string; metadata: Metadata } & T;
type WatchEvent<T> = { readonly type: string; readonly object: ApiObject<T> };

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

type ApiClientOptions = {
  readonly server: string;
  /** Without it the server's certificate is not checked: for the first, anonymous step of discovery only. */
  readonly caPem?: string;
  readonly token?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly timeoutMs?: number;
};

type CallOptions = {
  readonly body?: unknown;
  readonly patch?: 'merge' | 'strategic-merge' | 'json';
  readonly signal?: AbortSignal;
};

export type ApiClient = {
  readonly call: <T>(method: string, path: string, options?: CallOptions) => Promise<ApiObject<T>>;
  /** Calls `onEvent` per event, in order, until the server or the signal ends the stream. */
  readonly watch: <T>(path: string, signal: AbortSignal, onEvent: (event: WatchEvent<T>) => void) => Promise<void>;
  /** Drops every connection, so that the next call opens a fresh one. */
  readonly reset: () => void;
};

/** A watched resource sends a bookmark a minute; after this long without a byte the link is dead. */
const watchSilenceMs = 90_000;

export function connect(options: ApiClientOptions): ApiClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const base: RequestOptions = {
    agent,
    rejectUnauthorized: options.caPem !== undefined,
    ...(options.caPem !== undefined && { ca: options.caPem }),
    ...(options.cert !== undefined && { cert: options.cert, key: options.key }),
  };
  const headers = {
    accept: 'application/json',
    ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
  };

  const send = (path: string, extra: RequestOptions, body = ''): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      // Quirk: of itself node:http gives a DELETE no length, and its body becomes the next request's first bytes.
      const length = { 'content-length': Buffer.byteLength(body) };
      const all = { ...base, ...extra, headers: { ...headers, ...extra.headers, ...length } };
      const sent = request(`${options.server}${path}`, all);
      sent.once('response', resolve).once('error', reject);
      const silent = (): void => void sent.destroy(new Error(`no answer from ${options.server}`));
      sent.setTimeout(extra.timeout ?? options.timeoutMs ?? 10_000, silent);
      sent.end(body);
    });

  const call = async <T>(method: string, path: string, how: CallOptions = {}): Promise<ApiObject<T>> => {
    const type = how.patch === undefined ? 'application/json' : `application/${how.patch}-patch+json`;
    const response = await send(
      path,
      { method, headers: { 'content-type': type }, ...(how.signal && { signal: how.signal }) },
      how.body === undefined ? '' : JSON.stringify(how.body),
    );
    const text = await readAll(response);
    if ((response.statusCode ?? 0) >= 400) throw toError(response.statusCode ?? 0, text);
    // /readyz and /healthz answer with the word "ok".
    return parse<ApiObject<T>>(text === 'ok' ? '{"metadata":{}}' : text);
  };

  const watch = async <T>(
    path: string,
    signal: AbortSignal,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void> => {
    const response = await send(path, { signal, timeout: watchSilenceMs });
    if ((response.statusCode ?? 0) >= 400) throw toError(response.statusCode ?? 0, await readAll(response));
    response.setEncoding('utf8');
    let rest = '';
    for await (const chunk of response) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const event = parse<WatchEvent<T> & { object: Failure }>(line);
        if (event.type === 'ERROR')
          throw new ApiError(event.object.code ?? 500, event.object.reason ?? '', 'watch ended');
        onEvent(event);
      }
    }
  };

  return { call, watch, reset: () => agent.destroy() };
}

type Failure = { readonly code?: number; readonly reason?: string; readonly message?: string };
const parse = <T>(text: string): T => JSON.parse(text) as T;

/** A server that is still starting answers without JSON. */
function toError(status: number, text: string): ApiError {
  try {
    const { reason, message } = parse<Failure>(text);
    return new ApiError(status, reason ?? '', message ?? text);
  } catch {
    return new ApiError(status, '', text.slice(0, 300));
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}
