/**
 * Stand-in for the API server of Kubernetes 1.3, `docker run … /hyperkube apiserver`: plain HTTP on port 8080, no
 * authentication, Nodes and the components' health, nothing that came later. What it holds is in `etcd`, below
 * /var/lib/kubelet. A Node whose kubelet is silent for 4 s (in truth 40) is not known to be Ready.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { jsonPatch } from '../../../lab/api-simulator/patch.ts';
import { StatusError, statusBody } from '../../../lab/api-simulator/status.ts';

type Condition = { readonly type: string; readonly status: string; readonly lastHeartbeatTime?: string };
type Node = {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
};
type Change = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Node };

const etcd = '/var/lib/kubelet/etcd';
const address = readFileSync('/etc/board-address', 'utf8').trim();
const history: Change[] = [];
const watchers = new Set<(change: Change) => void>();
mkdirSync(etcd, { recursive: true });
const nodes = new Map<string, Node>(
  existsSync(`${etcd}/nodes`) ? JSON.parse(readFileSync(`${etcd}/nodes`, 'utf8')) : [],
);
let version = Math.max(1, ...[...nodes.values()].map(({ metadata }) => Number(metadata.resourceVersion)));

function commit(type: Change['type'], node: Node): Node {
  version += 1;
  const metadata = { ...node.metadata, resourceVersion: String(version) };
  const object = { ...node, apiVersion: 'v1', kind: 'Node', metadata };
  if (type === 'DELETED') nodes.delete(metadata.name);
  else nodes.set(metadata.name, object);
  writeFileSync(`${etcd}/nodes`, JSON.stringify([...nodes]));
  const change = { type, object };
  history.push(change);
  for (const tell of watchers) tell(change);
  return object;
}

function find(name: string): Node {
  const node = nodes.get(name);
  if (node === undefined) throw new StatusError(404, 'NotFound', `nodes "${name}" not found`);
  return node;
}

function watch(since: number, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  const tell = (change: Change): void => void response.write(`${JSON.stringify(change)}\n`);
  for (const change of history) if (Number(change.object.metadata.resourceVersion) > since) tell(change);
  watchers.add(tell);
  response.once('close', () => watchers.delete(tell));
}

const component = (name: string): unknown => ({
  metadata: { name },
  conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
});

function answer(method: string, url: URL, body: Record<string, unknown>): unknown {
  const { pathname } = url;
  if (pathname === '/') return { paths: ['/api', '/version'] };
  if (pathname === '/version') return { major: '1', minor: '3', gitVersion: 'v1.3.6' };
  if (pathname === '/api/v1/componentstatuses')
    return { items: ['scheduler', 'controller-manager', 'etcd-0'].map(component) };
  const [, name, status] = /^\/api\/v1\/nodes(?:\/([^/]+)(\/status)?)?$/.exec(pathname) ?? [undefined, 'none', 'none'];
  if (status === 'none') throw new StatusError(404, 'NotFound', 'the server could not find the requested resource');
  if (name === undefined) {
    if (method === 'GET')
      return { kind: 'NodeList', metadata: { resourceVersion: String(version) }, items: [...nodes.values()] };
    const { metadata } = body as { metadata: { name: string } };
    if (nodes.has(metadata.name))
      throw new StatusError(409, 'AlreadyExists', `nodes "${metadata.name}" already exists`);
    return commit('ADDED', { ...body, metadata: { ...metadata, uid: randomUUID(), resourceVersion: '' } });
  }
  const node = find(decodeURIComponent(name));
  switch (method) {
    case 'PUT':
      return commit('MODIFIED', { ...node, status: body['status'] as NonNullable<Node['status']> });
    case 'PATCH':
      return commit('MODIFIED', jsonPatch(node, body) as Node);
    case 'DELETE': {
      const { uid } = (body['preconditions'] ?? {}) as { uid?: string };
      if (uid !== undefined && uid !== node.metadata.uid) throw new StatusError(409, 'Conflict', 'another uid');
      return commit('DELETED', node);
    }
    default:
      return node;
  }
}

/** As its controller manager does. */
function missNodes(): void {
  for (const node of [...nodes.values()]) {
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
    const heard = Date.parse(ready?.lastHeartbeatTime ?? '');
    if (ready?.status !== 'True' || Date.now() - heard < 4000) continue;
    commit('MODIFIED', { ...node, status: { ...node.status, conditions: [{ ...ready, status: 'Unknown' }] } });
  }
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  const url = new URL(request.url ?? '/', 'http://api');
  const isWatch = url.searchParams.has('watch');
  if (isWatch && url.pathname === '/api/v1/nodes')
    return watch(Number(url.searchParams.get('resourceVersion')), response);
  const found = answer(request.method ?? 'GET', url, text === '' ? {} : JSON.parse(text));
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(found));
}

const server = createServer((request, response) => {
  serve(request, response).catch((error: unknown) => {
    if (!(error instanceof StatusError)) throw error;
    response.writeHead(error.code, { 'content-type': 'application/json' });
    response.end(JSON.stringify(statusBody(error.code, error.reason, error.message)));
  });
});
// Go's server leaves idle connections alone.
server.keepAliveTimeout = 0;
server.listen(8080, address);
setInterval(missNodes, 500);
