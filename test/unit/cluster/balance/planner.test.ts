import test from 'ava';
import { spreadsOf } from '../../../../daemon/cluster/balance/outcome.ts';
import type { Plan, PlanOptions } from '../../../../daemon/cluster/balance/plan.ts';
import { planBalance } from '../../../../daemon/cluster/balance/planner.ts';
import { aWorld, type WorldWords } from '../../../support/world.ts';

const planned = (words: WorldWords, options?: PlanOptions): Plan => planBalance(aWorld(words), options);
/** `httpd-0: w1 > w3`, the namespace left out. */
const inShort = ({ moves }: Plan): readonly string[] =>
  moves.map(({ pod, from, to }) => `${pod.name.slice(pod.name.indexOf('/') + 1)}: ${from} > ${to}`);
const codes = ({ skipped }: Plan): readonly string[] => skipped.map(({ code }) => code);
const masterTaint = { key: 'node-role.kubernetes.io/control-plane', value: '', effect: 'NoSchedule' };

test('a Node that came back takes its share, with as few moves as there can be', (t) => {
  const words: WorldWords = { nodes: ['w1', 'w2', 'w3'], applications: [{ name: 'httpd', on: { w1: 3, w2: 3 } }] };
  const plan = planned(words);
  t.deepEqual(inShort(plan), ['httpd-0: w1 > w3', 'httpd-3: w2 > w3']);
  t.like(plan.moves[0], {
    ...{ goal: 'spread', method: 'evict', why: 'w1 has 3 of it, w3 0', title: 'Deployment default/httpd' },
    before: { from: 3, to: 0 },
    after: { from: 2, to: 1 },
  });
  const spreads = spreadsOf(aWorld(words), plan.moves);
  t.is(spreads.length, 1);
  t.like(spreads[0], { before: { w1: 3, w2: 3 }, after: { w1: 2, w2: 2, w3: 2 } });
});

test('2, 2, 1, 0 is not even, though no Node has more than its share rounded up', (t) => {
  const plan = planned({
    nodes: ['w1', 'w2', 'w3', 'w4'],
    applications: [{ name: 'httpd', on: { w1: 2, w2: 2, w3: 1 } }],
  });
  t.deepEqual(inShort(plan), ['httpd-0: w1 > w4']);
});

test('ten applications with one replica on one worker: a second one gets five of them, none of which is ever away', (t) => {
  const applications = Array.from({ length: 10 }, (_, index) => ({ name: `web${index}`, on: { w1: 1 } }));
  const plan = planned({ nodes: ['w1', 'w2'], applications });
  t.is(plan.moves.length, 5);
  t.true(plan.moves.every(({ goal, method, to }) => goal === 'even' && method === 'surge' && to === 'w2'));
});

test('the master is emptied of what may not be there', (t) => {
  const plan = planned({
    nodes: [{ name: 'master', taints: [masterTaint] }, 'w1', 'w2'],
    applications: [
      { name: 'httpd', on: { master: 2 } },
      {
        name: 'tolerant',
        on: { master: 1 },
        shape: { tolerations: [{ key: masterTaint.key, operator: 'Exists', value: '', effect: undefined }] },
      },
    ],
  });
  t.deepEqual(inShort(plan), ['httpd-0: master > w1', 'httpd-1: master > w2']);
  t.is(plan.moves[0]?.why, 'master has the taint node-role.kubernetes.io/control-plane');
  t.like(plan.objective, { before: { misplaced: 2 }, after: { misplaced: 0 } });
});

test('what is cordoned, not Ready or fenced is neither given anything nor emptied', (t) => {
  for (const closed of [
    { unschedulable: true },
    { ready: false },
    { taints: [{ key: 'bramble.dev/unreachable', value: '', effect: 'NoExecute' }] },
  ]) {
    const plan = planned({
      nodes: ['w1', 'w2', { name: 'w3', ...closed }, { name: 'w4', ...closed }],
      applications: [{ name: 'httpd', on: { w1: 1, w3: 5 } }],
    });
    t.deepEqual(plan.moves, []);
  }
});

test('an owner that is being changed, or whose budget allows nothing, waits and it is said why', (t) => {
  const nodes = ['w1', 'w2'];
  const on = { w1: 4 };
  t.deepEqual(codes(planned({ nodes, applications: [{ name: 'httpd', on, owner: { rolling: true } }] })), ['rolling']);
  const budget = {
    name: 'default/httpd',
    allowed: 0,
    selector: { matchLabels: { app: 'httpd' }, matchExpressions: [] },
  };
  const applications = [{ name: 'httpd', on }];
  t.deepEqual(codes(planned({ nodes, applications, budgets: [budget] })), ['budget']);
  t.deepEqual(planned({ nodes, applications, budgets: [{ ...budget, allowed: 1 }] }).moves[0]?.budget, 'default/httpd');
  t.deepEqual(codes(planned({ nodes, applications, budgets: [budget, { ...budget, name: 'default/other' }] })), [
    'several-budgets',
  ]);
});

test('what would even the Nodes out and stays is named once, with the reason; what need not go is not', (t) => {
  const nodes = ['w1', 'w2'];
  const stuck = Array.from({ length: 4 }, (_, index) => ({
    name: `files${index}`,
    on: { w1: 1 },
    shape: { localStorage: true },
  }));
  const plan = planned({ nodes, applications: stuck });
  t.deepEqual(plan.moves, []);
  t.deepEqual(
    plan.skipped.map(({ title, goal, code }) => [title, goal, code]),
    stuck.map(({ name }) => [`Deployment default/${name}`, 'even', 'protected']),
  );
  t.regex(plan.skipped[0]?.reason ?? '', /emptyDir/);
  const free = Array.from({ length: 4 }, (_, index) => ({ name: `web${index}`, on: { w1: 1 } }));
  const even = planned({ nodes, applications: [...stuck, ...free] });
  t.is(even.moves.length, 4);
  t.deepEqual(even.skipped, []);
});
