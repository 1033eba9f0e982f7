import test from 'ava';
import fc from 'fast-check';
import { ok } from '../../../config/result.ts';
import { readCsr } from '../../../daemon/cluster/csrs.ts';
import { readNode } from '../../../daemon/cluster/nodes.ts';
import { readListPage, readWatchLine } from '../../../daemon/cluster/watch-event.ts';

const object = { kind: 'Node', metadata: { name: 'a', resourceVersion: '7' } };

for (const [type, expected] of [
  ['ADDED', { type: 'upsert', object, version: '7' }],
  ['MODIFIED', { type: 'upsert', object, version: '7' }],
  ['DELETED', { type: 'delete', object, version: '7' }],
  ['BOOKMARK', { type: 'bookmark', version: '7' }],
] as const) {
  test(`an event of type ${type}`, (t) => {
    t.deepEqual(readWatchLine(JSON.stringify({ type, object })), ok(expected));
  });
}

for (const [what, line, code] of [
  ['expired', '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}', 'WATCH_EXPIRED'],
  ['failed', '{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}}', 'WATCH_FAILED'],
  ['an error without a word', '{"type":"ERROR"}', 'WATCH_FAILED'],
  ['no JSON', '<html>502</html>', 'WATCH_GARBAGE'],
  ['half a line', '{"type":"ADDED","obj', 'WATCH_GARBAGE'],
  ['an empty line', '', 'WATCH_GARBAGE'],
  ['null', 'null', 'WATCH_GARBAGE'],
  ['an unknown type', '{"type":"SURPRISE","object":{"metadata":{"resourceVersion":"7"}}}', 'WATCH_GARBAGE'],
  ['no object', '{"type":"ADDED"}', 'WATCH_GARBAGE'],
  ['a list for an object', '{"type":"ADDED","object":[]}', 'WATCH_GARBAGE'],
  ['no version', '{"type":"MODIFIED","object":{"metadata":{"name":"a"}}}', 'WATCH_GARBAGE'],
  ['a bookmark without a version', '{"type":"BOOKMARK","object":{}}', 'WATCH_GARBAGE'],
] as const) {
  test(`no event: ${what}`, (t) => {
    const read = readWatchLine(line);
    t.is(read.ok ? 'read' : read.error.code, code);
  });
}

test('lists', (t) => {
  const page = { metadata: { resourceVersion: '9', continue: 'next' }, items: [object] };
  t.deepEqual(readListPage(page), ok({ items: [object], version: '9', next: 'next' }));
  const last = { metadata: { resourceVersion: '9', continue: '' }, items: null };
  t.deepEqual(readListPage(last), ok({ items: [], version: '9', next: undefined }));
  for (const broken of [null, [], 'x', {}, { metadata: { resourceVersion: '9' }, items: {} }, { items: [] }]) {
    t.false(readListPage(broken).ok, JSON.stringify(broken));
  }
});

test('a Node: only what it says clearly', (t) => {
  const node = {
    metadata: {
      ...{ name: 'a', uid: 'u', labels: { 'bramble.dev/device': 'd-1' } },
      annotations: { 'bramble.dev/cordoned-by': 'anna' },
    },
    spec: { unschedulable: true, taints: [{ key: 'k', effect: 'NoSchedule' }, 'nonsense'] },
    status: {
      allocatable: { cpu: '3500m', memory: '3906220Ki', pods: '110' },
      conditions: [
        { type: 'MemoryPressure', status: 'False' },
        { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
      addresses: [
        { type: 'Hostname', address: 'a' },
        { type: 'InternalIP', address: '10.0.0.1' },
      ],
    },
  };
  t.deepEqual(readNode(node), {
    ...{ name: 'a', uid: 'u', ready: true, internalIp: '10.0.0.1', device: 'd-1', unschedulable: true },
    ...{ controlPlane: false, bootId: undefined },
    taints: [{ key: 'k', value: '', effect: 'NoSchedule' }],
    lastTransition: '2026-01-01T00:00:00Z',
    labels: { 'bramble.dev/device': 'd-1' },
    cordonedBy: 'anna',
    bootId: undefined,
    allocatable: { cpu: 3500, memory: 3_999_969_280, pods: 110 },
  });
  const unknown = { ...node, status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } };
  t.like(readNode(unknown), { ready: false, internalIp: undefined });
  t.is(readNode({ metadata: { name: 'a' } }), undefined);
  for (const role of ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'])
    t.like(readNode({ metadata: { name: 'a', uid: 'u', labels: { [role]: '' } } }), { controlPlane: true });
});

test('nothing that a server sends makes a reader throw', (t) => {
  fc.assert(
    fc.property(fc.json(), fc.jsonValue(), (line, value) => {
      t.is(typeof readWatchLine(line).ok, 'boolean');
      t.is(typeof readListPage(value).ok, 'boolean');
      const nested = { metadata: { name: 'a', uid: 'u', labels: value }, spec: value, status: value };
      for (const read of [readNode, readCsr]) t.is(read(nested)?.name, 'a');
      t.is(readNode(value)?.name, undefined);
    }),
  );
});
