/**
 * Run inside the control plane's network namespace, beside its programs: says on stdout when the API server is ready, then
 * does what `kubeadm init` does there, then says when the cluster can run a Pod.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { accountRights } from '../../../daemon/cluster/account.ts';
import { type ApiClient, ApiError, type ApiObject, connect } from './api-client.ts';
import { labDaemon } from './api-server.ts';
import { readKubeconfig, renderKubeconfig } from './kubeconfig.ts';

const pollMs = 50;

const paths: Readonly<Record<string, string>> = {
  ConfigMap: '/api/v1/namespaces/NAMESPACE/configmaps',
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/NAMESPACE/roles',
  RoleBinding: '/apis/rbac.authorization.k8s.io/v1/namespaces/NAMESPACE/rolebindings',
};

/** Asks until it works; gives up with the last reason. */
async function until(what: string, deadline: number, attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`${what} did not happen in time`, { cause: error });
      await sleep(pollMs);
    }
  }
}

/** Its namespace may still be on its way; an earlier start may have made the object. */
const ensure = (api: ApiClient, deadline: number, object: ApiObject): Promise<void> =>
  until(`creating ${object.kind} ${object.metadata.name}`, deadline, async () => {
    const path = paths[object.kind ?? '']?.replace('NAMESPACE', object.metadata.namespace ?? '');
    if (path === undefined) throw new Error(`no path for ${object.kind}`);
    try {
      await api.call('POST', path, { body: object });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409)) throw error;
    }
  });

const manifest = (name: string): ApiObject[] =>
  parseAllDocuments(readFileSync(new URL(name, import.meta.url), 'utf8')).map(
    (document) => document.toJS() as ApiObject,
  );

export type BootstrapReport = { readonly step: 'api-ready' | 'cluster-ready'; readonly version: string };

async function main(kubeconfigFile: string, schedulerPort: string, deadlineMs: string): Promise<void> {
  const deadline = Date.now() + Number(deadlineMs);
  const { server, caPem, credentials } = readKubeconfig(readFileSync(kubeconfigFile, 'utf8'));
  const api = connect({ server, caPem, token: credentials.token ?? '', timeoutMs: 3000 });
  await until('the API server becoming ready', deadline, () => api.call('GET', '/readyz'));
  const { gitVersion } = await api.call<{ gitVersion: string }>('GET', '/version');
  const report = (step: BootstrapReport['step']): void =>
    void process.stdout.write(`${JSON.stringify({ step, version: gitVersion } satisfies BootstrapReport)}\n`);
  report('api-ready');

  const clusterInfo: ApiObject<{ data: Record<string, string> }> = {
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cluster-info', namespace: 'kube-public' } },
    data: { kubeconfig: renderKubeconfig(server, caPem) },
  };
  const objects = [...manifest('kubeadm-init.yaml'), ...accountRights(labDaemon), clusterInfo];
  await Promise.all(objects.map((object) => ensure(api, deadline, object)));
  // Without its default account a namespace refuses Pods: the sign that the controller manager is at work.
  const account = '/api/v1/namespaces/default/serviceaccounts/default';
  const scheduler = connect({ server: `https://127.0.0.1:${schedulerPort}`, timeoutMs: 3000 });
  await Promise.all([
    until('the controller manager working', deadline, () => api.call('GET', account)),
    until('the scheduler working', deadline, () => scheduler.call('GET', '/healthz')),
  ]);
  report('cluster-ready');
}

const [kubeconfigFile = '', schedulerPort = '', deadlineMs = ''] = process.argv.slice(2);
await main(kubeconfigFile, schedulerPort, deadlineMs);
process.exit(0);
