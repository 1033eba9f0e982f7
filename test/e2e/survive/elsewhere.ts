/** The master is gone for good, and another machine becomes it out of its backup. */
import assert from 'node:assert/strict';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../../support/daemon.ts';
import { firstAddresses, run, type Stage, sameAddresses, site } from './site.ts';

const commandLine = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));

export async function elsewhere({ check, say }: Stage): Promise<void> {
  const place = await site();
  try {
    const daemon = await place.start();
    const first = await firstAddresses(place);
    const before = (await daemon.client.status()).devices.map(({ name, address }) => ({ name, address }));
    const file = join(place.folder, 'backup.tar.gz');
    await check('bramble backup, while the daemon runs', async () => {
      assert.equal(
        await daemon.bramble('backup', '-o', file, '--config', join(place.folder, 'bramble.yaml')),
        `${file}\n`,
      );
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      say(`  ${(await stat(file)).size} bytes`);
    });
    await place.lan.removeHost(place.master);

    const heir = await place.lan.addHost({ name: 'heir', address: '10.77.0.1/20' });
    const folder = join(place.folder, 'heir');
    const data = join(folder, 'data');
    await mkdir(folder);
    const config = join(folder, 'bramble.yaml');
    await writeFile(config, JSON.stringify({ data, socket: join(folder, 'sock') }));
    await check('bramble restore, on another machine', async () => {
      const out = await run(process.execPath, commandLine, 'restore', file, '--yes', '--config', config);
      assert.match(out, /bramble\.db/);
    });
    const again = await startDaemon(heir, folder, '10.77.4.0-10.77.8.255', { data, pending: { max: 1000 } });
    await check('it knows every board by its name and address', async () => {
      const { devices } = await again.client.status();
      assert.deepEqual(
        devices.map(({ name, address }) => ({ name, address })),
        before,
      );
    });
    await check('boards that start again get their own addresses from it', () => sameAddresses(place, first));
  } finally {
    await place.close();
  }
}
