/** An installed node that is to begin anew. */
import assert from 'node:assert/strict';
import {
  assertDiskHolds,
  bootDeadline,
  imageWhileInstalling,
  installed,
  joinDeadline,
  ready,
  writeDeadline,
} from './installation.ts';
import type { Story } from './stories.ts';

export const reinstall: Story = async ({ site, check }) => {
  const machine = await site.machine({
    name: 'again',
    mac: 'dc:a6:32:10:00:07',
    serial: '10000007',
    diskBytes: 2 ** 30,
  });
  let name = '';
  await check('reinstall: a node, installed and Ready', async () => {
    await machine.powerOn();
    await imageWhileInstalling(site, machine);
    await installed(site, machine);
    await machine.powerOn();
    name = await ready(site, machine);
  });
  await check('reinstall: asked for, it starts the installer by itself and is written anew', async () => {
    await site.bramble(['reinstall', '--yes', name]);
    await machine.restarts(writeDeadline);
    await machine.powerOn();
    await machine.says(/FIRMWARE starts bramble\/kernel8\.img with \S+ from disk/, bootDeadline);
    const image = await imageWhileInstalling(site, machine);
    await installed(site, machine);
    await assertDiskHolds(machine, image, 'anything');
  });
  await check('reinstall: that was one installation; from then on it starts from its disk', async () => {
    await machine.powerOn();
    await ready(site, machine);
    await machine.cutPower();
    await machine.powerOn();
    await machine.says(/FIRMWARE starts kernel8\.img with initramfs8 from disk/, bootDeadline);
    // Its own hostname, by its own getty.
    await machine.says(new RegExp(`^${name} login:`, 'm'), joinDeadline);
    await machine.cutPower();
    const { events } = await site.lab.daemon.client.describe(name);
    assert.equal(events.filter(({ from, to }) => from !== to && to === 'installing').length, 2);
  });
};
