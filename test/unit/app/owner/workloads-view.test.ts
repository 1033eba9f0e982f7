import test from 'ava';
import { workloadsView } from '../../../../daemon/app/owner/workloads-view.ts';
import { readService } from '../../../../daemon/cluster/workloads/services.ts';
import { ownerFacts, podFacts } from '../../../support/world.ts';

test('nothing is known before the cluster was heard', (t) => {
  t.deepEqual(workloadsView({ world: undefined, services: [], nodes: [] }), { known: false, spread: [], services: [] });
});

test('replicas that are Ready are counted by Node; what the cluster itself consists of is left out', (t) => {
  const web = ownerFacts({ name: 'default/web', title: 'Deployment default/web', uid: 'web', replicas: 3 });
  const dns = ownerFacts({ name: 'kube-system/dns', title: 'Deployment kube-system/dns', uid: 'dns', replicas: 1 });
  const old = ownerFacts({ name: 'default/old', title: 'Deployment default/web', uid: 'old', replicas: 0 });
  const pod = (name: string, node: string | undefined, ready: boolean, uid = 'web') =>
    podFacts({ name, node, ready, owner: { kind: 'ReplicaSet', uid, name: uid } });
  const pods = [
    pod('default/a', 'kube2', true),
    pod('default/b', 'kube2', true),
    pod('default/c', 'kube10', true),
    pod('default/d', 'kube1', false),
    pod('default/e', undefined, false),
    pod('kube-system/f', 'kube1', true, 'dns'),
  ];
  const world = {
    pods: new Map(pods.map((one) => [one.name, one])),
    owners: new Map([web, dns, old].map((one) => [one.uid, one])),
  };
  const services = ['default/web', 'default/kubernetes', 'kube-system/dns'].flatMap((name) => {
    const [namespace, own] = name.split('/');
    return readService({ metadata: { namespace, name: own }, spec: { ports: [{ port: 80 }] } }) ?? [];
  });
  const view = workloadsView({ world, services, nodes: [] });
  t.deepEqual(view.spread, [{ title: 'Deployment default/web', wanted: 3, ready: 3, nodes: { kube2: 2, kube10: 1 } }]);
  t.deepEqual(Object.keys(view.spread[0]?.nodes ?? {}), ['kube2', 'kube10']);
  t.deepEqual(
    view.services.map(({ name }) => name),
    ['default/web'],
  );
});
