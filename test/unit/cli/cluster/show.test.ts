import test from 'ava';
import { clusterText, type ShownCluster } from '../../../../cli/output/cluster.ts';

const plain = { width: 80, paint: (text: string) => text };
const shown: ShownCluster = {
  ...{ driver: 'k3s', version: 'v1.34.2+k3s1', others: [], wrong: [] },
  files: [{ name: 'k3s-arm64', arch: 'arm64', kind: 'binary', bytes: 72_000_000, sha256: 'ab'.repeat(32) }],
  service: { active: 'active', enabled: true, ours: true },
  account: { kubeconfig: '/etc/bramble/kubeconfig', server: 'https://10.77.0.1:6443', version: 'v1.34.2', lacks: [] },
};

test('all is well', (t) => {
  t.is(
    clusterText(shown, plain),
    `Driver     k3s v1.34.2+k3s1
Service    active
Account    /etc/bramble/kubeconfig
Server     https://10.77.0.1:6443, v1.34.2

FILE       FOR    SIZE   SHA-256
k3s-arm64  arm64  72 MB  ${'ab'.repeat(27)}…
`,
  );
});

test('what is missing comes last, and steers no terminal', (t) => {
  const text = clusterText(
    {
      ...shown,
      ...{ driver: 'kubeadm', version: null, files: [], others: ['v1.33.0+k3s1'], service: null },
      account: { ...shown.account, server: null, version: null },
      wrong: ['/etc/bramble/kubeconfig: \x1b[2Jno'],
    },
    plain,
  );
  t.is(
    text,
    `Driver     kubeadm
Account    /etc/bramble/kubeconfig
Server     –, not reached
Also here  v1.33.0+k3s1

WRONG  /etc/bramble/kubeconfig: ?[2Jno
`,
  );
});
