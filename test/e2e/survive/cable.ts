/** The master's own cable is pulled and plugged again, and its address becomes another one. */
import assert from 'node:assert/strict';
import { becomes, firstAddresses, readyz, type Stage, sameAddresses, site } from './site.ts';

export async function cable({ check }: Stage): Promise<void> {
  const place = await site();
  try {
    const daemon = await place.start();
    const first = await firstAddresses(place);
    const isReady = async () => ((await readyz(place)).status === 200 ? true : undefined);
    await check('pulled for a while and plugged again: the same addresses, by the same process', async () => {
      await place.lan.setLink(place.master, 'down');
      await daemon.client.status();
      await place.lan.setLink(place.master, 'up');
      await becomes(isReady, 'ready');
      await sameAddresses(place, first);
    });
    await check('another address of its own: it goes on with that', async () => {
      await place.master.exec(['ip', 'addr', 'add', '10.77.0.2/20', 'dev', 'eth0']);
      await place.master.exec(['ip', 'addr', 'del', '10.77.0.1/20', 'dev', 'eth0']);
      await place.master.exec(['ip', 'addr', 'add', '10.77.0.2/20', 'dev', 'eth0']);
      await becomes(async () => {
        const { master } = await daemon.client.status();
        return master.address === '10.77.0.2' ? true : undefined;
      }, 'the new address is known');
      await becomes(isReady, 'ready');
      await sameAddresses(place, first);
    });
    await check('it is the process that was begun with', async () => {
      process.kill(daemon.program.pid, 0);
      assert.equal((await readyz(place)).status, 200);
    });
  } finally {
    await place.close();
  }
}
