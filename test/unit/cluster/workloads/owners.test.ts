import test from 'ava';
import { createOwnerTable } from '../../../../daemon/cluster/workloads/owner-table.ts';
import { readAutoscaler, type Scaled, scaledReader } from '../../../../daemon/cluster/workloads/owners.ts';

const settled = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
const object = (name: string, changes: { metadata?: object; spec?: object; status?: object } = {}) => ({
  metadata: { name, namespace: 'default', uid: `uid-${name}`, generation: 2, ...changes.metadata },
  spec: { replicas: 2, ...changes.spec },
  status: { ...settled, ...changes.status },
});
const by = (kind: string, name: string) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: `uid-${name}`, controller: true }],
});
const read = (kind: Scaled['kind'], ...given: Parameters<typeof object>): Scaled => {
  const found = scaledReader(kind)(object(...given));
  if (found === undefined) throw new Error('not kept');
  return found;
};
const web = read('Deployment', 'web');
const set = read('ReplicaSet', 'web-1', { metadata: by('Deployment', 'web') });

const rollings: readonly (readonly [what: string, kind: Scaled['kind'], Parameters<typeof object>[1], boolean])[] = [
  ['as it is to be', 'Deployment', {}, false],
  ['not heard of by its controller', 'Deployment', { metadata: { generation: 3 } }, true],
  ['old ones left', 'Deployment', { status: { replicas: 3 } }, true],
  ['not all new', 'Deployment', { status: { updatedReplicas: 1 } }, true],
  ['not all there', 'Deployment', { status: { availableReplicas: undefined } }, true],
  ['paused', 'Deployment', { spec: { paused: true } }, true],
  [
    'scaled to nothing',
    'Deployment',
    { spec: { replicas: 0 }, status: { replicas: 0, updatedReplicas: undefined, availableReplicas: undefined } },
    false,
  ],
  ['a ReplicaSet has no newer ones', 'ReplicaSet', { status: { updatedReplicas: undefined } }, false],
  [
    'a StatefulSet at its revision',
    'StatefulSet',
    { status: { currentRevision: 'a', updateRevision: 'a', updatedReplicas: undefined } },
    false,
  ],
  ['a StatefulSet between two', 'StatefulSet', { status: { currentRevision: 'a', updateRevision: 'b' } }, true],
];
for (const [what, kind, changes, expected] of rollings)
  test(`rolling: ${kind}, ${what}`, (t) => void t.is(read(kind, 'x', changes).rolling, expected));

const managed = (manager: string) => ({
  managedFields: [
    { manager: 'kubectl', operation: 'Update' },
    { manager, operation: 'Apply' },
  ],
});
const gitops: readonly (readonly [what: string, metadata: object, boolean])[] = [
  ['nobody', {}, false],
  [
    'Helm at a command line',
    {
      labels: { 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { 'meta.helm.sh/release-name': 'x' },
      ...managed('helm'),
    },
    false,
  ],
  ['Argo CD by its label', { labels: { 'argocd.argoproj.io/instance': 'x' } }, true],
  ['Argo CD by its annotation', { annotations: { 'argocd.argoproj.io/tracking-id': 'x' } }, true],
  ['Argo CD by its fields', managed('argocd-controller'), true],
  ['Flux by its label', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'x' } }, true],
  ['Flux’ Helm by its label', { labels: { 'helm.toolkit.fluxcd.io/name': 'x' } }, true],
  ['Flux by its fields', managed('kustomize-controller'), true],
];
for (const [what, metadata, expected] of gitops)
  test(`GitOps: ${what}`, (t) => void t.is(read('Deployment', 'web', { metadata }).gitops, expected));

test('a ReplicaSet that is history is not kept; one that is going is', (t) => {
  const none = { replicas: 0, availableReplicas: undefined };
  t.is(scaledReader('ReplicaSet')(object('old', { spec: { replicas: 0 }, status: none })), undefined);
  t.is(read('ReplicaSet', 'going', { spec: { replicas: 0 } }).replicas, 0);
  t.is(scaledReader('ReplicaSet')({ metadata: {} }), undefined);
});

test('an owner is put together from what comes in any order', (t) => {
  const changed: string[] = [];
  const { owners, put, remove, autoscale } = createOwnerTable((uid) => changed.push(uid));
  put(set);
  t.like(owners.get('uid-web-1'), { title: 'Deployment default/web', rolling: true, replicas: 2 });
  put(web);
  t.deepEqual(owners.get('uid-web-1'), {
    ...{ kind: 'ReplicaSet', uid: 'uid-web-1', name: 'default/web-1', title: 'Deployment default/web' },
    deployment: { uid: 'uid-web', name: 'default/web' },
    ...{ replicas: 2, minReadySeconds: 0, rolling: false, scaledBy: undefined, wish: undefined },
  });
  put(web);
  put(set);
  t.is(changed.length, 2, 'the same again is no change');

  put(
    read('Deployment', 'web', {
      metadata: { annotations: { 'bramble.dev/balance': 'false' }, labels: { 'argocd.argoproj.io/instance': 'x' } },
    }),
  );
  t.like(owners.get('uid-web-1'), { wish: 'stay', scaledBy: 'gitops' });
  autoscale([{ name: 'default/a', target: 'Deployment default/web' }]);
  t.is(owners.get('uid-web-1')?.scaledBy, 'autoscaler');
  autoscale([]);
  remove(web);
  t.true(owners.get('uid-web-1')?.rolling, 'nothing is known of the Deployment any more');
  remove(set);
  t.is(owners.size, 0);
});

test('another one of the same name takes its place', (t) => {
  const { owners, put } = createOwnerTable(() => undefined);
  put(read('StatefulSet', 'db'));
  put(read('StatefulSet', 'db', { metadata: { uid: 'second' } }));
  t.deepEqual([...owners.keys()], ['second']);
  t.like(owners.get('second'), { title: 'StatefulSet default/db', deployment: undefined });
});

test('what stands above a ReplicaSet need not be a Deployment', (t) => {
  const { owners, put } = createOwnerTable(() => undefined);
  put(read('ReplicaSet', 'canary-1', { metadata: by('Rollout', 'canary') }));
  t.like(owners.get('uid-canary-1'), { title: 'Rollout default/canary', deployment: undefined, rolling: false });
});

test('an autoscaler names what it decides about', (t) => {
  const target = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } };
  const metadata = { name: 'a', namespace: 'default' };
  t.deepEqual(readAutoscaler({ metadata, spec: target }), { name: 'default/a', target: 'Deployment default/web' });
  t.is(readAutoscaler({ metadata, spec: {} }), undefined);
});
