/** A board with somebody's data. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './arm64-root.ts';
import { assertDiskHolds, bootDeadline, imageWhileInstalling, installed, sha256Of } from './installation.ts';
import type { Story } from './stories.ts';

export const foreignDisk: Story = async ({ site, check }) => {
  const machine = await site.machine({
    ...{ name: 'foreign', mac: 'dc:a6:32:10:00:06', serial: '10000006', diskBytes: 2 ** 30 },
  });
  const data = join(site.folder, 'data');
  await mkdir(data);
  await writeFile(join(data, 'thesis.txt'), 'the only copy\n');
  await run(['mke2fs', '-q', '-F', '-t', 'ext4', '-d', data, machine.disk]);
  const before = await sha256Of(machine.disk);
  let name = '';
  await check('foreign data: the board waits for its owner, and asks again and again', async () => {
    await machine.powerOn();
    const device = await site.until(machine, ({ state }) => state === 'pending', 'pending', bootDeadline);
    name = device.name;
    const asked = await answers();
    await site.eventually(async () => (await answers()) >= asked + 5, 'it asks five times more', bootDeadline);
    assert.equal((await site.device(machine))?.state, 'pending');
  });
  await check('foreign data: not one byte of the disk was changed', async () => {
    assert.equal(await sha256Of(machine.disk), before);
  });
  await check('foreign data: accepted, it is installed without being switched off and on', async () => {
    await site.bramble(['accept', name]);
    const image = await imageWhileInstalling(site, machine);
    await installed(site, machine);
    await assertDiskHolds(machine, image, 'anything');
  });

  async function answers(): Promise<number> {
    return (await site.lab.daemon.client.status()).master.traffic.http.answered;
  }
};
