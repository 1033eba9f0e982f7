import test from 'ava';
import { instant } from '../../../../config/values.ts';
import { byLeastLoss, protection } from '../../../../daemon/cluster/balance/protect.ts';
import type { OwnerFacts, PodFacts, PodShape } from '../../../../daemon/cluster/workloads/facts.ts';
import { ownerFacts, podFacts, podShape } from '../../../support/world.ts';

const claims = new Map(
  [
    { name: 'default/free', nodeAffinity: [], single: false },
    { name: 'default/one', nodeAffinity: [], single: true },
    { name: 'default/local', nodeAffinity: [[]], single: true },
    { name: 'default/unbound', nodeAffinity: undefined, single: true },
  ].map((claim) => [claim.name, claim]),
);

const cases: readonly [string, Partial<PodFacts>, Partial<OwnerFacts>, Partial<PodShape>, boolean][] = [
  ['a replica', {}, {}, {}, false],
  ['a mirror pod', { mirror: true }, {}, {}, true],
  ['a DaemonSet', {}, { kind: 'DaemonSet' }, {}, true],
  ['a Job', {}, { kind: 'Job' }, {}, true],
  ['local storage', {}, {}, { localStorage: true }, true],
  ['local storage that may go', { wish: 'may-move' }, {}, { localStorage: true }, false],
  ['local storage whose owner lets it go', {}, { wish: 'may-move' }, { localStorage: true }, false],
  ['system-critical', {}, {}, { systemCritical: true }, true],
  ['a wish to stay', { wish: 'stay' }, { wish: 'may-move' }, {}, true],
  ['a wish of its owner', {}, { wish: 'stay' }, {}, true],
  ['a wish of its own against that', { wish: 'may-move' }, { wish: 'stay' }, {}, false],
  ['a volume that is everywhere', {}, {}, { claims: ['default/free'] }, false],
  ['a volume that is on one Node at a time', {}, {}, { claims: ['default/one'] }, true],
  ['the same in a StatefulSet', {}, { kind: 'StatefulSet' }, { claims: ['default/one'] }, false],
  [
    'a volume of its Node, even if it may go',
    { wish: 'may-move' },
    { kind: 'StatefulSet' },
    { claims: ['default/local'] },
    true,
  ],
  ['a volume that is not bound', {}, { kind: 'StatefulSet' }, { claims: ['default/unbound'] }, true],
  ['a volume that nobody knows', {}, {}, { claims: ['default/unknown'] }, true],
];

for (const [title, pod, owner, shape, stays] of cases) {
  test(`${title} ${stays ? 'stays' : 'may be moved'}`, (t) => {
    const made = ownerFacts({ name: 'default/web', ...owner });
    const ref = { kind: made.kind, uid: made.uid, name: made.name };
    const why = protection(
      podFacts({ name: 'default/web-1', owner: ref, shape: podShape(shape), ...pod }),
      made,
      claims,
    );
    t.is(why !== undefined, stays, why);
  });
}

test('a pod of nobody, or of something that is not known here, stays', (t) => {
  t.regex(protection(podFacts({ name: 'default/bare' }), undefined, claims) ?? '', /no controller/);
  const owner = { kind: 'Rollout', uid: 'u', name: 'default/r' };
  t.regex(protection(podFacts({ name: 'default/r-1', owner }), undefined, claims) ?? '', /Rollout/);
});

test('who goes first: not ready, then cheap, then young; of a StatefulSet the last', (t) => {
  const pods = [
    podFacts({ name: 'default/web-2' }),
    podFacts({ name: 'default/web-10', created: instant(1_800_000_000_000) }),
    podFacts({ name: 'default/web-3', deletionCost: -5 }),
    podFacts({ name: 'default/web-1', ready: false }),
  ];
  const order = (kind: OwnerFacts['kind']) =>
    pods
      .toSorted(byLeastLoss(ownerFacts({ name: 'default/web', kind })))
      .map(({ name }) => name.slice('default/web-'.length));
  t.deepEqual(order('ReplicaSet'), ['1', '3', '10', '2']);
  t.deepEqual(order('StatefulSet'), ['10', '3', '2', '1']);
});
