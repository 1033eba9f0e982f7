/** The article's own two: the worker with the only replica loses its cable, and one of two workers with a replica each. */
import assert from 'node:assert/strict';
import { type Fetch, failuresText, readingOf } from '../../lab/page/fetches.ts';
import { monotonicNow } from '../../lab/page/reader.ts';
import { pageName } from '../../lab/page/workload.ts';
import { type Site, type Stage, withSite } from './site.ts';
import { isFenced, isReady, spreadOf } from './view.ts';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The Node of the only Pod of the page. */
function nodeOfPage({ view }: Site): string {
  const [pod, ...others] = view.pods().filter(isReady);
  if (pod === undefined || others.length > 0) throw new Error('the page has not one Pod');
  return pod.spec.nodeName ?? '';
}

const isFrom =
  (node: string) =>
  ({ ok, said }: Fetch): boolean =>
    ok && said.endsWith(` on ${node}`);

type Pulling = { readonly patience: number; readonly watched: boolean };

/** Pulls the cable under the only replica; settles when the page comes from somewhere else. Returns how long it was away. */
async function pullUnderPage(site: Site, { patience, watched }: Pulling): Promise<number> {
  const { lab, say, view } = site;
  await site.create(pageName, 1);
  await view.until('the page’s Pod is Ready', 60, () => view.pods().some(isReady));
  const reader = await site.expose(pageName);
  const node = nodeOfPage(site);
  await reader.until(`a page from ${node}`, 10, isFrom(node));
  if (watched) await site.watched();
  const pulled = monotonicNow();
  await lab.pull(site.board(node));
  const back = await reader.until(
    'the page from another Node',
    patience,
    (fetch) => fetch.at > pulled && fetch.ok && !isFrom(node)(fetch),
  );
  const reading = readingOf(reader.fetches, pulled, monotonicNow());
  const [running, deleted] = [
    view.history.find(({ at, pod }) => at > pulled && isReady(pod) && pod.spec.nodeName !== node),
    view.history.find(({ at, pod }) => at > pulled && pod.metadata.deletionTimestamp !== undefined),
  ];
  const after = (at: number | undefined): string => (at === undefined ? '-' : seconds(at - pulled));
  say(
    `  cable of ${node} pulled: its Pod given up after ${after(deleted?.at)}, another Ready after ${after(running?.at)}, the page back after ${after(back.end)}; ${failuresText(reader.fetches, pulled, monotonicNow())}, longest gap ${seconds(reading.longestGap)}`,
  );
  return reading.longestGap;
}

export async function page(stage: Stage): Promise<void> {
  await withSite(stage, { workers: 2 }, async (site) => {
    const { check, lab, view } = site;
    let away = Number.POSITIVE_INFINITY;
    await check('one replica, its worker’s cable pulled: another serves the page', async () => {
      away = await pullUnderPage(site, { patience: 120, watched: true });
    });
    await check('the page was away for less than 10 s (the article: 15 s and 5 minutes)', () =>
      assert.ok(away < 10_000, seconds(away)),
    );
    await check('cable back: the worker is Ready, without a trace, and has nothing left of the old Pod', async () => {
      const gone = lab.boards.find(({ plugged }) => !plugged);
      assert.ok(gone !== undefined);
      await lab.putBack(gone);
      await view.until('one Pod, and no taint of ours', 120, () => {
        return !view.nodes().some(isFenced) && gone.state === 'ready' && view.pods().length === 1;
      });
    });
  });
}

export async function two(stage: Stage): Promise<void> {
  await withSite(stage, { workers: 2 }, async (site) => {
    const { check, lab, say, view } = site;
    await site.create(pageName, 1);
    await view.until('the first Pod is Ready', 60, () => view.pods().some(isReady));
    const reader = await site.expose(pageName);
    await check('scaled to two: one on each worker', async () => {
      await site.scale(pageName, 2);
      await view.until('one Pod on each', 60, () => isEven(spreadOf(view.pods()), [1, 1]));
      for (const node of Object.keys(spreadOf(view.pods())))
        await reader.until(`a page from ${node}`, 30, isFrom(node));
    });
    const [node = ''] = Object.keys(spreadOf(view.pods()));
    await site.watched();
    const pulled = monotonicNow();
    await lab.pull(site.board(node));
    await check('one cable pulled: the page stays, and the missing replica runs on the other worker', async () => {
      await view.until('two Pods on the other', 120, () => {
        const { [node]: onGone, ...others } = spreadOf(view.pods());
        return onGone === undefined && isEven(others, [2]);
      });
      // All that were under way have ended.
      const quiet = monotonicNow();
      await reader.until('a page after it', 10, ({ ok, at }) => ok && at > quiet + 2000);
      const reading = readingOf(reader.fetches, pulled, monotonicNow());
      say(
        `  ${failuresText(reader.fetches, pulled, monotonicNow())}, over ${seconds(reading.disturbed)}; longest gap between two pages ${seconds(reading.longestGap)}`,
      );
      assert.ok(reading.longestGap < 6000, `goal 6 s: ${seconds(reading.longestGap)}`);
    });
    await check('cable back: spread again, one on each', async () => {
      const returned = monotonicNow();
      await lab.putBack(site.board(node));
      await view.until('one Pod on each', 240, () => isEven(spreadOf(view.pods()), [1, 1]));
      const even = monotonicNow();
      say(`  even again after ${seconds(even - returned)}; meanwhile ${failuresText(reader.fetches, returned, even)}`);
    });
  });
}

const isEven = (spread: Partial<Record<string, number>>, counts: readonly number[]): boolean =>
  JSON.stringify(Object.values(spread).sort()) === JSON.stringify(counts);

/** What Kubernetes does by itself: the article's five minutes. Only when it is asked for, it takes them. */
export async function baseline(stage: Stage): Promise<void> {
  await withSite(stage, { workers: 2, failover: { mode: 'off' } }, async (site) => {
    await site.check('without failover the page comes back, too', async () => {
      assert.ok((await pullUnderPage(site, { patience: 600, watched: false })) > 60_000, 'something else moved it');
    });
  });
}
