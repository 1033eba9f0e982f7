/** The .deb on a machine with systemd: the units' hardening, the socket that root's half is asked through, and the removal. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sayWhoAsks } from '../support/gateway.ts';
import { makeLan, runPrefix } from '../support/netns.ts';
import { finish, startProgram } from '../support/program.ts';
import { bootMachine } from '../support/systemd.ts';
import type { Scenario } from './scenario.ts';

const build = fileURLToPath(new URL('../../.ci/build.ts', import.meta.url));
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
const config = '{interface: eth0, topology: behind-master, uplink: wlan0, dhcp: {mode: full, search: 0}}';
/** Says one line as the user, and what comes back. */
const ask = (user: string, line: string, socket = 'bramble-gateway'): string =>
  `setpriv --reuid ${user} --regid "$(id -g ${user})" --init-groups perl -MSocket -e '
    socket(my $s, PF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un("/run/${socket}.sock")) or die "connect: $!\\n";
    syswrite $s, "$ARGV[0]\\n"; print while <$s>;' '${line}'`;

export const debianPackage: Scenario = async (check) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-package-'));
  const signal = new AbortController().signal;
  const lan = await makeLan({ prefix: runPrefix(), signal });
  const outside = await makeLan({ prefix: runPrefix(), signal });
  let shutDown = async (): Promise<void> => {};
  try {
    const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
    const board = await lan.addHost({ name: 'board', address: '10.77.0.100/24' });
    await board.exec(['ip', 'route', 'add', 'default', 'via', '10.77.0.1']);
    const internet = await outside.addHost({ name: 'outside', address: '203.0.113.1/24' });
    await internet.spawn([process.execPath, '-e', sayWhoAsks]).waitFor(/listens/);
    await outside.addHost({ name: 'master', into: master, interface: 'wlan0', address: '203.0.113.2/24' });
    const disk = join(folder, 'disk');
    const shared = join(folder, 'shared');
    await Promise.all([mkdir(disk), mkdir(shared)]);
    const built = await finish(
      startProgram([process.execPath, build, architecture, '--out', shared, '--uncompressed']),
      { deadlineMs: 300_000 },
    );
    assert.equal(built.code, 0, built.stderr);
    const machine = await bootMachine(master, { folder: disk, shared });
    shutDown = machine.close;
    const output = async (script: string): Promise<string> => {
      const { code, stdout, stderr } = await machine.sh(script);
      assert.equal(code, 0, `${script}: ${stdout}${stderr}`);
      return stdout;
    };
    const fails = async (script: string): Promise<string> => {
      const { code, stdout, stderr } = await machine.sh(script);
      assert.notEqual(code, 0, `${script}: ${stdout}${stderr}`);
      return stdout + stderr;
    };
    const comesTrue = (condition: string): Promise<string> =>
      output(`for try in $(seq 450); do if ${condition}; then exit 0; fi; sleep 0.2; done; exit 1`);
    // -x: it touches no clock.
    await output(`sed -i 's/^DAEMON_OPTS=.*/DAEMON_OPTS="-x"/' /etc/default/chrony; systemctl start chrony`);
    await output(`mkdir -p /etc/bramble; echo '${config}' > /etc/bramble/bramble.yaml`);
    const before = await output('nft list ruleset; cat /proc/sys/net/ipv4/ip_forward; ls /etc/chrony/conf.d');

    await check('installed, it starts by itself and asks for the gateway', async () => {
      await output('DEBIAN_FRONTEND=noninteractive dpkg --force-depends -i /srv/bramble_*.deb');
      await comesTrue('systemctl --quiet is-active bramble.service');
      await comesTrue(`journalctl -u bramble | grep -q 'asked bramble-gateway.*"name":"done"'`);
    });
    await check(
      'a board gets out by the master’s address, and the time from chrony, which was started again',
      async () => {
        const { stdout } = await board.exec(['curl', '-sS', '--max-time', '20', 'http://203.0.113.1:8080/']);
        assert.equal(stdout, '203.0.113.2');
        const query = ['chronyd', '-Q', '-t', '30', 'server 10.77.0.1 iburst maxsamples 1'];
        assert.equal((await board.exec(query, { deadlineMs: 60_000 })).code, 0);
      },
    );
    await check('the daemon’s user may ask, and nobody else; what is refused is in the log', async () => {
      assert.equal(await output(ask('bramble', 'up eth0 10.77.0.0/24 wlan0')), 'done\n');
      assert.match(await fails(ask('nobody', 'down')), /connect: Permission denied/);
      assert.match(await output(ask('bramble', 'up eth0 10.77.0.0/24 wlan0; reboot')), /^failed: usage/);
      assert.match(await output(`journalctl -u 'bramble-gateway@*'`), /bramble-gateway: usage/);
      assert.equal(await output(`systemctl list-units --failed --no-legend 'bramble*'`), '');
    });
    await check('removed, it leaves the machine as it was', async () => {
      await output('dpkg -r bramble');
      assert.equal(await output('nft list ruleset; cat /proc/sys/net/ipv4/ip_forward; ls /etc/chrony/conf.d'), before);
      assert.equal(await output('systemctl is-active chrony'), 'active\n');
      await fails('test -e /run/bramble-gateway.sock -o -e /run/bramble-power.sock');
    });
    await check(
      'asked by the daemon’s user, and nobody else, it saves the database of k3s and switches itself off',
      async () => {
        await output('DEBIAN_FRONTEND=noninteractive dpkg --force-depends -i /srv/bramble_*.deb');
        await comesTrue('systemctl --quiet is-active bramble.service');
        await output('mkdir -p /var/lib/rancher/k3s/server/db; echo data > /var/lib/rancher/k3s/server/db/state.db');
        assert.match(await fails(ask('nobody', 'off', 'bramble-power')), /connect: Permission denied/);
        assert.match(await output(ask('bramble', 'reboot', 'bramble-power')), /^failed: usage/);
        // Its timer would be too quick for a look: it is asked with nobody to carry it out, and then for good.
        const masked = 'systemctl mask --runtime poweroff.target > /dev/null 2>&1';
        const answer = await output(`${masked}; ${ask('bramble', 'off', 'bramble-power')}`);
        const [, place = ''] = /^off, saved in (\S+)\n$/.exec(answer) ?? [];
        assert.notEqual(place, '', `${answer}${await output(`journalctl -u 'bramble-power@*' | tail -n 20`)}`);
        assert.match(place, /^\/var\/backups\/bramble\/k3s-/);
        assert.equal(await output(`stat -c %a ${place}; cat ${place}/state.db`), '700\ndata\n');
        await output('systemctl unmask --runtime poweroff.target');
        await machine.sh(ask('bramble', 'off', 'bramble-power'));
        const deadline = Date.now() + 60_000;
        while ((await machine.sh('true')).code === 0) assert.ok(Date.now() < deadline, 'it is still on');
      },
    );
  } finally {
    await shutDown();
    await outside.close();
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  }
};
