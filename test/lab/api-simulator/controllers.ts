/** What other parts of a cluster do while a node joins: admission, the signers, the token cleaner. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Pki, signRequest } from '../control-plane/pki.ts';
import { signDetached } from '../kubeadm-stand-in/token-signature.ts';
import { type Identity, isAlive } from './access.ts';
import type { Store, Stored } from './store.ts';

type Taint = { readonly key: string; readonly effect: string };
type Condition = { readonly type: string; readonly status: string };

const notReady: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

/** What an object becomes on its way in. */
export function admit(resource: string, object: Stored, { user, groups }: Identity): Stored {
  switch (resource) {
    case 'nodes': {
      const spec = (object['spec'] ?? {}) as { taints?: Taint[] };
      return { ...object, spec: { ...spec, taints: [...(spec.taints ?? []), notReady] } };
    }
    case 'secrets': {
      const {
        stringData = {},
        data = {},
        ...rest
      } = object as Stored & Record<'stringData' | 'data', Record<string, string>>;
      const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
      return { ...rest, data: { ...data, ...Object.fromEntries(encoded) } } as Stored;
    }
    case 'certificatesigningrequests':
      return { ...object, spec: { ...(object['spec'] as object), username: user, groups }, status: {} };
    default:
      return object;
  }
}

/** A node that says it is Ready loses the taint that it got for not having said so. */
export function settleNode(node: Stored): Stored {
  const { conditions = [] } = (node['status'] ?? {}) as { conditions?: readonly Condition[] };
  const spec = (node['spec'] ?? {}) as { taints?: readonly Taint[] };
  if (!conditions.some(({ type, status }) => type === 'Ready' && status === 'True')) return node;
  return { ...node, spec: { ...spec, taints: (spec.taints ?? []).filter(({ key }) => key !== notReady.key) } };
}

/** As the node lifecycle controller: a node that has not renewed its Lease for this long is not known to be Ready. */
const gracePeriodMs = 40_000;

/** Call now and then. */
export function missNodes(store: Store, now: number): void {
  for (const node of store.list('nodes')) {
    const lease = store.find('leases', 'kube-node-lease', node.metadata.name ?? '');
    const { renewTime } = (lease?.['spec'] ?? {}) as { renewTime?: string };
    const status = (node['status'] ?? {}) as { conditions?: readonly Condition[] };
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    if (renewTime === undefined || ready === undefined || ready.status === 'Unknown') continue;
    if (now - Date.parse(renewTime) < gracePeriodMs) continue;
    const conditions = status.conditions?.map((condition) =>
      condition === ready ? { ...condition, status: 'Unknown', reason: 'NodeStatusUnknown' } : condition,
    );
    store.replace('nodes', node, { ...node, status: { ...status, conditions } });
  }
}

/** Issues the certificate of an approved request, as the controller manager's kubelet-client signer does. */
export async function issueCertificate(store: Store, name: string, pki: Pki): Promise<void> {
  const request = store.get('certificatesigningrequests', '', name);
  const spec = request['spec'] as { request: string; signerName: string };
  const status = request['status'] as { conditions?: readonly Condition[]; certificate?: string };
  const approved = status.conditions?.some(({ type }) => type === 'Approved') ?? false;
  if (!approved || status.certificate !== undefined) return;
  if (spec.signerName !== 'kubernetes.io/kube-apiserver-client-kubelet') return;
  const folder = await mkdtemp(join(tmpdir(), 'api-simulator-'));
  try {
    const [file, certificate] = [join(folder, 'csr'), join(folder, 'crt')];
    await writeFile(file, Buffer.from(spec.request, 'base64'));
    const subject = (await promisify(execFile)('openssl', ['req', '-in', file, '-noout', '-subject', '-verify']))
      .stdout;
    if (!/O = system:nodes, CN = system:node:\S+/.test(subject)) return;
    await signRequest({ ...pki, request: file, certificate, extensions: ['extendedKeyUsage=clientAuth'] });
    const issued = (await readFile(certificate)).toString('base64');
    const current = store.get('certificatesigningrequests', '', name);
    store.replace('certificatesigningrequests', current, { ...current, status: { ...status, certificate: issued } });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes expired tokens and signs cluster-info for the others. Call after every change of a Secret, and now and then. */
export function settleTokens(store: Store, now: number): void {
  const tokens = store.list('secrets').filter(({ metadata }) => metadata.name?.startsWith('bootstrap-token-'));
  const field = (secret: Stored, name: string): string =>
    Buffer.from((secret['data'] as Record<string, string>)[name] ?? '', 'base64').toString();
  for (const { metadata } of tokens.filter((secret) => !isAlive(secret, now))) {
    store.remove('secrets', 'kube-system', metadata.name ?? '');
  }
  const info = store.get('configmaps', 'kube-public', 'cluster-info');
  const { kubeconfig = '' } = info['data'] as Record<string, string>;
  const data: Record<string, string> = { kubeconfig };
  for (const secret of tokens.filter((token) => isAlive(token, now))) {
    if (field(secret, 'usage-bootstrap-signing') !== 'true') continue;
    const id = field(secret, 'token-id');
    data[`jws-kubeconfig-${id}`] = signDetached(kubeconfig, { id, secret: field(secret, 'token-secret') });
  }
  if (JSON.stringify(data) !== JSON.stringify(info['data'])) store.replace('configmaps', info, { ...info, data });
}
