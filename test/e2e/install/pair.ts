/** Two boards are switched on at the same moment. */
import assert from 'node:assert/strict';
import { assertDiskHolds, imageWhileInstalling, installed, sha256Of } from './installation.ts';
import type { Story } from './stories.ts';

export const pair: Story = async ({ site, check }) => {
  const machines = await Promise.all(
    ['4', '5'].map((digit) =>
      site.machine({
        name: `pair-${digit}`,
        mac: `dc:a6:32:10:00:0${digit}`,
        serial: `1000000${digit}`,
        diskBytes: 2 ** 30,
      }),
    ),
  );
  await check('two at once: each disk holds its own board’s image', async () => {
    const images = await Promise.all(
      machines.map(async (machine) => {
        await machine.powerOn();
        const image = await imageWhileInstalling(site, machine);
        await installed(site, machine);
        await assertDiskHolds(machine, image);
        return await sha256Of(image);
      }),
    );
    assert.notEqual(images[0], images[1]);
  });
};
