import test from 'ava';
import { blockedText, drainOf, leftOf } from '../../../../daemon/cluster/power/drain.ts';
import type { PodFacts } from '../../../../daemon/cluster/workloads/facts.ts';
import { aWorld, podFacts, podShape } from '../../../support/world.ts';

const owner = { kind: 'ReplicaSet', uid: 'rs-1', name: 'default/web' };
const pod = (name: string, changes: Partial<PodFacts> = {}) =>
  podFacts({ name: `default/${name}`, node: 'worker-kube1', owner, ...changes });
const gentle = { force: false, deleteData: false };
const names = (pods: readonly { readonly name: string }[]) => pods.map(({ name }) => name);

const world = aWorld({
  nodes: ['worker-kube1', 'worker-kube2'],
  pods: [
    pod('web-2'),
    pod('web-1'),
    pod('elsewhere', { node: 'worker-kube2' }),
    pod('unbound', { node: undefined }),
    pod('going', { terminating: true }),
    pod('daemon', { owner: { kind: 'DaemonSet', uid: 'ds', name: 'kube-system/proxy' } }),
    pod('static', { mirror: true, owner: undefined }),
    pod('finished', { phase: 'Succeeded', owner: undefined }),
    pod('failed', { phase: 'Failed', owner: undefined }),
    pod('solo', { owner: undefined }),
    pod('cache', { shape: podShape({ localStorage: true }) }),
  ],
});

test('everything goes but what a DaemonSet or a file would bring back, and what has run to its end', (t) => {
  const drain = drainOf(world, 'worker-kube1', { force: true, deleteData: true });
  t.deepEqual(names(drain.going), ['default/cache', 'default/solo', 'default/web-1', 'default/web-2']);
  t.deepEqual(names(drain.leaving), ['default/going']);
  t.deepEqual(drain.blocked, []);
  t.is(leftOf(drain), 5);
});

test('what would be lost goes only by the owner’s word, which is named with it, as kubectl drain names it', (t) => {
  const drain = drainOf(world, 'worker-kube1', gentle);
  t.deepEqual(names(drain.going), ['default/web-1', 'default/web-2']);
  t.is(
    blockedText(drain.blocked),
    'default/cache (it has data on this board: --delete-emptydir-data gives them up), default/solo (nobody makes it anew: --force deletes it for good)',
  );
  t.deepEqual(names(drainOf(world, 'worker-kube1', { ...gentle, force: true }).blocked.map(({ pod }) => pod)), [
    'default/cache',
  ]);
  const many = Array.from({ length: 9 }, (_, index) => ({ pod: pod(`p${index}`), why: 'x' }));
  t.regex(blockedText(many), / and 6 more$/);
});

test('a Node without pods is drained', (t) => {
  t.is(leftOf(drainOf(world, 'worker-kube3', gentle)), 0);
});
