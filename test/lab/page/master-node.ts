/** The master as a Node of its own cluster, which it is with k3s: a kubelet stand-in in its network. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Admin } from '../admin.ts';
import { ApiError } from '../control-plane/api-client.ts';
import { startChild } from '../control-plane/child.ts';
import { renderKubeconfig } from '../control-plane/kubeconfig.ts';
import { makePki, openssl, signRequest } from '../control-plane/pki.ts';
import { certificateInConf, layoutAt } from '../kubeadm-stand-in/layout.ts';
import type { Lab } from '../lab.ts';
import { masterName } from './kube-proxy.ts';

const standIn = fileURLToPath(new URL('../kubeadm-stand-in/main.ts', import.meta.url));

/** Settles when the Node is there, with the role that k3s gives it. It ends with the signal. */
export async function startMasterNode(
  { controlPlane, directory, master }: Pick<Lab, 'controlPlane' | 'directory' | 'master'>,
  admin: Admin,
  signal: AbortSignal,
): Promise<void> {
  const root = join(directory, 'master-node');
  const layout = layoutAt(root);
  for (const file of [layout.kubeletConf, layout.currentCertificate, layout.kubeletFlags])
    await mkdir(dirname(file), { recursive: true });
  const credentials = { clientCertificate: certificateInConf, clientKey: certificateInConf };
  const conf = renderKubeconfig(controlPlane.server, controlPlane.caPem, { name: 'default-auth', credentials });
  await writeFile(layout.kubeletConf, conf);
  const address = new URL(controlPlane.server).hostname;
  const flags = `--node-ip=${address} --hostname-override=${masterName}`;
  await writeFile(layout.kubeletFlags, `KUBELET_KUBEADM_ARGS="${flags}"\n`);
  await writeFile(layout.currentCertificate, await makeCertificate(join(directory, 'cluster', 'pki'), root));
  await startChild(
    {
      ...{ name: 'kubelet of the master', command: process.execPath, netns: master.netns },
      args: [standIn, 'kubelet'],
      logFile: join(directory, 'master-node.log'),
      env: { KUBEADM_STAND_IN_ROOT: root, KUBELET_STAND_IN_PAGES: 'yes' },
    },
    signal,
  );
  const labels = { 'node-role.kubernetes.io/control-plane': 'true' };
  for (;;) {
    try {
      await admin.call('PATCH', `/api/v1/nodes/${masterName}`, { body: { metadata: { labels } }, patch: 'merge' });
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
    await sleep(100, undefined, { signal });
  }
}

async function makeCertificate(pkiDirectory: string, folder: string): Promise<string> {
  const { caCert, caKey } = await makePki(pkiDirectory, []);
  const [key = '', request = '', certificate = ''] = ['key', 'csr', 'crt'].map((end) => join(folder, `kubelet.${end}`));
  await openssl('genpkey', '-quiet', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key);
  const subject = `/O=system:nodes/CN=system:node:${masterName}`;
  await openssl('req', '-new', '-sha256', '-key', key, '-subj', subject, '-out', request);
  await signRequest({ caCert, caKey, request, certificate, extensions: ['extendedKeyUsage=clientAuth'] });
  return (await readFile(certificate, 'utf8')) + (await readFile(key, 'utf8'));
}
