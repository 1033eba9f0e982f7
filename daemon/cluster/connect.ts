/** The way into the cluster, from a kubeconfig file that may come later, change, or be renewed. */
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent, type RequestOptions } from 'node:https';
import { ok, problem, type Result } from '../../config/result.ts';
import { type Access, type Api, type ApiProblem, type CountedApi, createApi } from './api.ts';
import { readPlainKubeconfig } from './plain-kubeconfig.ts';

export type Connection = CountedApi & {
  /** The server as the kubeconfig names it, and its certificate authority. */
  readonly endpoint: () => Promise<Result<ApiEndpoint, ApiProblem>>;
  /** `v1.34.2`, if the API answers and knows us. */
  readonly reachable: (signal: AbortSignal) => Promise<Result<string, ApiProblem>>;
  /** Drops every idle connection. */
  readonly close: () => void;
};
export type ApiEndpoint = { readonly server: string; readonly caPem: string };

type Loaded = { readonly access: Access; readonly endpoint: ApiEndpoint };

/** Reads nothing yet: the file is read with the first request, and again after the server refused us. */
export function connectCluster({ kubeconfig }: { readonly kubeconfig: string }): Connection {
  let loaded: Promise<Result<Loaded, ApiProblem>> | undefined;
  let agent: Agent | HttpAgent | undefined;
  const forget = (): void => {
    loaded = undefined;
    if (agent !== undefined) closeIdle(agent);
    agent = undefined;
  };
  const current = async (): Promise<Result<Loaded, ApiProblem>> => {
    loaded ??= load(kubeconfig, (made) => {
      agent = made;
    });
    const result = await loaded;
    if (!result.ok) loaded = undefined;
    return result;
  };
  const api = createApi({
    access: async () => {
      const result = await current();
      return result.ok ? ok(result.value.access) : result;
    },
    refused: forget,
  });
  return {
    ...api,
    endpoint: async () => {
      const result = await current();
      return result.ok ? ok(result.value.endpoint) : result;
    },
    reachable: (signal) => versionOf(api, signal),
    close: forget,
  };
}

/** `v1.34.2`, if the API answers and knows us. */
export async function versionOf(api: Api, signal: AbortSignal): Promise<Result<string, ApiProblem>> {
  const answer = await api.request('GET', '/version', { signal });
  if (!answer.ok) return answer;
  const version: unknown =
    typeof answer.value === 'object' && answer.value !== null ? Reflect.get(answer.value, 'gitVersion') : undefined;
  return typeof version === 'string' ? ok(version) : problem('API_FAILED', 'the server does not tell its version');
}

/** What is in use is left to its request, and closed after it. */
function closeIdle(agent: Agent | HttpAgent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

/** client-node costs 88 MB and a quarter of a second (measured): it is loaded for a kubeconfig that needs it. */
async function load(file: string, keep: (agent: Agent | HttpAgent) => void): Promise<Result<Loaded, ApiProblem>> {
  try {
    const text = await readFile(file, 'utf8');
    const plain = readPlainKubeconfig(text);
    if (plain !== undefined) {
      const { server, caPem, login } = plain;
      const isToken = 'token' in login;
      const tls = { ca: caPem, ...(!isToken && login) };
      const agent = new Agent({ keepAlive: true, ...tls });
      keep(agent);
      const headers = isToken ? { headers: { authorization: `Bearer ${login.token}` } } : {};
      return loaded(server, caPem, { ...tls, ...headers, agent });
    }
    const { KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromString(text);
    const cluster = config.getCurrentCluster();
    if (cluster === null) return problem('API_UNREACHABLE', `${file} names no cluster`);
    const applied: RequestOptions = {};
    await config.applyToHTTPSOptions(applied);
    const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized, auth } = applied;
    const tls = Object.fromEntries(
      Object.entries({ ca, cert, key, pfx, passphrase, servername, rejectUnauthorized }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    // client-node's own agent is undici's, which node:https cannot use.
    const agent = cluster.server.startsWith('http:')
      ? new HttpAgent({ keepAlive: true })
      : new Agent({ keepAlive: true, ...tls });
    keep(agent);
    const headers = applied.headers === undefined ? {} : { headers: applied.headers };
    const options: RequestOptions = { ...tls, ...headers, agent, ...(auth != null && { auth }) };
    const caPem = ca === undefined ? '' : String(ca);
    return loaded(cluster.server, caPem, options);
  } catch (error) {
    // The message of a YAML parser quotes the file, which holds a key: only the file's name is told.
    const missing = error instanceof Error && Reflect.get(error, 'code') === 'ENOENT';
    return problem(
      'API_UNREACHABLE',
      missing ? `there is no ${file} yet: bramble cluster install` : `${file} cannot be used as a kubeconfig`,
    );
  }
}

const loaded = (server: string, caPem: string, options: RequestOptions): Result<Loaded, ApiProblem> =>
  ok({ access: { server: server.replace(/\/$/, ''), options }, endpoint: { server, caPem } });
