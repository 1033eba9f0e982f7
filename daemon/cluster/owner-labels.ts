/** The labels that the owner gave a Node, which a Node made anew under the same name is to have again. */
import { type Problem, problem, type Result } from '../../config/result.ts';
import type { Api, ApiProblem } from './api.ts';
import { nodesPath } from './nodes.ts';
import { pointer } from './patch.ts';
import { field, isJson, text } from './watch-event.ts';

export type Labels = Readonly<Record<string, string>>;

/** Set by kubelet, by the cluster itself or by bramble, of the new Node as well. */
const others = ['kubernetes.io', 'k8s.io', 'k3s.io', 'bramble.dev'];
/** In the cluster's own domains, and still given by people: what a node is for, and where it stands. */
const ownersPrefixes = ['node-role.kubernetes.io', 'topology.kubernetes.io'];
/** Taken for a server if it were given to a worker. */
const roles = ['control-plane', 'master', 'etcd'];

export function ownersLabels(node: unknown): Labels {
  const labels = field(field(node, 'metadata'), 'labels');
  return Object.fromEntries(
    Object.entries(isJson(labels) ? labels : {}).flatMap(([key, value]) =>
      typeof value === 'string' && isOwners(key) ? [[key, value]] : [],
    ),
  );
}

function isOwners(key: string): boolean {
  const slash = key.indexOf('/');
  if (slash === -1) return true;
  const [prefix, name] = [key.slice(0, slash), key.slice(slash + 1)];
  if (prefix === 'node-role.kubernetes.io' && roles.includes(name)) return false;
  if (ownersPrefixes.includes(prefix)) return true;
  return !others.some((domain) => prefix === domain || prefix.endsWith(`.${domain}`));
}

/** Puts them on the Node with this uid, beside those that it has. `NODE_REPLACED`: it is another one by now. */
export async function putLabels(
  api: Pick<Api, 'request'>,
  name: string,
  uid: string,
  labels: Labels,
  signal: AbortSignal,
): Promise<Result<unknown, ApiProblem | Problem<'NODE_REPLACED'>>> {
  const path = `${nodesPath}/${encodeURIComponent(name)}`;
  const node = await api.request('GET', path, { signal });
  if (!node.ok) return node;
  const metadata = field(node.value, 'metadata');
  if (text(field(metadata, 'uid')) !== uid) return problem('NODE_REPLACED', `Node ${name} is another one by now`);
  const known = field(metadata, 'labels');
  const missing = Object.entries(labels).filter(([key, value]) => field(known, key) !== value);
  if (missing.length === 0) return node;
  const body = [
    { op: 'test', path: '/metadata/uid', value: uid },
    ...(isJson(known) ? [] : [{ op: 'add', path: '/metadata/labels', value: {} }]),
    ...missing.map(([key, value]) => ({ op: 'add', path: `/metadata/labels/${pointer(key)}`, value })),
  ];
  return api.request('PATCH', path, { body, signal });
}
