/** A cluster that holds one certificate request and the tokens that were made; it answers as it is told to. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { CertificateRequest } from '../../../daemon/join/approve.ts';
import type { JoinCluster } from '../../../daemon/join/cluster-port.ts';

export type Conditions = readonly { readonly type: string }[];

export function clusterDouble() {
  const asked: string[] = [];
  const decisions: { name: string; conditions: Conditions }[] = [];
  const tokens = new Set<string>();
  const stored = new Map<string, { metadata: { name: string; uid: string }; spec: object; status: object }>();
  let onRequest: (request: CertificateRequest) => void = () => undefined;
  /** Each is the answer to one request to change a certificate request; after them all goes well. */
  const failures: Result<never, Problem>[] = [];

  const request: JoinCluster['request'] = async (method, path, { body, signal }) => {
    signal.throwIfAborted();
    asked.push(`${method} ${path.split('/').slice(-2).join('/')}`);
    if (path.includes('/secrets')) {
      if (method === 'POST') {
        const { metadata }: { metadata?: { name?: string } } = Object(body);
        tokens.add(String(metadata?.name));
      }
      if (method === 'DELETE') tokens.delete(path.split('/').at(-1) ?? '');
      return ok({ items: [...tokens].map((name) => ({ metadata: { name } })) });
    }
    const failure = failures.shift();
    if (failure !== undefined) return failure;
    const name = decodeURIComponent(path.split('/')[5] ?? '');
    const found = stored.get(name);
    if (found === undefined) return problem('API_NOT_FOUND', name);
    if (method === 'PUT') {
      const { status }: { status: { conditions: Conditions } } = Object(body);
      decisions.push({ name, conditions: status.conditions });
      stored.set(name, { ...found, status });
    }
    return ok(found);
  };
  const cluster: JoinCluster = {
    request,
    readNode: async () => ok(undefined),
    node: () => undefined,
    onNodes: () => () => undefined,
    watchCsrs: (options) => {
      onRequest = options.onRequest;
      return new Promise((resolve) => {
        options.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
    releaseQuarantine: async () => ok(undefined),
    putQuarantine: async () => ok(undefined),
    deleteNode: async () => ok(undefined),
  };
  return {
    cluster,
    asked,
    decisions,
    tokens,
    failures,
    /** A board asks, and the watch tells. By the time that it is read, it may be another one. */
    ask: (csr: CertificateRequest, { request = csr.request, status = {} } = {}): void => {
      const { name, uid } = csr;
      stored.set(name, { metadata: { name, uid }, spec: { request }, status });
      onRequest(csr);
    },
  };
}
