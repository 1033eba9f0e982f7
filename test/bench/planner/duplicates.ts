/** Small spreads of one owner, planned by us and by our model of the descheduler's RemoveDuplicates (facts 4.2). */
import { planBalance } from '../../../daemon/cluster/balance/planner.ts';
import { carriedOut, countsOn } from '../../support/balance/carried-out.ts';
import { isEven } from '../../support/balance/optimum.ts';
import { afterRemoveDuplicates } from '../../support/balance/remove-duplicates.ts';
import { aWorld } from '../../support/world.ts';
import { createChance } from './world.ts';

/** 2 to 6 Nodes with 0 to 4 pods each. Throws where ours is worse, or takes more moves to what both make even. */
export function compareSpreads(instances: number): string {
  const chance = createChance(2);
  let [uneven, leftUneven, ours, theirs] = [0, 0, 0, 0];
  for (let instance = 0; instance < instances; instance++) {
    const names = Array.from({ length: 2 + chance(5) }, (_, index) => `w${index + 1}`);
    const on = Object.fromEntries(names.map((name) => [name, chance(5)]));
    const before = Object.values(on);
    const world = aWorld({ nodes: names, applications: [{ name: 'httpd', on }] });
    const { moves } = planBalance(world, { goals: ['spread'] });
    const after = countsOn(carriedOut(world, moves), 'uid-default/httpd', names);
    const duplicates = afterRemoveDuplicates(before);
    if (!isEven(after)) throw new Error(`${before} became ${after}`);
    if (isEven(before)) continue;
    uneven += 1;
    if (!isEven(duplicates.counts)) leftUneven += 1;
    else if (moves.length > duplicates.evictions) throw new Error(`${before} took ${moves.length} moves`);
    ours += moves.length;
    theirs += duplicates.evictions;
  }
  return `${instances} spreads, ${uneven} of them uneven: all even after ${ours} moves; RemoveDuplicates at its luckiest leaves ${leftUneven} uneven with ${theirs} evictions`;
}
