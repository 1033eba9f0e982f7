/** Pulls the cable of the board that has the only replica of the page, again and again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Site, withSite } from '../../e2e/keep/site.ts';
import { isReady } from '../../e2e/keep/view.ts';
import { readingOf } from '../../lab/page/fetches.ts';
import { monotonicNow } from '../../lab/page/reader.ts';
import { pageName } from '../../lab/page/workload.ts';

/** Milliseconds from the pulled cable: until another Pod was Ready; the longest time without a page. */
export type Pull = { readonly running: number; readonly away: number };

/** Ten in all: one that was fenced twice has to look well for longer, and is hit again more seldom. */
const workers = 5;

export async function pulledCables(count: number, say: (line: string) => void): Promise<readonly Pull[]> {
  const pulls: Pull[] = [];
  const stage = { check: async (_name: string, verify: () => Promise<void> | void) => verify(), say: () => undefined };
  await withSite(stage, { workers, powerBatch: 0 }, async (site) => {
    const { view } = site;
    await site.plug(workers);
    await site.create(pageName, 1);
    await view.until('the page’s Pod is Ready', 60, () => view.pods().some(isReady));
    const reader = await site.expose(pageName);
    await site.watched();
    while (pulls.length < count) {
      // Each falls into another moment of whatever goes round.
      await sleep(Math.random() * 2000);
      const pull = await pullOnce(site, reader);
      pulls.push(pull);
      say(
        `pull ${pulls.length}: another Pod Ready after ${seconds(pull.running)}, the page away for ${seconds(pull.away)}`,
      );
    }
  });
  return pulls;
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;

async function pullOnce({ board, lab, view }: Site, reader: Awaited<ReturnType<Site['expose']>>): Promise<Pull> {
  const node = view.pods().find(isReady)?.spec.nodeName ?? '';
  const lost = board(node);
  await reader.until(`a page from ${node}`, 30, ({ ok, said }) => ok && said.endsWith(` on ${node}`));
  const pulled = monotonicNow();
  await lab.pull(lost);
  const next = () => view.history.find(({ at, pod }) => at > pulled && isReady(pod) && pod.spec.nodeName !== node);
  await view.until('another Pod is Ready elsewhere', 120, () => next() !== undefined);
  await reader.until(
    'the page from elsewhere',
    60,
    ({ ok, at, said }) => ok && at > pulled && !said.endsWith(` on ${node}`),
  );
  const { longestGap } = readingOf(reader.fetches, pulled, monotonicNow());
  await lab.putBack(lost);
  await view.until('it is back, without a taint, and has one Pod', 600, () => {
    const own = view.nodes().find(({ metadata }) => metadata.name === node);
    return lost.state === 'ready' && own?.spec.taints === undefined && view.pods().length === 1;
  });
  return { running: (next()?.at ?? Number.NaN) - pulled, away: longestGap };
}
