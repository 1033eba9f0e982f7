/** One request: who, what, may they, and the answer. Knows HTTP's words but no sockets. */
import type { Pki } from '../control-plane/pki.ts';
import { authorize, type Identity, loadGrants } from './access.ts';
import { admit, issueCertificate, settleNode, settleTokens } from './controllers.ts';
import { jsonPatch, mergePatch, strategicMergePatch } from './patch.ts';
import { apiVersionOf, parseTarget, type Target } from './resources.ts';
import { type Filter, parseFilter } from './selector.ts';
import { StatusError } from './status.ts';
import type { Store, Stored } from './store.ts';

type ApiRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  readonly body: unknown;
  readonly identity: Identity;
};

export type Answer =
  | { readonly kind: 'object'; readonly code: number; readonly body: unknown }
  | { readonly kind: 'text'; readonly body: string }
  | { readonly kind: 'watch'; readonly target: Target; readonly filter: Filter; readonly since: number | undefined };

export type Context = { readonly store: Store; readonly pki: Pki };

const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
const grants = loadGrants();

export async function handle(request: ApiRequest, context: Context): Promise<Answer> {
  if (['/readyz', '/livez', '/healthz'].includes(request.path)) return { kind: 'text', body: 'ok' };
  if (request.path === '/version') return object(200, { major: '1', minor: '34', gitVersion: 'simulator' });
  const target = parseTarget(request.path);
  if (target === undefined) throw new StatusError(404, 'NotFound', 'the simulator does not have this resource');
  const { query, method } = request;
  const watching = ['true', '1'].includes(query.get('watch') ?? '');
  const reading = target.name !== '' ? 'get' : watching ? 'watch' : 'list';
  const verb = method === 'GET' ? reading : (verbs[method] ?? method);
  const fieldSelector = query.get('fieldSelector') ?? '';
  authorize(request.identity, { verb, target, fieldSelector }, grants);
  switch (verb) {
    case 'get':
      return object(200, context.store.get(target.resource, target.namespace, target.name));
    case 'list':
      return object(200, list(target, parseFilter(target, query), context.store));
    case 'watch': {
      const given = query.get('resourceVersion') ?? '';
      const since = given === '' || given === '0' ? undefined : Number(given);
      return { kind: 'watch', target, filter: parseFilter(target, query), since };
    }
    case 'create':
      return object(201, create(request, target, context));
    case 'update':
    case 'patch':
      return object(200, await change(request, target, context));
    case 'delete':
      return object(200, remove(request, target, context));
    default:
      throw new StatusError(405, 'MethodNotAllowed', `${method} is not supported`);
  }
}

const object = (code: number, body: unknown): Answer => ({ kind: 'object', code, body });

function list({ resource, definition }: Target, matches: Filter, store: Store): Record<string, unknown> {
  return {
    ...{ kind: `${definition.kind}List`, apiVersion: apiVersionOf(definition) },
    metadata: { resourceVersion: String(store.version()) },
    items: store.list(resource).filter(matches),
  };
}

function bodyOf({ body }: ApiRequest): Stored {
  if (typeof body !== 'object' || body === null || !('metadata' in body)) {
    throw new StatusError(400, 'BadRequest', 'the body is no object with metadata');
  }
  return body as Stored;
}

function create(request: ApiRequest, { resource, namespace }: Target, { store }: Context): Stored {
  const created = store.create(resource, namespace, admit(resource, bodyOf(request), request.identity));
  if (resource === 'secrets') settleTokens(store, Date.now());
  return created;
}

const patches: Readonly<Record<string, (target: unknown, patch: unknown) => unknown>> = {
  'application/merge-patch+json': mergePatch,
  'application/strategic-merge-patch+json': strategicMergePatch,
  'application/json-patch+json': jsonPatch,
};

async function change(request: ApiRequest, target: Target, { store, pki }: Context): Promise<Stored> {
  const { resource, namespace, name, subresource } = target;
  const before = store.get(resource, namespace, name);
  let wanted: Stored;
  if (request.method === 'PUT') {
    wanted = bodyOf(request);
  } else {
    const patch = patches[request.contentType];
    if (patch === undefined) throw new StatusError(415, 'UnsupportedMediaType', `no patch: ${request.contentType}`);
    // Without a version of its own a patch applies to whatever is there.
    const { resourceVersion: _, ...metadata } = before.metadata;
    const versionless = request.contentType === 'application/json-patch+json' ? before : { ...before, metadata };
    wanted = patch(versionless, request.body) as Stored;
  }
  // A subresource changes its part only, the main resource everything but the status.
  const part = subresource === '' ? { ...wanted, status: before['status'] } : { ...before, status: wanted['status'] };
  const after = { ...part, metadata: wanted.metadata };
  const stored = store.replace(resource, before, resource === 'nodes' ? settleNode(after) : after);
  if (resource === 'certificatesigningrequests' && subresource === 'approval') {
    await issueCertificate(store, name, pki);
  }
  return stored;
}

type DeleteOptions = { gracePeriodSeconds?: number; preconditions?: { uid?: string; resourceVersion?: string } };

function remove(request: ApiRequest, { resource, namespace, name }: Target, { store }: Context): Stored {
  const object = store.get(resource, namespace, name);
  const { gracePeriodSeconds, preconditions } = (request.body ?? {}) as DeleteOptions;
  for (const field of ['uid', 'resourceVersion'] as const) {
    if (preconditions?.[field] !== undefined && preconditions[field] !== object.metadata[field]) {
      throw new StatusError(409, 'Conflict', `the ${field} in the precondition is another one`);
    }
  }
  const bound = (object['spec'] as { nodeName?: string } | undefined)?.nodeName !== undefined;
  if (resource === 'pods' && bound && gracePeriodSeconds !== 0) {
    // Its kubelet finishes it.
    const metadata = { ...object.metadata, deletionTimestamp: new Date().toISOString().replace(/\.\d+/, '') };
    return store.replace(resource, object, { ...object, metadata });
  }
  const removed = store.remove(resource, namespace, name);
  if (resource === 'secrets') settleTokens(store, Date.now());
  return removed;
}
