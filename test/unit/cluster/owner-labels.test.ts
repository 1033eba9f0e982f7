import test from 'ava';
import { err, ok, type Result } from '../../../config/result.ts';
import type { Api, ApiProblem } from '../../../daemon/cluster/api.ts';
import { ownersLabels, putLabels } from '../../../daemon/cluster/owner-labels.ts';
import { liesOn, volumesOn } from '../../../daemon/cluster/volumes.ts';

const { signal } = new AbortController();

/** Answers each request in turn, and writes down what was asked (double). */
function apiDouble(...answers: readonly Result<unknown, ApiProblem>[]) {
  const asked: { method: string; path: string; body: unknown }[] = [];
  const left = [...answers];
  const request: Api['request'] = async (method, path, { body }) => {
    asked.push({ method, path, body });
    return left.shift() ?? err({ code: 'API_FAILED', detail: 'not expected' });
  };
  return { api: { request }, asked };
}

test('the labels that people gave a Node are told from those of kubelet, the cluster and bramble', (t) => {
  const owners = {
    disk: 'ssd',
    'example.org/rack': 'b',
    'node-role.kubernetes.io/worker': 'true',
    'topology.kubernetes.io/zone': 'shelf-1',
  };
  const others = {
    'kubernetes.io/hostname': 'worker-kube1',
    'beta.kubernetes.io/arch': 'arm64',
    'node.kubernetes.io/instance-type': 'k3s',
    'k3s.io/hostname': 'worker-kube1',
    'bramble.dev/device': 'd-0123456789ab',
    'node-role.kubernetes.io/control-plane': 'true',
    odd: 7,
  };
  t.deepEqual(ownersLabels({ metadata: { labels: { ...owners, ...others } } }), owners);
  for (const nothing of [undefined, {}, { metadata: {} }, { metadata: { labels: [] } }])
    t.deepEqual(ownersLabels(nothing), {});
});

test('they are put on the Node that was meant, beside those that it has, and not again', async (t) => {
  const labels = { 'example.org/r~ack': 'b', disk: 'ssd' };
  const { api, asked } = apiDouble(ok({ metadata: { uid: 'u', labels: { disk: 'ssd' } } }), ok({}));
  t.true((await putLabels(api, 'a', 'u', labels, signal)).ok);
  t.deepEqual(asked.at(-1)?.body, [
    { op: 'test', path: '/metadata/uid', value: 'u' },
    { op: 'add', path: '/metadata/labels/example.org~1r~0ack', value: 'b' },
  ]);
  const bare = apiDouble(ok({ metadata: { uid: 'u' } }), ok({}));
  t.true((await putLabels(bare.api, 'a', 'u', { disk: 'ssd' }, signal)).ok);
  t.deepEqual(bare.asked.at(-1)?.body, [
    { op: 'test', path: '/metadata/uid', value: 'u' },
    { op: 'add', path: '/metadata/labels', value: {} },
    { op: 'add', path: '/metadata/labels/disk', value: 'ssd' },
  ]);
  const there = apiDouble(ok({ metadata: { uid: 'u', labels } }));
  t.true((await putLabels(there.api, 'a', 'u', labels, signal)).ok);
  t.is(there.asked.length, 1);
  const another = await putLabels(apiDouble(ok({ metadata: { uid: 'v' } })).api, 'a', 'u', labels, signal);
  t.like(another, { ok: false, error: { code: 'NODE_REPLACED' } });
});

const term = (key: string, values: readonly string[], operator = 'In') => ({ key, operator, values });
const volume = (name: string, nodeSelectorTerms: readonly unknown[]) => ({
  metadata: { name },
  spec: { nodeAffinity: { required: { nodeSelectorTerms } } },
});
const hostname = 'kubernetes.io/hostname';

test('a volume lies on a node if only that one, or one of a few, can mount it', (t) => {
  const local = volume('pv', [{ matchExpressions: [term(hostname, ['worker-kube1'])] }]);
  t.true(liesOn(local, 'worker-kube1'));
  t.false(liesOn(local, 'worker-kube'));
  t.true(liesOn(volume('pv', [{}, { matchFields: [term('metadata.name', ['a', 'b'])] }]), 'b'));
  for (const elsewhere of [
    volume('pv', [{ matchExpressions: [term('topology.kubernetes.io/zone', ['worker-kube1'])] }]),
    volume('pv', [{ matchExpressions: [term(hostname, ['worker-kube1'], 'NotIn')] }]),
    { metadata: { name: 'nfs' }, spec: { nfs: {} } },
    null,
  ]) {
    t.false(liesOn(elsewhere, 'worker-kube1'));
  }
});

test('all pages of volumes are read; what cannot be read is an error, not "none"', async (t) => {
  const page = (next: string | undefined, ...items: readonly unknown[]) =>
    ok({ metadata: { resourceVersion: '1', continue: next }, items });
  const on = (name: string, node: string) => volume(name, [{ matchExpressions: [term(hostname, [node])] }]);
  const { api, asked } = apiDouble(page('p&2', on('a', 'x'), on('b', 'y')), page(undefined, on('c', 'x')));
  t.deepEqual(await volumesOn(api, 'x', signal), ok(['a', 'c']));
  t.regex(asked.at(-1)?.path ?? '', /continue=p%262$/);
  t.false((await volumesOn(apiDouble(ok({ items: [] })).api, 'x', signal)).ok);
  t.false((await volumesOn(apiDouble(page('2', on('a', 'x'))).api, 'x', signal)).ok);
});
