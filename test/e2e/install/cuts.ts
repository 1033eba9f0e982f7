/** Somebody pulls the plug, five times, in the middle of one installation. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertDiskHolds, bootDeadline, imageWhileInstalling, installed, writeDeadline } from './installation.ts';
import type { Story } from './stories.ts';

const cutsOfOne = 5;

export const cuts: Story = async ({ site, check, say }) => {
  const seed = Number(process.env['BRAMBLE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  say(`  BRAMBLE_SEED=${seed}`);
  const random = generator(seed);
  const machine = await site.machine({
    name: 'cuts',
    mac: 'dc:a6:32:10:00:03',
    serial: '10000003',
    diskBytes: 2 ** 30,
  });
  let image: string | undefined;
  for (let cut = 1; cut <= cutsOfOne; cut++) {
    // One in each fifth of the work, of which writing is the first half and reading back the second.
    const share = (cut - 1 + random() * 0.8) / cutsOfOne;
    const pauseMs = Math.floor(random() * 500);
    await check(
      `cuts: power off ${pauseMs} ms after ${(share * 100).toFixed(0)} % of writing and reading back`,
      async () => {
        const before = (await site.device(machine))?.progress;
        await machine.powerOn();
        await machine.says(/FIRMWARE starts \S+ with \S+ from network/, bootDeadline);
        image ??= await imageWhileInstalling(site, machine);
        await machine.says(/bramble: writing \d+ bytes/, bootDeadline);
        // Not what was told in the life before.
        await site.until(machine, ({ progress }) => progress !== before, 'writing again', bootDeadline);
        await site.until(machine, ({ progress }) => (progress ?? 0) >= share, `at ${share}`, writeDeadline);
        await sleep(pauseMs);
        await machine.cutPower();
        assert.equal((await site.device(machine))?.state, 'installing');
      },
    );
  }
  await check('cuts: left alone at last, it installs itself, and the disk holds exactly the image', async () => {
    if (image === undefined) throw new Error('it was never installing');
    await machine.powerOn();
    await installed(site, machine);
    await assertDiskHolds(machine, image);
  });
};

/** Numbers from 0 to 1 (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
