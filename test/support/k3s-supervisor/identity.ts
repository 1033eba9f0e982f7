/** Who asks: by client certificate, by password, or by a token that the real API server knows. In k3s's order. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { StatusError } from '../../lab/api-simulator/status.ts';
import type { ApiClient, ApiObject } from '../../lab/control-plane/api-client.ts';

export type Identity = { readonly user: string; readonly groups: readonly string[]; readonly byCertificate: boolean };

type Review = ApiObject<{
  status?: { authenticated?: boolean; user?: { username?: string; groups?: readonly string[] } };
}>;

/** Undefined: nothing was shown. 401 if what was shown convinces nobody. */
export async function identify(
  request: IncomingMessage,
  password: string,
  api: ApiClient,
): Promise<Identity | undefined> {
  const socket = request.socket as TLSSocket;
  const shown = Object.keys(socket.getPeerCertificate() ?? {}).length > 0;
  if (shown && socket.authorized) return ofCertificate(socket);
  const [scheme = '', credentials = ''] = (request.headers.authorization ?? '').split(' ');
  const known =
    (/^basic$/i.test(scheme) ? ofPassword(credentials, password) : undefined) ??
    (/^bearer$/i.test(scheme) ? await ofToken(credentials, api) : undefined);
  if (known === undefined && (shown || scheme !== '')) throw new StatusError(401, 'Unauthorized', 'not authorized');
  return known;
}

function ofCertificate(socket: TLSSocket): Identity {
  const { CN, O } = socket.getPeerCertificate().subject as { CN?: string; O?: string | string[] };
  return { user: CN ?? '', groups: [O ?? []].flat(), byCertificate: true };
}

/** `server/cred/passwd`: two users, one password unless `agent-token` is set. */
function ofPassword(credentials: string, password: string): Identity | undefined {
  const groups: Readonly<Record<string, string>> = { node: 'k3s:agent', server: 'k3s:server' };
  const [user = '', given] = Buffer.from(credentials, 'base64').toString().split(':');
  const group = groups[user];
  return group !== undefined && given === password ? { user, groups: [group], byCertificate: false } : undefined;
}

/** The API server's own judgement: it knows bootstrap tokens, and remembers one that it let in for ten seconds. */
async function ofToken(token: string, api: ApiClient): Promise<Identity | undefined> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec: { token } };
  const { status } = (await api.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body })) as Review;
  if (status?.authenticated !== true) return undefined;
  return { user: status.user?.username ?? '', groups: status.user?.groups ?? [], byCertificate: false };
}
