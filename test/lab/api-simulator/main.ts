/**
 * A small stand-in for the Kubernetes API, for whoever has not got the real programs yet: HTTPS, and what a join needs and
 * no more. Not for judging anything by: the tests that count run against the real one.
 *
 *   main.ts DIRECTORY ADDRESS PORT     DIRECTORY as `prepareAccess` left it; says its port on stdout once it answers
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { renderKubeconfig } from '../control-plane/kubeconfig.ts';
import { makePki } from '../control-plane/pki.ts';
import { anonymous, authenticateToken, type Identity } from './access.ts';
import { missNodes, settleTokens } from './controllers.ts';
import { type Answer, type Context, handle } from './handler.ts';
import { StatusError, statusBody } from './status.ts';
import { createStore, type Store, type Stored, type StoreEvent } from './store.ts';

const bookmarkMs = 60_000;
const cleanMs = 1000;
const maximumBody = 1 << 20;

function readTokens(file: string): Map<string, Identity> {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return new Map(
    lines.map((line) => {
      const [token = '', user = '', , groups = ''] = line.split(',');
      return [token, { user, groups: [...JSON.parse(groups).split(','), 'system:authenticated'] }];
    }),
  );
}

function identify(request: IncomingMessage, tokens: ReadonlyMap<string, Identity>, store: Store): Identity {
  const socket = request.socket as TLSSocket;
  if (socket.authorized) {
    const { CN, O } = socket.getPeerCertificate().subject as { CN?: string; O?: string | string[] };
    return { user: CN ?? '', groups: ['system:authenticated', ...[O ?? []].flat()] };
  }
  const { authorization } = request.headers;
  if (authorization === undefined) return anonymous;
  return authenticateToken(authorization.replace(/^Bearer /i, ''), tokens, store, Date.now());
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > maximumBody) throw new StatusError(400, 'BadRequest', 'the body is too large');
  }
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } catch {
    throw new StatusError(400, 'BadRequest', 'the body is no JSON');
  }
}

type Watch = Extract<Answer, { kind: 'watch' }>;

function streamEvents(
  { target, filter, since }: Watch,
  query: URLSearchParams,
  response: ServerResponse,
  store: Store,
): void {
  const write = (type: string, object: unknown): void => void response.write(`${JSON.stringify({ type, object })}\n`);
  // An object that stops matching is gone for this watcher.
  const known = new Set<string | undefined>();
  const forward = ({ type, object }: StoreEvent): void => {
    const { uid } = object.metadata;
    const matches = filter(object) && type !== 'DELETED';
    if (matches) write(known.has(uid) || type === 'MODIFIED' ? 'MODIFIED' : 'ADDED', object);
    else if (known.has(uid) || filter(object)) write('DELETED', object);
    if (matches) known.add(uid);
    else known.delete(uid);
  };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  if (since === undefined) {
    for (const object of store.list(target.resource).filter(filter))
      forward({ type: 'ADDED', resource: target.resource, object });
  }
  let leave = (): void => undefined;
  try {
    leave = store.follow(target.resource, since ?? store.version(), forward);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    write('ERROR', statusBody(error.code, error.reason, error.message));
    response.end();
    return;
  }
  const { kind, group, version } = target.definition;
  const bookmark = (): void =>
    write('BOOKMARK', {
      ...{ kind, apiVersion: group === '' ? version : `${group}/${version}` },
      metadata: { resourceVersion: String(store.version()) },
    });
  const bookmarks = query.get('allowWatchBookmarks') === 'true' ? setInterval(bookmark, bookmarkMs) : undefined;
  const end = setTimeout(() => response.end(), Number(query.get('timeoutSeconds') ?? 1800) * 1000);
  response.once('close', () => {
    leave();
    clearInterval(bookmarks);
    clearTimeout(end);
  });
}

async function serve(directory: string, address: string, port: number): Promise<void> {
  const pki = await makePki(join(directory, 'pki'), []);
  const tokens = readTokens(join(directory, 'tokens.csv'));
  const store = createStore();
  const context: Context = { store, pki };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname: path, searchParams: query } = new URL(request.url ?? '/', 'https://simulator');
    const identity = identify(request, tokens, store);
    const body = await readBody(request);
    const contentType = request.headers['content-type']?.split(';')[0] ?? '';
    const result = await handle({ method: request.method ?? 'GET', path, query, contentType, body, identity }, context);
    switch (result.kind) {
      case 'object':
        return send(response, result.code, result.body);
      case 'text':
        return void response.end(result.body);
      case 'watch':
        return streamEvents(result, query, response, store);
    }
  };
  const key = readFileSync(pki.serverKey);
  const tls = { cert: readFileSync(pki.serverCert), key, ca: pki.caPem, requestCert: true, rejectUnauthorized: false };
  const server = createServer(tls, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy();
      const known =
        error instanceof StatusError ? error : { code: 500, reason: 'InternalError', message: String(error) };
      send(response, known.code, statusBody(known.code, known.reason, known.message));
    });
  });
  // A client that goes away in mid-handshake is its own business.
  server.on('tlsClientError', () => undefined);
  server.listen(port, address, () => {
    const own = (server.address() as AddressInfo).port;
    const kubeconfig = renderKubeconfig(`https://${address}:${own}`, pki.caPem);
    const info: Stored = { metadata: { name: 'cluster-info' }, data: { kubeconfig } };
    store.create('configmaps', 'kube-public', info);
    setInterval(() => {
      settleTokens(store, Date.now());
      missNodes(store, Date.now());
    }, cleanMs);
    process.stdout.write(`${own}\n`);
  });
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const [directory = '', address = '', port = ''] = process.argv.slice(2);
await serve(directory, address, Number(port));
