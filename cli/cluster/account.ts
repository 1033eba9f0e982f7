/** Makes the daemon's account in a cluster, with an administrator's access, and proves that it works. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import {
  accountObjects,
  accountSecret,
  accountSubject,
  type SingleRight,
  singleRights,
} from '../../daemon/cluster/account.ts';
import { callApi } from './api.ts';
import { type ClusterAccess, renderKubeconfig } from './kubeconfig.ts';

export type AccountOptions = {
  readonly admin: ClusterAccess;
  /** How the daemon and the boards reach the server. */
  readonly server: string;
  readonly signal: AbortSignal;
  /** Milliseconds for the cluster to make the token, and to let it in. */
  readonly patienceMs?: number;
};

type AccountObject = (typeof accountObjects)[number];

const plurals: Readonly<Record<AccountObject['kind'], string>> = {
  ServiceAccount: 'serviceaccounts',
  Secret: 'secrets',
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
};

/** The kubeconfig of the account, which has been used. Idempotent: what is there already gets the rights of this bramble. */
export async function makeAccount(options: AccountOptions): Promise<Result<string, Problem>> {
  const { admin, server, signal } = options;
  for (const object of accountObjects) {
    const applied = await apply(admin, object, signal);
    if (!applied.ok)
      return problem(applied.error.code, `${object.kind} ${object.metadata.name}: ${applied.error.detail}`);
  }
  const token = await tokenOf(options);
  if (!token.ok) return token;
  const access: ClusterAccess = { server, ca: admin.ca, token: token.value };
  const used = await patiently(options, () => callApi(access, 'GET', '/api/v1/nodes?limit=1', { signal }));
  if (!used.ok) return used.error.code === 'API_UNTRUSTED' ? untrusted(server, used.error.detail) : used;
  return ok(renderKubeconfig(accountSubject.name, access));
}

/** Server-side apply: one request, whether it is there or not. */
function apply(admin: ClusterAccess, object: AccountObject, signal: AbortSignal) {
  const { name, namespace } = { namespace: undefined, ...object.metadata };
  const group = object.apiVersion === 'v1' ? '/api/v1' : `/apis/${object.apiVersion}`;
  const place = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const path = `${group}${place}/${plurals[object.kind]}/${name}?fieldManager=bramble&force=true`;
  return callApi(admin, 'PATCH', path, { body: object, type: 'application/apply-patch+yaml', signal });
}

/** A controller fills the Secret in, a moment later. */
function tokenOf(options: AccountOptions): Promise<Result<string, Problem>> {
  const { admin, signal } = options;
  const path = `/api/v1/namespaces/${accountSecret.namespace}/secrets/${accountSecret.name}`;
  return patiently(options, async () => {
    const secret = await callApi(admin, 'GET', path, { signal });
    if (!secret.ok) return secret;
    const { data }: { data?: { token?: unknown } } = Object(secret.value);
    if (typeof data?.token === 'string' && data.token !== '') return ok(Buffer.from(data.token, 'base64').toString());
    return problem('NO_TOKEN', 'the cluster makes no token for the account: does its controller manager run?');
  });
}

/** The last answer, once it is good or the patience is at its end. */
async function patiently<T>(
  { signal, patienceMs = 30_000 }: AccountOptions,
  ask: () => Promise<Result<T, Problem>>,
): Promise<Result<T, Problem>> {
  const restMs = 250;
  for (let waited = 0; ; waited += restMs) {
    const answer = await ask();
    if (answer.ok || answer.error.code === 'API_UNTRUSTED' || waited >= patienceMs) return answer;
    await sleep(restMs, undefined, { signal });
  }
}

const untrusted = (server: string, detail: string): Result<never, Problem> =>
  problem(
    'SERVER_NAME',
    `${detail}\nThe server's certificate does not name ${new URL(server).hostname}. For k3s: add it to tls-san in /etc/rancher/k3s/config.yaml and restart k3s; or write an address that it names into bramble.yaml (cluster.server)`,
  );

/** Rights that the daemon needs and this account has not, in words: `list nodes`. After an upgrade of bramble there may be some. */
export async function lacking(
  account: ClusterAccess,
  signal: AbortSignal,
): Promise<Result<readonly string[], Problem>> {
  const gaps: string[] = [];
  for (const right of singleRights) {
    const may = await mayDo(account, right, signal);
    if (!may.ok) return may;
    const { verb, resource, subresource } = right;
    if (!may.value) gaps.push(`${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`);
  }
  return ok(gaps);
}

export async function mayDo(
  account: ClusterAccess,
  right: Omit<SingleRight, 'group'> & { readonly group?: string },
  signal: AbortSignal,
): Promise<Result<boolean, Problem>> {
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const body = {
    ...{ apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' },
    spec: { resourceAttributes: right },
  };
  const review = await callApi(account, 'POST', path, { body, signal });
  if (!review.ok) return review;
  const { status }: { status?: { allowed?: unknown } } = Object(review.value);
  return ok(status?.allowed === true);
}
