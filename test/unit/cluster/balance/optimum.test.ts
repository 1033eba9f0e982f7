import test from 'ava';
import fc from 'fast-check';
import { planBalance } from '../../../../daemon/cluster/balance/planner.ts';
import { carriedOut, countsOn } from '../../../support/balance/carried-out.ts';
import { isEven, optimumByFlow, optimumByTrying, type Place } from '../../../support/balance/optimum.ts';
import { afterRemoveDuplicates } from '../../../support/balance/remove-duplicates.ts';
import { aWorld, ownerFacts, podFacts } from '../../../support/world.ts';

/** One owner on Nodes that are alike but for how many pods they take; `fixed` of its pods have an annotation to stay. */
function worldOf(places: readonly Place[]) {
  const names = places.map((_, index) => `w${index + 1}`);
  const owner = ownerFacts({ name: 'default/httpd', replicas: places.reduce((sum, { count }) => sum + count, 0) });
  const ref = { kind: owner.kind, uid: owner.uid, name: owner.name };
  const pods = places.flatMap(({ count, fixed }, place) =>
    Array.from({ length: count }, (_, index) =>
      podFacts({
        ...{ name: `default/httpd-${place}-${index}`, node: names[place], owner: ref, labels: { app: 'httpd' } },
        wish: index < fixed ? 'stay' : undefined,
      }),
    ),
  );
  const nodes = places.map(({ most }, index) => ({
    name: `w${index + 1}`,
    allocatable: { cpu: 4000, memory: 4 * 2 ** 30, pods: most },
  }));
  return { world: { ...aWorld({ nodes, pods }), owners: new Map([[owner.uid, owner]]) }, names, owner: owner.uid };
}

const free = fc
  .array(fc.nat(5), { minLength: 1, maxLength: 6 })
  .map((counts) => counts.map((count) => ({ count, fixed: 0, most: 110 })));
const bounded = fc.array(
  fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4)).map(([count, stay, room]) => ({
    ...{ count, fixed: Math.min(count, stay), most: count + room },
  })),
  { minLength: 1, maxLength: 5 },
);
const squaresOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count * count, 0);

test('the two oracles agree', (t) => {
  fc.assert(fc.property(bounded, (places) => t.deepEqual(optimumByFlow(places), optimumByTrying(places))));
});

test('where any Node takes any number, no two differ by more than one, and no plan could do with fewer moves', (t) => {
  fc.assert(
    fc.property(free, (places) => {
      const { world, names, owner } = worldOf(places);
      const { moves, skipped } = planBalance(world, { goals: ['spread'] });
      const counts = countsOn(carriedOut(world, moves), owner, names);
      t.true(isEven(counts), `${counts}`);
      t.is(moves.length, optimumByFlow(places).moves);
      t.deepEqual(skipped, []);
    }),
    { numRuns: 500 },
  );
});

test('where some are full, and some pods stay, it is as even as can be, with as few moves as can be', (t) => {
  fc.assert(
    fc.property(bounded, (places) => {
      const { world, names, owner } = worldOf(places);
      const { moves, skipped } = planBalance(world, { goals: ['spread'] });
      const counts = countsOn(carriedOut(world, moves), owner, names);
      const optimum = optimumByFlow(places);
      t.deepEqual(
        skipped.filter(({ code }) => code === 'landing'),
        [],
      );
      t.deepEqual({ squares: squaresOf(counts), moves: moves.length }, optimum, JSON.stringify({ counts, skipped }));
    }),
    { numRuns: 1000 },
  );
});

test('never a worse spread than RemoveDuplicates at its luckiest, and never more moves where both are even', (t) => {
  let beaten = 0;
  fc.assert(
    fc.property(free, (places) => {
      const { world, names, owner } = worldOf(places);
      const { moves } = planBalance(world, { goals: ['spread'] });
      const ours = countsOn(carriedOut(world, moves), owner, names);
      const theirs = afterRemoveDuplicates(places.map(({ count }) => count));
      t.true(squaresOf(ours) <= squaresOf(theirs.counts));
      if (isEven(theirs.counts)) t.true(moves.length <= theirs.evictions);
      else beaten += 1;
    }),
    { numRuns: 2000 },
  );
  t.true(beaten > 0, 'it leaves some uneven, or this compares nothing');
});
