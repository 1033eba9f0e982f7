/**
 * Stands for the supervisor of `k3s server`: its endpoints on the API server's port, its tokens and node passwords, in
 * front of a real kube-apiserver. Reproduced from k3s's source as it is since 1.34.2, not run against k3s itself.
 *
 *   main.ts FILE     FILE as `startK3sSupervisor` writes it; says `answers` on stdout once it does
 *
 * Not here: the tunnel (`/v1-k3s/connect`), other servers' endpoints (`/v1-k3s/token`, `server-bootstrap`, `encrypt`,
 * `cert`), connection upgrades (exec, port-forward), and letting a node in while Secrets cannot be written.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { StatusError, statusBody } from '../../lab/api-simulator/status.ts';
import { connect } from '../../lab/control-plane/api-client.ts';
import type { DataDirectory } from './data-directory.ts';
import { type Answer, agentEndpoints, agentGroups, publicEndpoints } from './endpoints.ts';
import { identify } from './identity.ts';
import { createInFlight } from './in-flight.ts';
import { type Orphans, ownPasswords, sweepOrphans } from './node-password.ts';
import { type ApiBehind, createForward } from './proxy.ts';

export type Site = {
  readonly files: DataDirectory;
  readonly behind: ApiBehind;
  readonly listen: { readonly host: string; readonly port: number };
  readonly address: string;
  readonly orphans: Orphans;
};

const largestRequest = 64 * 1024;
const notHere = /^\/v1-k3s\/(connect|token|server-bootstrap|encrypt\/|cert\/)/;

function serve({ files, behind, listen, address, orphans }: Site): void {
  const api = connect({ server: behind.server, caPem: behind.caPem, token: behind.adminToken });
  const forward = createForward(behind);
  const server = { files, api, address, port: listen.port };
  const open = publicEndpoints(server);
  const forAgents = agentEndpoints(server);
  const inFlight = createInFlight();

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? '/', 'https://supervisor');
    const free = open[pathname];
    if (free !== undefined) return send(response, 200, await free());
    const identity = await identify(request, files.password, api);
    const endpoint = forAgents[pathname.replace(/^\/v1-k3s\//, '')];
    if (notHere.test(pathname)) return send(response, 501, { type: 'text/plain', body: 'not in this stand-in\n' });
    if (endpoint === undefined || !pathname.startsWith('/v1-k3s/')) {
      // k3s runs the API server with --anonymous-auth=false.
      if (identity === undefined) throw new StatusError(401, 'Unauthorized', 'Unauthorized');
      return forward(request, response, identity);
    }
    if (!identity?.groups.some((group) => agentGroups.includes(group))) {
      throw new StatusError(403, 'Forbidden', 'forbidden');
    }
    const method = request.method ?? 'GET';
    const leave = inFlight.enter(method, identity);
    if (leave === undefined) {
      response.setHeader('retry-after', '1');
      return send(response, 429, { type: 'text/plain', body: 'Too many requests, please try again later.\n' });
    }
    try {
      const body = await readBody(request);
      send(response, 200, await endpoint({ method, headers: request.headers, body, identity }));
    } finally {
      leave();
    }
  };

  const tls = {
    cert: readFileSync(files.listenCert),
    key: readFileSync(files.listenKey),
    ca: readFileSync(files.clientCa.bundle),
    ...{ requestCert: true, rejectUnauthorized: false },
  };
  const listener = createServer(tls, (request, response) => {
    answer(request, response).catch((error: unknown) => refuse(response, error));
  });
  // A client that goes away in mid-handshake is its own business.
  listener.on('tlsClientError', () => undefined);
  // As long as Go's; five seconds, Node's own, end many a connection that a client is about to use.
  listener.keepAliveTimeout = 120_000;
  listener.listen(listen.port, listen.host, () => void process.stdout.write('answers\n'));
  const forEver = new AbortController().signal;
  void ownPasswords(api, forEver);
  void sweepOrphans(api, orphans, forEver);
}

function send(response: ServerResponse, code: number, { type, body }: Answer): void {
  response.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** As the API server words it; the connection closes (pkg/util/apierrors.go). */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  const why = error instanceof Error ? error.message : String(error);
  const { code, reason, message } =
    error instanceof StatusError
      ? error
      : { code: 500, reason: 'InternalError', message: `Internal error occurred: ${why}` };
  process.stdout.write(`${code} ${message}\n`);
  response.setHeader('connection', 'close');
  send(response, code, { type: 'application/json', body: `${JSON.stringify(statusBody(code, reason, message))}\n` });
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > largestRequest) throw new StatusError(400, 'BadRequest', 'the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const [siteFile = ''] = process.argv.slice(2);
serve(JSON.parse(readFileSync(siteFile, 'utf8')) as Site);
