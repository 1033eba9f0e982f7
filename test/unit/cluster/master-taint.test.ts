import test from 'ava';
import { freeMasterPatch, taintMasterPatch } from '../../../daemon/cluster/master-taint.ts';

const mark = 'bramble.dev/tainted-control-plane';
const path = '/metadata/annotations/bramble.dev~1tainted-control-plane';
const taint = { key: 'node-role.kubernetes.io/control-plane', value: '', effect: 'NoSchedule' };
const other = { key: 'example.com/x', value: 'y', effect: 'NoExecute' };
const master = (taints?: readonly object[], annotations?: object) => ({
  metadata: { name: 'master', uid: 'u', resourceVersion: '7', ...(annotations && { annotations }) },
  spec: taints === undefined ? {} : { taints },
});
const itself = { op: 'test', path: '/metadata/uid', value: 'u' };
const untouched = { op: 'test', path: '/metadata/resourceVersion', value: '7' };

test('a master as k3s has it is tainted, and marked', (t) => {
  t.deepEqual(taintMasterPatch(master()), [
    ...[itself, untouched, { op: 'add', path: '/spec/taints', value: [taint] }],
    ...[itself, untouched, { op: 'add', path: '/metadata/annotations', value: {} }, { op: 'add', path, value: 'true' }],
  ]);
});

test('beside the taints of others; never a cordon', (t) => {
  const patch = taintMasterPatch(master([other], { a: 'b' }));
  t.deepEqual(
    patch?.filter(({ op }) => op !== 'test'),
    [
      { op: 'add', path: '/spec/taints/-', value: taint },
      { op: 'add', path, value: 'true' },
    ],
  );
  t.false(JSON.stringify(patch).includes('unschedulable'));
});

test('one that has it is left as it is, and its taint is never ours', (t) => {
  t.is(taintMasterPatch(master([taint])), undefined);
  t.is(taintMasterPatch(master([{ ...taint, value: 'true' }])), undefined);
  t.is(freeMasterPatch(master([taint])), undefined);
  t.is(freeMasterPatch(master([taint], { a: 'b' })), undefined);
});

test('what we put there comes off again, with its mark', (t) => {
  const changes = freeMasterPatch(master([taint, other], { [mark]: 'true' }))?.filter(({ op }) => op !== 'test');
  t.deepEqual(changes, [
    { op: 'replace', path: '/spec/taints', value: [other] },
    { op: 'remove', path },
  ]);
  const alone = freeMasterPatch(master([], { [mark]: 'true' }))?.filter(({ op }) => op !== 'test');
  t.deepEqual(alone, [{ op: 'remove', path }], 'somebody took it off before');
});
