/** The edge: node:http on a unix socket or a TCP address. Whatever a client sends, the process goes on. */
import { chmod } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Ipv4, type Millis, parseIpv4, seconds } from '../../config/values.ts';
import type { Log } from '../ports.ts';
import type { Count, Outcome } from '../traffic/counts.ts';
import type { Gate } from '../traffic/gate.ts';
import { type Answer, failure } from './answer.ts';
import { createFileSender, type SendFile } from './file-sender.ts';
import { respond } from './respond.ts';
import { dispatch, type HttpClient, type HttpHeaders, headerNames, type Route } from './router.ts';
import { clearStaleSocket } from './socket.ts';

export type HttpOptions = {
  /** `port` 0: any free one. */
  readonly listen: { readonly socket: string } | { readonly address: Ipv4; readonly port: number };
  readonly routes: readonly Route[];
  readonly log: Log;
  /** Aborted: no new connections, the open ones are cut, `closed` settles. */
  readonly signal: AbortSignal;
  /** Bytes of a request's body; 16 KiB if not given. */
  readonly maxBody?: number;
  /** A connection on which nothing moves for this long is cut; 60 s if not given. */
  readonly idle?: Millis;
  /** Open connections of one address; 48 if not given. One host must not keep the others' installers out. */
  readonly perClient?: number;
  /** Who has room beside `strangersMax` connections of all others (256 if not given). Default: all. */
  readonly isKnown?: (address: Ipv4) => boolean;
  readonly strangersMax?: number;
  /** Whether requests of this address are answered now; the others get 429. Default: all are. */
  readonly admit?: Gate<Ipv4>;
  readonly count?: Count;
  /** See `Sending`; 15 s if not given. */
  readonly heartbeat?: Millis;
};

export type HttpServer = {
  /** 0 on a unix socket. */
  readonly port: number;
  /** Settles once every connection is closed and every handler has ended. Never rejects. */
  readonly closed: Promise<void>;
};

export type ListenProblem = Problem<'ADDRESS_IN_USE' | 'CANNOT_LISTEN'>;

/**
 * Settles once it listens. A unix socket gets mode 0660; one that a dead process left behind is replaced, one on which
 * somebody answers is ADDRESS_IN_USE.
 */
export async function serveHttp(options: HttpOptions): Promise<Result<HttpServer, ListenProblem>> {
  const { listen, log, signal } = options;
  if (signal.aborted) return problem('CANNOT_LISTEN', 'stopped before it listened');
  if ('socket' in listen) {
    const cleared = await clearStaleSocket(listen.socket);
    if (!cleared.ok) return cleared;
  }
  const idle = options.idle ?? seconds(60);
  const sendFile = createFileSender(idle);
  const running = new Set<Promise<void>>();
  const server = createServer(
    {
      maxHeaderSize: 8 * 1024,
      requestTimeout: seconds(30),
      headersTimeout: seconds(10),
      keepAliveTimeout: seconds(5),
      connectionsCheckingInterval: seconds(5),
    },
    (request, response) => {
      const exchange = answerRequest({ ...options, sendFile }, request, response).finally(() =>
        running.delete(exchange),
      );
      running.add(exchange);
    },
  );
  server.maxConnections = connectionsMax;
  limitClients(server, options);
  server.on('drop', () => options.count?.('capacity'));
  server.setTimeout(idle, (socket) => socket.destroy());
  server.on('clientError', (error, socket) => {
    log.debug('http: not a request', { error: error.message });
    options.count?.('malformed');
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    else socket.destroy();
  });
  const listening = await startListening(server, listen);
  if (!listening.ok) return listening;
  server.on('error', (error) => log.error('http: server error', { error: error.message }));
  const closed = new Promise<void>((resolve) => {
    server.on('close', resolve);
    const stop = (): void => {
      server.close();
      server.closeAllConnections();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  }).then(async () => {
    await Promise.allSettled(running);
  });
  const bound = server.address();
  return ok({ port: typeof bound === 'object' && bound !== null ? bound.port : 0, closed });
}

const connectionsMax = 512;

/** A unix socket has no addresses, and only the owner's programs on it. */
function limitClients(server: Server, options: HttpOptions): void {
  const { perClient = 48, strangersMax = connectionsMax / 2, isKnown = () => true } = options;
  const open = new Map<string, number>();
  let strangers = 0;
  server.on('connection', (socket) => {
    const { remoteAddress: address } = socket;
    if (address === undefined) return;
    const parsed = parseIpv4(address);
    const stranger = parsed.ok && isKnown(parsed.value) ? 0 : 1;
    const count = (open.get(address) ?? 0) + 1;
    open.set(address, count);
    strangers += stranger;
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
      strangers -= stranger;
    });
    if (count <= perClient && strangers * stranger <= strangersMax) return;
    options.count?.('capacity');
    socket.destroy();
  });
}

async function startListening(server: Server, listen: HttpOptions['listen']): Promise<Result<void, ListenProblem>> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const ready = (): void => {
        server.off('error', reject);
        resolve();
      };
      if ('socket' in listen) server.listen({ path: listen.socket }, ready);
      else server.listen({ host: listen.address, port: listen.port, backlog: 512 }, ready);
    });
    if ('socket' in listen) await chmod(listen.socket, 0o660);
    return ok(undefined);
  } catch (error) {
    server.close();
    const detail = error instanceof Error ? error.message : String(error);
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    return problem(taken ? 'ADDRESS_IN_USE' : 'CANNOT_LISTEN', detail);
  }
}

/** Never rejects. */
async function answerRequest(
  options: HttpOptions & { readonly sendFile: SendFile },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { log } = options;
  const gone = new AbortController();
  response.on('close', () => gone.abort(new Error('the client is gone')));
  response.on('error', (error) => log.debug('http: answer broke off', { error: error.message }));
  try {
    const answer = isFlood(options, request) ? tooMany : await answerTo(options, request);
    options.count?.(outcomeOf(answer));
    const head = request.method === 'HEAD';
    const { heartbeat = seconds(15), sendFile } = options;
    await respond(response, answer, { head, signal: gone.signal, heartbeat, sendFile });
  } catch (error) {
    // Headers are out or the client is gone: cutting is the only way left to say that it is not whole.
    if (!gone.signal.aborted) log.warn('http: answer broke off', { url: request.url?.slice(0, 200), error });
    response.destroy();
  }
}

function isFlood({ admit }: HttpOptions, request: IncomingMessage): boolean {
  const address = parseIpv4(clientOf(request).address);
  return address.ok && admit?.(address.value) === 'flood';
}

/** Its body is not read: the connection goes with it. */
const tooMany: Answer = {
  ...failure('TOO_MANY', 'too many requests from this address: ask again in a second'),
  headers: { connection: 'close', 'retry-after': '1' },
};

function outcomeOf(answer: Answer): Outcome {
  const status = answer.kind === 'content' ? answer.status : 200;
  if (status === 429) return 'flood';
  if (status === 400 || status === 413) return 'malformed';
  if (status === 500) return 'failed';
  return status >= 400 ? 'refused' : 'answered';
}

/** Never rejects, except for a request that breaks off. */
async function answerTo(options: HttpOptions, request: IncomingMessage): Promise<Answer> {
  const body = await readBody(request, options.maxBody ?? 16 * 1024);
  if (body === undefined) {
    return { ...failure('TOO_LARGE', 'the body is too large'), headers: { connection: 'close' } };
  }
  const [path = '', ...query] = (request.url ?? '').split('?');
  try {
    return await dispatch(options.routes, {
      method: request.method ?? '',
      path,
      query: new URLSearchParams(query.join('?')),
      body,
      headers: headersOf(request),
      client: clientOf(request),
    });
  } catch (error) {
    options.log.error('http: handler failed', { method: request.method, path: path.slice(0, 200), error });
    return failure('INTERNAL', 'the daemon could not do this; its log says why');
  }
}

/** Undefined if it is larger than `limit`; rejects if the client goes before its end. */
async function readBody(request: IncomingMessage, limit: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const headersOf = ({ headers }: IncomingMessage): HttpHeaders =>
  Object.fromEntries(
    headerNames.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );

/** IPv4 as itself also where the socket is IPv6. */
const clientOf = ({ socket }: IncomingMessage): HttpClient => ({
  address: socket.remoteAddress?.replace(/^::ffff:/, '') ?? 'local',
  port: socket.remotePort ?? 0,
});
