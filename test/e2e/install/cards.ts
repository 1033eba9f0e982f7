/** A factory-fresh board: the join card, which is the same for every board, becomes its system. */
import assert from 'node:assert/strict';
import { copyFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { assertDiskHolds, bootDeadline, imageWhileInstalling, installed, ready } from './installation.ts';
import type { Story } from './stories.ts';

export const joinCard: Story = async ({ site, check, say }) => {
  const machine = await site.machine({
    name: 'card',
    mac: 'dc:a6:32:10:00:02',
    serial: '10000002',
    diskBytes: 2 ** 30,
  });
  await check('join card: one small image', async () => {
    const card = join(site.folder, 'join-card.img');
    await site.bramble(['image', 'join-card', '-o', card]);
    const { size } = await stat(card);
    say(`  ${(size / 2 ** 20).toFixed(0)} MiB`);
    assert.ok(size < machine.diskBytes / 4);
    await copyFile(card, machine.disk);
    await truncate(machine.disk, machine.diskBytes);
  });
  await check('join card: started from it, the board writes its own image over it', async () => {
    await machine.powerOn();
    await machine.says(/FIRMWARE starts \S+ with \S+ from disk/, bootDeadline);
    const image = await imageWhileInstalling(site, machine);
    await installed(site, machine);
    await assertDiskHolds(machine, image, 'anything');
  });
  await check('join card: it starts from that and joins', async () => {
    await machine.powerOn();
    await machine.says(/FIRMWARE starts kernel8\.img with initramfs8 from disk/, bootDeadline);
    await ready(site, machine);
    await machine.cutPower();
  });
};
