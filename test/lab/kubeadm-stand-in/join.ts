/** `kubeadm join --config FILE`, and `kubeadm reset`. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join as joinPath } from 'node:path';
import { type ApiClient, ApiError, type ApiObject, connect } from '../control-plane/api-client.ts';
import { renderKubeconfig } from '../control-plane/kubeconfig.ts';
import { type Cluster, discover } from './discovery.ts';
import { type JoinConfiguration, parseJoinConfiguration } from './join-configuration.ts';
import { startKubelet, stopKubelet } from './kubelet-process.ts';
import { certificateInConf, type Layout } from './layout.ts';
import { pageServersIn } from './page-server.ts';
import { retrying } from './retry.ts';
import { type KeyKind, requestCertificate } from './tls-bootstrap.ts';
import { splitToken } from './token-signature.ts';

type Log = (line: string) => void;
const fiveMinutes = 300_000;

export async function join(configFile: string, layout: Layout, key: KeyKind, log: Log): Promise<void> {
  const config = parseJoinConfiguration(await readFile(configFile, 'utf8'));
  log('[preflight] Running pre-flight checks');
  await preflight(layout, config.nodeRegistration.ignorePreflightErrors);
  const { token, apiServerEndpoint, caCertHashes } = config.discovery.bootstrapToken;
  const timeoutMs = config.timeouts.discovery ?? fiveMinutes;
  const cluster = await discover({
    endpoint: apiServerEndpoint,
    token: splitToken(token),
    caCertHashes,
    timeoutMs,
    log,
  });
  const api = connect({ ...cluster, token });
  await refuseTakenName(api, config.nodeRegistration.name);

  log('[kubelet-start] Writing kubelet configuration and environment file with flags');
  await writeBefore(layout, cluster, config);
  log('[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap');
  await bootstrapCertificate(api, layout, cluster, config, key);
  await startKubelet(layout);
  log('\nThis node has joined the cluster (kubeadm stand-in).');
}

async function preflight(layout: Layout, ignored: readonly string[]): Promise<void> {
  const problems: string[] = [];
  if (existsSync(layout.manifests) && (await readdir(layout.manifests)).length > 0) {
    problems.push('[ERROR DirAvailable--etc-kubernetes-manifests]: /etc/kubernetes/manifests is not empty');
  }
  for (const path of [
    '/etc/kubernetes/kubelet.conf',
    '/etc/kubernetes/bootstrap-kubelet.conf',
    '/etc/kubernetes/pki/ca.crt',
  ]) {
    const check = `FileAvailable-${path.replaceAll('/', '-')}`;
    if (existsSync(layout.at(path)) && !ignored.includes(check))
      problems.push(`[ERROR ${check}]: ${path} already exists`);
  }
  if (problems.length > 0) throw new Error(['[preflight] Some fatal errors occurred:', ...problems].join('\n\t'));
}

type Node = ApiObject<{ status?: { conditions?: ReadonlyArray<{ type: string; status: string }> } }>;

/** The first use of the token: an expired or unknown one ends here, with 401. */
async function refuseTakenName(api: ApiClient, name: string): Promise<void> {
  const node = await retrying(() => api.call('GET', `/api/v1/nodes/${name}`) as Promise<Node>, {
    deadline: Date.now() + fiveMinutes,
  }).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  });
  if (node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) {
    throw new Error(`a Node with name "${name}" and status "Ready" already exists in the cluster`);
  }
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text, { mode: 0o600 });
}

async function writeBefore(layout: Layout, { server, caPem }: Cluster, config: JoinConfiguration): Promise<void> {
  const { name, taints, kubeletExtraArgs } = config.nodeRegistration;
  const flags = [
    ...kubeletExtraArgs.map((argument) => `--${argument.name}=${argument.value}`),
    `--hostname-override=${name}`,
    ...(taints.length > 0
      ? [`--register-with-taints=${taints.map((t) => `${t.key}=${t.value}:${t.effect}`).join(',')}`]
      : []),
  ];
  const { token } = config.discovery.bootstrapToken;
  const bootstrap = renderKubeconfig(server, caPem, { name: 'tls-bootstrap-token-user', credentials: { token } });
  await write(layout.kubeletFlags, `KUBELET_KUBEADM_ARGS="${flags.join(' ')}"\n`);
  await write(layout.kubeletConfig, 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n');
  await write(layout.caCert, caPem);
  await write(layout.bootstrapKubeletConf, bootstrap);
}

/** Done here and not by the kubelet, as in reality: the stand-in kubelet then needs no openssl and stays small. */
async function bootstrapCertificate(
  api: ApiClient,
  layout: Layout,
  { server, caPem }: Cluster,
  config: JoinConfiguration,
  kind: KeyKind,
): Promise<void> {
  const nodeName = config.nodeRegistration.name;
  const deadline = Date.now() + (config.timeouts.tlsBootstrap ?? fiveMinutes);
  const credentials = { clientCertificate: certificateInConf, clientKey: certificateInConf };
  try {
    // As the real kubelet: it is there before the certificate that it names.
    await write(layout.kubeletConf, renderKubeconfig(server, caPem, { name: 'default-auth', credentials }));
    const certificate = await requestCertificate(api, { nodeName, keyFile: layout.pendingKey, kind, deadline });
    const dated = joinPath(
      layout.kubeletPki,
      `kubelet-client-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.pem`,
    );
    await write(dated, certificate + (await readFile(layout.pendingKey, 'utf8')));
    await rm(layout.currentCertificate, { force: true });
    await symlink(basename(dated), layout.currentCertificate);
    await rm(layout.pendingKey, { force: true });
  } finally {
    // A token must not outlive the attempt on the board's disk. ca.crt stays: a failed join needs a reset, as in reality.
    await rm(layout.bootstrapKubeletConf, { force: true });
  }
}

/** Nothing to undo is no error. */
export async function reset(layout: Layout, log: Log): Promise<void> {
  log('[reset] Stopping the kubelet');
  await stopKubelet(layout);
  await pageServersIn(layout.pods, '').endOthers(new Set());
  log('[reset] Deleting the files of this node');
  await Promise.all(
    [
      layout.kubeletConf,
      layout.bootstrapKubeletConf,
      layout.at('/etc/kubernetes/pki'),
      layout.manifests,
      layout.at('/var/lib/kubelet'),
    ].map((path) => rm(path, { recursive: true, force: true })),
  );
}
