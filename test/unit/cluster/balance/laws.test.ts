import test from 'ava';
import fc from 'fast-check';
import type { Objective } from '../../../../daemon/cluster/balance/plan.ts';
import { createPlanner, planBalance } from '../../../../daemon/cluster/balance/planner.ts';
import type { World } from '../../../../daemon/cluster/workloads/facts.ts';
import { anyWorld } from '../../../support/balance/any-world.ts';
import { carriedOut } from '../../../support/balance/carried-out.ts';

const runs = { numRuns: 400 };

/** -1: the first is better. Fractions that come from another order of summing are no difference. */
function compare(a: Objective, b: Objective): number {
  const load = a.load - b.load;
  return Math.sign(a.misplaced - b.misplaced || a.uneven - b.uneven || (Math.abs(load) < 1e-9 ? 0 : load));
}

test('the objective falls with each move, goal by goal', (t) => {
  let moved = 0;
  fc.assert(
    fc.property(anyWorld, (world) => {
      let now = world;
      for (const move of planBalance(world).moves) {
        moved += 1;
        const next = carriedOut(now, [move]);
        const [before, after] = [planBalance(now, { limit: 0 }), planBalance(next, { limit: 0 })];
        t.is(compare(after.objective.before, before.objective.before), -1, JSON.stringify({ move, before, after }));
        now = next;
      }
    }),
    runs,
  );
  t.true(moved > 200);
});

test('the objective that a plan promises is the one that comes of it', (t) => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const { moves, objective } = planBalance(world);
      const { misplaced, uneven } = planBalance(carriedOut(world, moves), { limit: 0 }).objective.before;
      t.like(objective.after, { misplaced, uneven });
      t.true(moves.length === 0 || compare(objective.after, objective.before) < 0);
    }),
    runs,
  );
});

test('after a plan there is nothing left to plan of its first two goals', (t) => {
  const goals = ['ineligible', 'spread'] as const;
  fc.assert(
    fc.property(anyWorld, (world) => {
      t.deepEqual(planBalance(carriedOut(world, planBalance(world, { goals }).moves), { goals }).moves, []);
    }),
    runs,
  );
});

test('plan after plan, each carried out, comes to an end soon', (t) => {
  // What one has put where the scheduler wanted it, another may even out across owners.
  fc.assert(
    fc.property(anyWorld, (world) => {
      let now = world;
      let [plans, { moves }] = [1, planBalance(now)];
      for (; moves.length > 0 && plans < 10; plans++) {
        now = carriedOut(now, moves);
        moves = planBalance(now).moves;
      }
      t.true(plans < 6, `${plans}`);
    }),
    runs,
  );
});

test('the order in which the world is told makes no difference', (t) => {
  fc.assert(
    fc.property(
      anyWorld.chain((world) =>
        fc.tuple(
          fc.constant(world),
          fc.shuffledSubarray([...world.nodes], { minLength: world.nodes.length }),
          fc.shuffledSubarray([...world.pods], { minLength: world.pods.size }),
          fc.shuffledSubarray([...world.owners], { minLength: world.owners.size }),
        ),
      ),
      ([world, nodes, pods, owners]) => {
        const shuffled: World = { ...world, nodes, pods: new Map(pods), owners: new Map(owners) };
        t.deepEqual(planBalance(shuffled), planBalance(world));
      },
    ),
    runs,
  );
});

test('what may not be touched is not, whoever gains by it', (t) => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      for (const {
        pod: { name },
        owner: uid,
        method,
      } of planBalance(world).moves) {
        const [pod, owner] = [world.pods.get(name), world.owners.get(uid)];
        if (pod === undefined || owner === undefined) return t.fail('it is not there');
        const { shape, wish } = pod;
        const stays = wish === 'stay' || (wish === undefined && owner.wish === 'stay');
        const mayMove = wish === 'may-move' || (wish === undefined && owner.wish === 'may-move');
        t.false(stays || pod.terminating || owner.kind === 'DaemonSet' || owner.rolling);
        t.true(mayMove || !(shape.localStorage || shape.systemCritical));
        t.true(
          method === 'evict' ||
            (owner.replicas === 1 && owner.scaledBy === undefined && owner.deployment !== undefined),
        );
      }
    }),
    runs,
  );
});

test('no pod leaves against its budget, and none twice', (t) => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const { moves } = planBalance(world);
      t.is(new Set(moves.map(({ pod }) => pod.uid)).size, moves.length);
      for (const { pod, method, budget } of moves) {
        const covering = world.budgets.filter(
          ({ selector }) => selector?.matchLabels['app'] === world.pods.get(pod.name)?.labels['app'],
        );
        t.is(budget, method === 'surge' ? undefined : covering[0]?.name);
        t.true(method === 'surge' || covering.every(({ allowed }) => allowed > 0));
      }
    }),
    runs,
  );
});

test('a plan that is limited is the beginning of the whole one', (t) => {
  fc.assert(
    fc.property(anyWorld, fc.nat(4), (world, limit) => {
      t.deepEqual(planBalance(world, { limit }).moves, planBalance(world).moves.slice(0, limit));
    }),
    runs,
  );
});

test('a planner that is told of each change plans as one that sees the world for the first time', (t) => {
  fc.assert(
    fc.property(fc.array(anyWorld, { minLength: 2, maxLength: 4 }), ([first, ...others]) => {
      if (first === undefined) return;
      const planner = createPlanner();
      planner.take(first);
      let now = first;
      for (const next of others) {
        for (const [kind, names] of changesBetween(now, next))
          for (const name of names) planner.changed(next, { kind, name });
        t.deepEqual(planner.plan(), planBalance(next));
        // A plan leaves nothing behind.
        t.deepEqual(planner.plan(), planBalance(next));
        now = next;
      }
    }),
    { numRuns: 150 },
  );
});

/** Everything that either has, in an order of no meaning. */
const changesBetween = (before: World, after: World) =>
  [
    ['owner', [...before.owners.keys(), ...after.owners.keys()]],
    ['pod', [...before.pods.keys(), ...after.pods.keys()]],
    ['node', [...before.nodes, ...after.nodes].map(({ name }) => name)],
    ['budget', ['default/a']],
  ] as const;
