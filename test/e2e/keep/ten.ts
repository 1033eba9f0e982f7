/** A new Pi takes its share of applications that have one replica each. */
import assert from 'node:assert/strict';
import { failuresText } from '../../lab/page/fetches.ts';
import { monotonicNow } from '../../lab/page/reader.ts';
import { pageName } from '../../lab/page/workload.ts';
import { type Stage, withSite } from './site.ts';
import { spreadOf } from './view.ts';

const count = 10;
/** The Node is left in peace for 30 s, then they move a few at a time. */
const balanceSeconds = 400;

export async function ten(stage: Stage): Promise<void> {
  await withSite(stage, { workers: 1 }, async (site) => {
    const { check, say, view } = site;
    const names = [pageName, ...Array.from({ length: count - 1 }, (_, index) => `app-${index + 2}`)];
    for (const name of names) await site.create(name, 1);
    await view.until('all run on the one worker', 90, () => Object.values(spreadOf(view.pods())).join() === `${count}`);
    const reader = await site.expose(pageName);
    const [before, from] = [view.moment(), monotonicNow()];
    await check('ten Deployments of one replica each, and a second worker: 5 and 5', async () => {
      await site.plug(1);
      const ready = monotonicNow();
      await view.until('5 and 5', balanceSeconds, () => Object.values(spreadOf(view.pods())).join() === '5,5');
      say(`  even ${((monotonicNow() - ready) / 1000).toFixed(0)} s after the Node was Ready`);
    });
    await check('none was ever without an available replica', () => {
      const fewest = view.fewest(before);
      const empty = names.filter((name) => fewest.get(name) === 0);
      assert.deepEqual(empty, []);
      assert.ok(fewest.size > 0, 'nothing was moved');
    });
    await check('each has one replica again', async () => {
      await view.until('ten Pods', 60, () => view.pods().length === count);
      const pods = new Set(view.pods().map(({ metadata }) => metadata.labels?.['app']));
      assert.equal(pods.size, count);
    });
    say(`  the reader of one of them: ${failuresText(reader.fetches, from, monotonicNow())}`);
  });
}
