/** A blank disk, the network, and nobody at the keyboard. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startAvahi } from '../../support/avahi.ts';
import { mtoolsRead } from '../../support/images.ts';
import { assertDiskHolds, imageWhileInstalling, installed, ready } from './installation.ts';
import type { Story } from './stories.ts';

export const netboot: Story = async ({ site, check, say }) => {
  const machine = await site.machine({
    name: 'blank',
    mac: 'dc:a6:32:10:00:01',
    serial: '10000001',
    diskBytes: 2 ** 30,
  });
  const started = performance.now();
  const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1);
  let image = '';
  let name = '';
  await check('netboot: the disk holds exactly what `bramble image build` makes', async () => {
    await machine.powerOn();
    image = await imageWhileInstalling(site, machine);
    say(`  installing after ${seconds()} s`);
    await installed(site, machine);
    say(`  installed after ${seconds()} s`);
    await assertDiskHolds(machine, image);
  });
  await check('netboot: it starts from its disk and joins', async () => {
    await machine.powerOn();
    await machine.says(/FIRMWARE starts kernel8\.img with initramfs8 from disk/, 120_000);
    name = await ready(site, machine);
    say(`  Ready after ${seconds()} s`);
  });
  await check('netboot: its mDNS name resolves to its address', async () => {
    const laptop = await site.lab.lan.addHost({ name: 'laptop', address: '10.77.0.250/24' });
    const avahi = await startAvahi(laptop);
    const { address } = (await site.device(machine)) ?? {};
    const resolved = await avahi.run('avahi-resolve', '-4', '-n', `${name}.local`);
    assert.equal(resolved, `${name}.local\t${address}\n`);
    await site.lab.lan.removeHost(laptop);
  });
  await check(
    'netboot: SSH with the host key that the daemon tells of, and no more with that of its image; its hostname',
    async () => {
      const address = (await site.device(machine))?.address ?? '';
      const { hostKeys } = await site.lab.daemon.client.describe(name);
      const shown = await site.lab.master.exec(['ssh-keyscan', '-t', 'ed25519', address], { deadlineMs: 120_000 });
      const own = /(ssh-ed25519 \S+)$/m.exec(shown.stdout)?.[1] ?? '';
      const hash = createHash('sha256')
        .update(Buffer.from(own.slice('ssh-ed25519 '.length), 'base64'))
        .digest('base64');
      assert.deepEqual(hostKeys, [`SHA256:${hash.replace('=', '')}`]);
      const said = await logIn(site, own, address);
      assert.equal(said.stdout.trim(), name, said.stderr);
      const userData = (await mtoolsRead(image, 'user-data')).toString();
      const published = /ed25519_public: (ssh-ed25519 \S+)/.exec(userData)?.[1];
      assert.ok(published !== undefined && published !== own, 'the image has a host key, which travelled in the clear');
      assert.match((await logIn(site, published, address)).stderr, /HOST IDENTIFICATION HAS CHANGED/);
    },
  );
  await check('netboot: its host key is no longer on the FAT', async () => {
    await machine.cutPower();
    const userData = (await mtoolsRead(machine.disk, 'user-data')).toString();
    assert.doesNotMatch(userData, /PRIVATE KEY/);
  });
};

/** As root with the daemon's key, strictly with this host key; what `hostname` says. */
async function logIn(site: Parameters<Story>[0]['site'], hostKey: string, address: string) {
  const [knownHosts, key] = [join(site.folder, 'known_hosts'), join(site.folder, 'login.key')];
  await writeFile(knownHosts, `${address} ${hostKey}\n`);
  await writeFile(key, await site.privateKey(), { mode: 0o600 });
  const options = {
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: knownHosts,
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
  };
  const flags = Object.entries(options).flatMap(([option, value]) => ['-o', `${option}=${value}`]);
  const ssh = ['ssh', '-F', 'none', '-i', key, ...flags, `root@${address}`, 'hostname'];
  return await site.lab.master.exec(ssh, { deadlineMs: 120_000 });
}
