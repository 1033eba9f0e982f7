/**
 * Everything that is not the supervisor's is the API server's, behind the same port. In k3s both are one program; here the
 * request goes on over TLS, and whoever came with a client certificate is impersonated.
 */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Agent, request as send } from 'node:https';
import { pipeline } from 'node:stream';
import type { Identity } from './identity.ts';

export type ApiBehind = { readonly server: string; readonly caPem: string; readonly adminToken: string };

/** RFC 9110 7.6.1: they concern this connection only. */
const hopByHop = ['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'host'];

export type Forward = (request: IncomingMessage, response: ServerResponse, identity: Identity | undefined) => void;

export function createForward({ server, caPem, adminToken }: ApiBehind): Forward {
  const agent = new Agent({ keepAlive: true, ca: caPem });
  return (request, response, identity) => {
    const headers = forwarded(request.headers, identity?.byCertificate === true ? identity : undefined, adminToken);
    const behind = send(`${server}${request.url}`, { agent, method: request.method ?? 'GET', headers });
    // A watch ends when its reader goes.
    response.once('close', () => behind.destroy());
    behind.once('error', () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(503).end('apiserver not ready\n');
    });
    behind.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      pipeline(answer, response, () => undefined);
    });
    pipeline(request, behind, () => undefined);
  };
}

function forwarded(
  given: IncomingHttpHeaders,
  identity: Identity | undefined,
  adminToken: string,
): OutgoingHttpHeaders {
  const kept = Object.entries(given).filter(([name]) => !hopByHop.includes(name) && !name.startsWith('impersonate-'));
  return {
    ...Object.fromEntries(kept),
    ...(identity !== undefined && {
      authorization: `Bearer ${adminToken}`,
      'impersonate-user': identity.user,
      'impersonate-group': [...identity.groups, 'system:authenticated'],
    }),
  };
}
