/** Who is asking, and whether they may: authentication and a small RBAC over the very manifests of the real one. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { accountRights } from '../../../daemon/cluster/account.ts';
import { labDaemon } from '../control-plane/api-server.ts';
import type { Target } from './resources.ts';
import { StatusError } from './status.ts';
import type { Store, Stored } from './store.ts';

export type Identity = { readonly user: string; readonly groups: readonly string[] };
type StaticTokens = ReadonlyMap<string, Identity>;
type Subject = { readonly kind: string; readonly name: string };
type Rule = {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
};
type Grant = {
  readonly subjects: readonly Subject[];
  readonly namespace: string | undefined;
  readonly rules: readonly Rule[];
};

export const anonymous: Identity = { user: 'system:anonymous', groups: ['system:unauthenticated'] };

const text = (secret: Stored, field: string): string =>
  Buffer.from((secret['data'] as Readonly<Record<string, string>> | undefined)?.[field] ?? '', 'base64').toString();

/** A bootstrap token's Secret that still counts. */
export const isAlive = (secret: Stored, now: number): boolean => {
  const expiration = text(secret, 'expiration');
  return secret['type'] === 'bootstrap.kubernetes.io/token' && (expiration === '' || Date.parse(expiration) > now);
};

/** A token that nobody knows is 401; being nobody is not. */
export function authenticateToken(token: string, known: StaticTokens, store: Store, now: number): Identity {
  const fixed = known.get(token);
  if (fixed !== undefined) return fixed;
  const [id = '', secretHalf = ''] = token.split('.');
  const secret = store.find('secrets', 'kube-system', `bootstrap-token-${id}`);
  const counts =
    secret !== undefined &&
    isAlive(secret, now) &&
    text(secret, 'token-secret') === secretHalf &&
    text(secret, 'usage-bootstrap-authentication') === 'true';
  if (!counts) throw new StatusError(401, 'Unauthorized', 'Unauthorized');
  const extra = text(secret, 'auth-extra-groups').split(',');
  return { user: `system:bootstrap:${id}`, groups: ['system:bootstrappers', ...extra, 'system:authenticated'] };
}

/** What the API server brings along by itself. */
const builtIn: Readonly<Record<string, readonly Rule[]>> = {
  'system:node-bootstrapper': [
    {
      ...{ apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests'] },
      verbs: ['create', 'get', 'list', 'watch'],
    },
  ],
};

type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly Subject[];
};

export function loadGrants(): Grant[] {
  const read = (name: string): Manifest[] =>
    parseAllDocuments(readFileSync(new URL(`../control-plane/${name}`, import.meta.url), 'utf8')).map(
      (document) => document.toJS() as Manifest,
    );
  const manifests: Manifest[] = [...read('kubeadm-init.yaml'), ...accountRights(labDaemon)];
  return manifests.flatMap(({ roleRef, subjects = [], metadata: { namespace } }) => {
    if (roleRef === undefined) return [];
    const role = manifests.find(
      ({ kind, metadata }) =>
        kind === roleRef.kind && metadata.name === roleRef.name && metadata.namespace === namespace,
    );
    return [{ subjects, namespace, rules: role?.rules ?? builtIn[roleRef.name] ?? [] }];
  });
}

type Wish = { readonly verb: string; readonly target: Target; readonly fieldSelector: string };

/** Throws 403. */
export function authorize(identity: Identity, wish: Wish, grants: readonly Grant[]): void {
  const { verb, target } = wish;
  if (identity.groups.includes('system:masters') || isOwnBusiness(identity, wish)) return;
  const what = target.subresource === '' ? target.resource : `${target.resource}/${target.subresource}`;
  const allowed = grants.some(
    ({ subjects, namespace, rules }) =>
      (namespace === undefined || namespace === target.namespace) &&
      subjects.some(({ kind, name }) => (kind === 'User' ? name === identity.user : identity.groups.includes(name))) &&
      rules.some(
        (rule) =>
          rule.apiGroups.includes(target.definition.group) &&
          rule.resources.includes(what) &&
          rule.verbs.includes(verb) &&
          (rule.resourceNames === undefined || rule.resourceNames.includes(target.name)),
      ),
  );
  if (!allowed) {
    const object = target.name === '' ? '' : ` "${target.name}"`;
    throw new StatusError(403, 'Forbidden', `${what}${object} is forbidden: User "${identity.user}" cannot ${verb} it`);
  }
}

/** A kubelet and its own Node, Lease and Pods: the Node authorizer and NodeRestriction in short. */
function isOwnBusiness({ user, groups }: Identity, { verb, target, fieldSelector }: Wish): boolean {
  if (!groups.includes('system:nodes') || !user.startsWith('system:node:')) return false;
  const name = user.slice('system:node:'.length);
  const reading = ['get', 'list', 'watch'].includes(verb);
  switch (target.resource) {
    case 'nodes':
      return reading || verb === 'create' || (['patch', 'update'].includes(verb) && target.name === name);
    case 'leases':
      return target.namespace === 'kube-node-lease' && (verb === 'create' || target.name === name);
    case 'pods':
      return reading ? fieldSelector === `spec.nodeName=${name}` : ['patch', 'delete'].includes(verb);
    case 'events':
      return verb === 'create' || verb === 'patch';
    default:
      return false;
  }
}
