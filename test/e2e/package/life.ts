/**
 * The life of the package on a machine with systemd: installed by apt, upgraded to a later build, removed, purged. And what runs
 * under the unit's own sandbox: the watchdog, sendfile(2), the filter against floods, the ear for spanning tree.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeLabBase } from '../../support/images.ts';
import { makeLan, runPrefix } from '../../support/netns.ts';
import { finish, startProgram } from '../../support/program.ts';
import { bootMachine } from '../../support/systemd.ts';
import type { Scenario } from '../scenario.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const build = file('../../../.ci/build.ts');
const flood = file('../../support/dhcp-flood.pl');
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
const versions = { first: '0.1.0~first', later: '0.1.0~later' };
const config = '{interface: eth0, topology: behind-master, dhcp: {mode: full, search: 0}}';
const install = (version: string): string =>
  `DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /srv/bramble_${version}_${architecture}.deb`;
/** It is ready before the boards' network is: the command line is answered then, and systemd told. */
const curl = ['curl', '-sS', '--retry', '30', '--retry-connrefused', '--retry-delay', '1'];
/** A DISCOVER of a Raspberry Pi's boot ROM: a lease and a board that has to outlive an upgrade. */
const discover = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-t', '20', '-T', '1', '-s', '/bin/true'];

export const packageLife: Scenario = async (check) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-package-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  let shutDown = async (): Promise<void> => {};
  try {
    const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
    const board = await lan.addHost({ name: 'board', address: '10.77.0.250/24', mac: 'dc:a6:32:00:00:01' });
    const [disk, shared] = [join(folder, 'disk'), join(folder, 'shared')];
    await Promise.all([mkdir(disk), mkdir(shared)]);
    for (const version of Object.values(versions)) {
      const command = [process.execPath, build, architecture, '--out', shared, '--uncompressed', '--version', version];
      const built = await finish(startProgram(command), { deadlineMs: 300_000 });
      assert.equal(built.code, 0, built.stderr);
    }
    await makeLabBase({ file: join(shared, 'base.img'), format: 'device-init' });
    // A switch with spanning tree, as they are delivered.
    for (const [key, value] of Object.entries({ stp_state: '1', forward_delay: '1500' })) {
      const set = ['ip', '-n', lan.netns, 'link', 'set', 'br0', 'type', 'bridge', key, value];
      assert.equal((await finish(startProgram(set))).code, 0);
    }
    const machine = await bootMachine(master, { folder: disk, shared });
    shutDown = machine.close;
    const output = async (script: string): Promise<string> => {
      const { code, stdout, stderr } = await machine.sh(script);
      assert.equal(code, 0, `${script}: ${stdout}${stderr}`);
      return stdout;
    };
    const comesTrue = (condition: string): Promise<string> =>
      output(`for try in $(seq 450); do if ${condition}; then exit 0; fi; sleep 0.2; done
        systemctl --no-pager status bramble >&2; journalctl --no-pager -u bramble | tail -n 20 >&2; exit 1`);
    const pid = async (): Promise<string> => (await output('systemctl show -P MainPID bramble')).trim();
    const page = async (): Promise<string> =>
      (await board.exec([...curl, '--max-time', '20', 'http://10.77.0.1:8067/'], { deadlineMs: 90_000 })).stdout;
    const boards = async (): Promise<string> =>
      await output('bramble status -o json | grep -E "\\"(id|name|address)\\":"');

    await output(`mkdir -p /etc/bramble; echo '${config}' > /etc/bramble/bramble.yaml`);
    await check('apt installs it from a file; it says that it is ready, and serves', async () => {
      await output(install(versions.first));
      assert.equal(await output('systemctl is-active bramble'), 'active\n');
      assert.match(await page(), /<title>bramble/i);
      assert.match(await output('ps -o user= -p "$(systemctl show -P MainPID bramble)"'), /^bramble\n$/);
    });
    await check('in its sandbox it hears the spanning tree of the switch', async () => {
      await comesTrue(`journalctl -u bramble -o cat | grep -q 'a switch speaks spanning tree'`);
    });
    await check('in its sandbox a base goes out by sendfile(2)', async () => {
      await output('bramble image add /srv/base.img');
      // Of the bytes as they are served: what is held back until the end is zeros.
      const records = await output('cat /var/lib/bramble/bases/*/*.json');
      const [, sum = ''] = /"heldSha256":\s*"([0-9a-f]{64})"/.exec(records) ?? [];
      const url = `http://10.77.0.1:8067/v1/boot/base/${sum}`;
      // Slow enough for a look at who sends.
      const slow = board.spawn([...curl, '--fail', '--limit-rate', '1M', '-o', '/dev/null', url]);
      const seen = comesTrue('pgrep -u bramble -f file-sender > /dev/null').then(() => undefined);
      const end = await Promise.race([seen, slow.exited]);
      assert.equal(end, undefined, slow.stderr());
      await slow.kill();
      const { stdout } = await board.exec(['sh', '-c', `curl -sS ${url} | sha256sum`], { deadlineMs: 120_000 });
      assert.equal(stdout.slice(0, 64), sum);
    });
    await check('in its sandbox the kernel takes the filter against a flood', async () => {
      await board.exec(['perl', flood, 'eth0', '10.77.0.1', '5'], { deadlineMs: 60_000 });
      await comesTrue(`journalctl -u bramble -o cat | grep -q 'dhcp flood'`);
      await output(`! journalctl -u bramble -o cat | grep -q 'takes no filter'`);
      await comesTrue(`journalctl -u bramble -o cat | grep -q 'dhcp flood is over'`);
    });
    await check('it stops answering: systemd ends it and starts it again', async () => {
      const before = await pid();
      await output(`systemctl show -P WatchdogUSec bramble | grep -qx 1min; kill -STOP ${before}`);
      await comesTrue(
        `test "$(systemctl show -P MainPID bramble)" != ${before} -a "$(systemctl is-active bramble)" = active`,
      );
      assert.match(await output('systemctl show -P NRestarts bramble'), /^[1-9]/);
      assert.match(await output('journalctl -u bramble'), /[Ww]atchdog/);
      assert.match(await page(), /<title>bramble/i);
    });
    await check('a later build takes its place, with the boards and keys of the first', async () => {
      await board.exec(discover, { deadlineMs: 60_000 });
      const [known, before] = [await boards(), await pid()];
      assert.match(known, /"name":/);
      const keys = 'cd /var/lib/bramble; sha256sum identity* cluster* *.key 2>/dev/null || true';
      const secrets = await output(keys);
      await output(install(versions.later));
      assert.equal(await output(`dpkg-query -W -f '\${Version}' bramble`), versions.later);
      assert.equal(await output('systemctl is-active bramble'), 'active\n');
      assert.notEqual(await pid(), before);
      assert.equal(await boards(), known);
      assert.equal(await output(keys), secrets);
      assert.match(await page(), /<title>bramble/i);
    });
    await check('removed, its data stay; installed again, it knows its boards; purged, nothing is left', async () => {
      const known = await boards();
      await output(
        'apt-get remove -y bramble; test -d /var/lib/bramble; test -e /etc/bramble/bramble.yaml; ! systemctl is-active bramble',
      );
      await output(install(versions.later));
      assert.equal(await boards(), known);
      await output('apt-get purge -y bramble');
      await output('for gone in /var/lib/bramble /etc/bramble /usr/lib/bramble /run/bramble; do test ! -e $gone; done');
      await output('! getent passwd bramble; ! systemctl cat bramble 2>/dev/null; ! pgrep -f [/]usr/lib/bramble/node');
    });
  } finally {
    await shutDown();
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  }
};
