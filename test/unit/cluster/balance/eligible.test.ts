import test from 'ava';
import { barrier, type Standing } from '../../../../daemon/cluster/balance/eligible.ts';
import type { NodeFacts } from '../../../../daemon/cluster/nodes.ts';
import type { PodShape, Requirement, Toleration } from '../../../../daemon/cluster/workloads/facts.ts';
import { matchesSelector, matchesTerms } from '../../../../daemon/cluster/workloads/matching.ts';
import { nodeFacts } from '../../../support/nodes.ts';
import { podShape } from '../../../support/world.ts';

const taint = (key: string, effect: string, value = '') => ({ key, value, effect });
const tolerates = (changes: Partial<Toleration>): Partial<PodShape> => ({
  tolerations: [{ key: undefined, operator: 'Exists', value: '', effect: undefined, ...changes }],
});

const cases: readonly [string, Partial<PodShape>, Partial<NodeFacts>, Standing][] = [
  ['nothing special', {}, {}, 'open'],
  ['not Ready', {}, { ready: false }, 'closed'],
  ['cordoned', {}, { unschedulable: true }, 'closed'],
  ['under pressure', {}, { taints: [taint('node.kubernetes.io/disk-pressure', 'NoSchedule')] }, 'closed'],
  ['fenced', {}, { taints: [taint('bramble.dev/unreachable', 'NoExecute')] }, 'closed'],
  ['tainted', {}, { taints: [taint('gpu', 'NoSchedule', 'yes')] }, 'not-meant'],
  ['tainted softly', {}, { taints: [taint('gpu', 'PreferNoSchedule')] }, 'open'],
  ['everything tolerated', tolerates({}), { taints: [taint('gpu', 'NoExecute')] }, 'open'],
  ['another key tolerated', tolerates({ key: 'cpu' }), { taints: [taint('gpu', 'NoSchedule')] }, 'not-meant'],
  [
    'another effect',
    tolerates({ key: 'gpu', effect: 'NoExecute' }),
    { taints: [taint('gpu', 'NoSchedule')] },
    'not-meant',
  ],
  [
    'its value',
    tolerates({ key: 'gpu', operator: 'Equal', value: 'yes' }),
    { taints: [taint('gpu', 'NoSchedule', 'yes')] },
    'open',
  ],
  [
    'another value',
    tolerates({ key: 'gpu', operator: 'Equal', value: 'no' }),
    { taints: [taint('gpu', 'NoSchedule', 'yes')] },
    'not-meant',
  ],
  ['a label that it has', { nodeSelector: { disk: 'ssd' } }, { labels: { disk: 'ssd' } }, 'open'],
  ['a label that it has not', { nodeSelector: { disk: 'ssd' } }, { labels: {} }, 'not-meant'],
  ['not Ready before not meant', { nodeSelector: { disk: 'ssd' } }, { ready: false }, 'closed'],
];

for (const [title, shape, node, standing] of cases) {
  test(`a Node with: ${title}`, (t) => {
    t.is(barrier(podShape(shape), nodeFacts({ name: 'w1', ...node }))?.standing ?? 'open', standing);
  });
}

const requirements: readonly [Requirement, string | undefined, boolean][] = [
  [{ key: 'a', operator: 'In', values: ['x', 'y'] }, 'y', true],
  [{ key: 'a', operator: 'In', values: ['x'] }, undefined, false],
  [{ key: 'a', operator: 'NotIn', values: ['x'] }, undefined, true],
  [{ key: 'a', operator: 'NotIn', values: ['x'] }, 'x', false],
  [{ key: 'a', operator: 'Exists', values: [] }, '', true],
  [{ key: 'a', operator: 'DoesNotExist', values: [] }, '', false],
  [{ key: 'a', operator: 'Gt', values: ['9'] }, '10', true],
  [{ key: 'a', operator: 'Gt', values: ['9'] }, 'many', false],
  [{ key: 'a', operator: 'Lt', values: ['9'] }, '8', true],
  [{ key: 'a', operator: 'Lt', values: [] }, '8', false],
];

for (const [requirement, value, isMet] of requirements) {
  const { operator, values } = requirement;
  test(`${operator} ${values.join(',')} of ${value === undefined ? 'nothing' : `"${value}"`}: ${isMet}`, (t) => {
    const labels = value === undefined ? {} : { a: value };
    t.is(matchesTerms([[requirement]], nodeFacts({ name: 'w1', labels })), isMet);
    t.is(matchesSelector({ matchLabels: {}, matchExpressions: [requirement] }, labels), isMet);
  });
}

test('terms are or-ed, requirements and-ed; a field is of the Node itself', (t) => {
  const node = nodeFacts({ name: 'w1', labels: { a: 'x' } });
  const [yes, no]: Requirement[] = [
    { key: 'a', operator: 'Exists', values: [] },
    { key: 'b', operator: 'Exists', values: [] },
  ];
  if (yes === undefined || no === undefined) return t.fail();
  t.true(matchesTerms([[no], [yes]], node));
  t.false(matchesTerms([[yes, no]], node));
  t.true(matchesTerms([[{ key: 'metadata.name', operator: 'In', values: ['w1'], field: true }]], node));
  t.true(matchesTerms([], node));
  t.false(matchesSelector(undefined, {}));
});
