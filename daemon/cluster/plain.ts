/** The way into a cluster without TLS and without accounts: Kubernetes 1.3 as kube-config installs it (facts 1.1). */
import { Agent } from 'node:http';
import { ok, problem, type Result } from '../../config/result.ts';
import { type ApiProblem, createApi } from './api.ts';
import { type Connection, versionOf } from './connect.ts';

/** `server`: `http://192.168.1.10:8080`; undefined while its address is not known. */
export function connectPlain({ server }: { readonly server: () => string | undefined }): Connection {
  const agent = new Agent({ keepAlive: true });
  const known = (): Result<string, ApiProblem> => {
    const url = server();
    return url === undefined
      ? problem('API_UNREACHABLE', 'the board that carries the cluster is not there yet')
      : ok(url);
  };
  const api = createApi({
    access: async () => {
      // Whoever opened the connection is through with what he was making, and can be asked.
      await undefined;
      const url = known();
      return url.ok ? ok({ server: url.value, options: { agent } }) : url;
    },
    refused: () => undefined,
  });
  return {
    ...api,
    endpoint: async () => {
      const url = known();
      return url.ok ? ok({ server: url.value, caPem: '' }) : url;
    },
    reachable: (signal) => versionOf(api, signal),
    close: () => agent.destroy(),
  };
}
