/** Fifty boards at once, two of which hang: the others do not notice. The load is measured at the server's side. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Check } from '../scenario.ts';
import { say, sound } from './each-step.ts';
import { httpPort, type Site } from './site.ts';

const count = 50;
const lookMs = 100;
/** Of the API server, by all and everybody: kubelets, controllers, the daemon, and this measuring. */
const fewPerSecond = 5;

/** `transfer`, `join`: the numbers of the commands that fetch the first big file, and that start the agent. */
export async function crowd(
  check: Check,
  site: Site,
  { parallel, transfer, join }: { readonly parallel: number; readonly transfer: number; readonly join: number },
): Promise<void> {
  const expected = await site.expect(count);
  const [inTransfer, inJoin, ...others] = expected;
  assert.ok(inTransfer !== undefined && inJoin !== undefined);
  await inTransfer.prepare({ command: transfer, how: 'hold' });
  await inJoin.prepare({ command: join, how: 'hold' });
  const begun = performance.now();
  const measuring = measure(site);
  const boards = await Promise.all(expected.map(({ switchOn }) => switchOn()));
  const on = performance.now();
  const seconds = (from: number): number => Math.round((performance.now() - from) / 1000);

  await check(
    `${count - 2} of ${count} boards that start at once are Ready, while two hang in the middle of a step`,
    async () => {
      await site.ready(others, 600);
      say(
        `${others.length} boards Ready ${seconds(on)} s after the last of ${count} was on (${seconds(begun)} s after the first)`,
      );
      assert.equal((await site.client().describe(inTransfer.name)).state, 'joining');
    },
  );
  const { transfers, peak, mean } = await measuring.stop();
  await check(`never more than ${parallel} boards fetch at a time, and that many do`, () => {
    say(`transfers at a time, as the master's sockets show: ${transfers.most} at most, in ${transfers.looks} looks`);
    // One that hangs holds its place without fetching.
    assert.ok(transfers.most <= parallel && transfers.most >= parallel - 1);
  });
  await check(`the API server has at most ${fewPerSecond} requests a second for each board`, () => {
    const each = (all: number): string => (all / count).toFixed(2);
    say(`apiserver_request_total: ${each(mean)} a second for each board, ${each(peak)} in the worst second`);
    assert.ok(mean > 0);
    assert.ok(peak / count <= fewPerSecond);
  });
  await check('one that hung is cut when its time is over and joined anew, the other one goes on', async () => {
    await boards.find(({ name }) => name === inTransfer.name)?.release();
    await site.ready(expected, 300);
    const reasons = (await site.client().describe(inJoin.name)).events.filter(({ event }) => event === 'join-failed');
    assert.equal(reasons.length, 1, JSON.stringify(reasons));
    say(`it was told of ${inJoin.name}: ${reasons[0]?.reason}`);
    await sound(site, expected);
  });
}

type Load = {
  readonly transfers: { readonly most: number; readonly looks: number };
  /** Requests a second. */
  readonly peak: number;
  readonly mean: number;
};

function measure(site: Site): { readonly stop: () => Promise<Load> } {
  const over = new AbortController();
  const loop = async (pauseMs: number, look: () => Promise<void>): Promise<void> => {
    while (!over.signal.aborted) {
      await look();
      await sleep(pauseMs);
    }
  };
  const seen = { most: 0, looks: 0 };
  const transfers = loop(lookMs, async () => {
    const args = ['ss', '-Htn', 'state', 'established', `( sport = :${httpPort} )`];
    const lines = (await site.master.exec(args)).stdout.split('\n').filter((line) => line !== '');
    seen.most = Math.max(seen.most, lines.length);
    seen.looks += 1;
  });
  const counts: { readonly at: number; readonly requests: number }[] = [];
  const requests = loop(1000, async () => {
    counts.push({ requests: await site.api.requests(), at: performance.now() });
  });
  return {
    stop: async () => {
      over.abort();
      await Promise.all([transfers, requests]);
      const rate = (from: (typeof counts)[number] | undefined, to: (typeof counts)[number] | undefined): number =>
        from === undefined || to === undefined ? 0 : ((to.requests - from.requests) * 1000) / (to.at - from.at);
      const peak = Math.max(...counts.slice(1).map((now, index) => rate(counts[index], now)));
      return { transfers: seen, peak, mean: rate(counts[0], counts.at(-1)) };
    },
  };
}
