import test from 'ava';
import { instant } from '../../../../config/values.ts';
import { boundPods } from '../../../../daemon/cluster/failover/bound-pods.ts';
import type { ClaimFacts, PodFacts, PodShape, Requirement, World } from '../../../../daemon/cluster/workloads/facts.ts';
import { nodeFacts } from '../../../support/nodes.ts';

const shape: PodShape = {
  requests: { cpu: 0, memory: 0 },
  ...{ hostPorts: [], nodeSelector: {}, nodeAffinity: [], podAffinity: [], podAntiAffinity: [], spread: [] },
  ...{ tolerations: [], claims: [], images: [] },
  ...{ localStorage: false, systemCritical: false, priority: 0, hostNetwork: false },
};
const aPod = (
  name: string,
  kind: string,
  changes: Partial<PodFacts> = {},
  claims: readonly string[] = [],
): PodFacts => ({
  name: `default/${name}`,
  uid: `uid-${name}`,
  node: 'pi2',
  owner: { kind, uid: `uid-of-${name}`, name: `default/${name}` },
  ...{ phase: 'Running', ready: true, readySince: undefined, terminating: false, created: instant(0), labels: {} },
  shape: { ...shape, claims },
  ...{ wish: undefined, deletionCost: 0, mirror: false },
  ...changes,
});
const nodes = [nodeFacts({ name: 'pi2' }), nodeFacts({ name: 'pi3' })];
const hostname = (operator: Requirement['operator'], ...values: readonly string[]): Requirement => ({
  ...{ key: 'kubernetes.io/hostname', operator, values },
});
const bound = (pods: readonly PodFacts[], claims: readonly ClaimFacts[] = []): readonly string[] => {
  const world: World = {
    nodes,
    pods: new Map(pods.map((pod) => [pod.name, pod])),
    owners: new Map(),
    budgets: [],
    claims: new Map(claims.map((claim) => [claim.name, claim])),
  };
  return boundPods(world, nodeFacts({ name: 'pi2' })).map(({ name }) => name);
};

test('pods of a StatefulSet and those with a volume for one Node wait; others are replaced as they are', (t) => {
  const claims: readonly ClaimFacts[] = [
    { name: 'default/one', nodeAffinity: [], single: true },
    { name: 'default/many', nodeAffinity: [], single: false },
  ];
  const pods = [
    aPod('db-0', 'StatefulSet'),
    aPod('going-0', 'StatefulSet', { terminating: true }),
    aPod('disk', 'ReplicaSet', {}, ['default/one']),
    aPod('shared', 'ReplicaSet', {}, ['default/many']),
    aPod('web', 'ReplicaSet'),
    aPod('agent', 'DaemonSet', {}, ['default/one']),
    aPod('done-0', 'StatefulSet', { phase: 'Succeeded' }),
    aPod('static', 'Node', { mirror: true }, ['default/one']),
    aPod('elsewhere-0', 'StatefulSet', { node: 'pi3' }),
    aPod('pending-0', 'StatefulSet', { node: undefined, phase: 'Pending' }),
  ];
  t.deepEqual(bound(pods, claims), ['default/db-0', 'default/going-0', 'default/disk']);
});

test('what lies on the board’s own disk waits for the board, whatever is proven', (t) => {
  const data = (terms: readonly (readonly Requirement[])[]): readonly ClaimFacts[] => [
    { name: 'default/data', nodeAffinity: terms, single: true },
  ];
  const pods = [aPod('db-0', 'StatefulSet', {}, ['default/data'])];
  t.deepEqual(bound(pods, data([[hostname('In', 'pi2')]])), []);
  t.deepEqual(bound(pods, data([[hostname('In', 'pi2', 'pi3')]])), ['default/db-0']);
  t.deepEqual(bound(pods, data([[hostname('In', 'pi2')], [hostname('Exists')]])), ['default/db-0']);
  t.deepEqual(bound(pods, data([[hostname('NotIn', 'pi3')]])), []);
  t.deepEqual(bound(pods, data([[hostname('DoesNotExist')]])), []);
  t.deepEqual(bound(pods, data([[{ key: 'metadata.name', operator: 'In', values: ['pi3'], field: true }]])), [
    'default/db-0',
  ]);
});
