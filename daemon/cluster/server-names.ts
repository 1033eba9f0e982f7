/** Which names the API server's certificate is good for. */
import { checkServerIdentity, connect, type PeerCertificate } from 'node:tls';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { ApiEndpoint } from './connect.ts';

/** Whether a client that reaches the server by `host`, a name or an address, would take it for what it is. */
export type IsNamed = (host: string) => boolean;

const patienceMs = 5000;

/** Throws the signal's reason. */
export async function serverNames(
  { server, caPem }: ApiEndpoint,
  signal: AbortSignal,
): Promise<Result<IsNamed, Problem<'API_UNREACHABLE'>>> {
  signal.throwIfAborted();
  const url = new URL(server);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const socket = connect({
    ...{ host, port: Number(url.port || 443), timeout: patienceMs, ...(caPem !== '' && { ca: caPem }) },
    // Its names are what is asked for.
    checkServerIdentity: () => undefined,
  });
  const stop = (): void => void socket.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const certificate = await new Promise<PeerCertificate | string>((resolve) => {
      socket.once('secureConnect', () => resolve(socket.getPeerCertificate()));
      socket.once('timeout', () => resolve(`no answer within ${patienceMs / 1000} s`));
      socket.once('error', (error) => resolve(error.message));
      socket.once('close', () => resolve('the connection was closed'));
    });
    signal.throwIfAborted();
    return typeof certificate === 'string'
      ? problem('API_UNREACHABLE', `${server}: ${certificate}`)
      : ok((name) => checkServerIdentity(name, certificate) === undefined);
  } finally {
    signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}
