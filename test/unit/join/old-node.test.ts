import test from 'ava';
import { must, ok, problem } from '../../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4 } from '../../../config/values.ts';
import type { JoinedNode } from '../../../daemon/join/cluster-port.ts';
import { kubeadmDriver } from '../../../daemon/join/kubeadm.ts';
import { agrees, isItsNode, isItsOwn } from '../../../daemon/join/node-match.ts';
import { deleteNode } from '../../../daemon/join/old-node.ts';
import { clusterDouble } from './cluster-double.ts';

const { signal } = new AbortController();

function begin(answer: 'there' | 'API_NOT_FOUND' | 'API_FORBIDDEN') {
  const { cluster } = clusterDouble();
  const done: string[] = [];
  const watched = {
    ...cluster,
    deleteNode: async (name: string, uid: string) => {
      done.push(`Node ${name} ${uid}`);
      return ok(undefined);
    },
    request: async (method: string, path: string) => {
      done.push(`${method} ${path}`);
      return answer === 'there' ? ok({}) : problem(answer, '');
    },
  };
  const kubeadm = kubeadmDriver({ apiServerEndpoint: '10.77.0.1:6443', caCertHashes: [] });
  const driver = { ...kubeadm, secretsOf: (name: string) => [`${name}.node-password.k3s`] };
  return { done, kubeadm, driver, cluster: watched };
}

const secret = 'DELETE /api/v1/namespaces/kube-system/secrets/worker-kube1.node-password.k3s';

test('first the Node, then what the distribution keeps about it', async (t) => {
  const { done, driver, cluster } = begin('there');
  t.deepEqual(await deleteNode({ cluster, driver, signal }, 'worker-kube1', 'u1'), ok(undefined));
  t.deepEqual(done, ['Node worker-kube1 u1', secret]);
});

test('what is not there is gone; an orphan goes without a Node; what may not be deleted is a problem', async (t) => {
  const { done, driver, cluster } = begin('API_NOT_FOUND');
  t.deepEqual(await deleteNode({ cluster, driver, signal }, 'worker-kube1', undefined), ok(undefined));
  t.deepEqual(done, [secret]);
  const forbidden = begin('API_FORBIDDEN');
  const end = await deleteNode({ cluster: forbidden.cluster, driver, signal }, 'worker-kube1', undefined);
  t.is(end.ok ? '' : end.error.code, 'API_FORBIDDEN');
});

test('a distribution that keeps nothing is asked for nothing', async (t) => {
  const { done, kubeadm, cluster } = begin('there');
  await deleteNode({ cluster, driver: kubeadm, signal }, 'worker-kube1', undefined);
  t.deepEqual(done, []);
});

test('whose Node it is', (t) => {
  const board = {
    ...{ id: must(parseDeviceId('d-0123456789ab')), name: must(parseHostname('worker-kube1')) },
    ...{
      address: must(parseIpv4('10.77.0.100')),
      fixedAddress: true,
      hostKeys: [],
      nodePassword: '',
      serials: [],
      labels: {},
    },
  };
  const node = (device: string | undefined, internalIp: string | undefined): JoinedNode => ({
    ...{ name: 'worker-kube1', uid: 'u', ready: true, internalIp, device },
  });
  const other = 'd-ffffffffffff';
  const rows = [board.id, other, undefined].flatMap((device) =>
    ['10.77.0.100', '10.77.0.9'].map((ip) => {
      const one = node(device, ip);
      const [labelled, legacy] = [true, false].map((needsToken) => agrees(one, board, { needsToken }));
      const code = (same: typeof labelled) => (same?.ok === false ? same.error.code : 'ok');
      return [isItsNode(one, board), isItsOwn(one, board), code(labelled), code(legacy)];
    }),
  );
  t.deepEqual(rows, [
    [true, true, 'ok', 'ok'],
    [true, true, 'NODE_ADDRESS_MISMATCH', 'NODE_ADDRESS_MISMATCH'],
    [true, false, 'NODE_LABEL_MISMATCH', 'NODE_LABEL_MISMATCH'],
    [false, false, 'NODE_ADDRESS_MISMATCH', 'NODE_ADDRESS_MISMATCH'],
    [true, true, 'NODE_LABEL_MISMATCH', 'ok'],
    [false, false, 'NODE_ADDRESS_MISMATCH', 'NODE_ADDRESS_MISMATCH'],
  ]);
  t.false(isItsOwn(node(undefined, undefined), { id: board.id, address: undefined }));
});
