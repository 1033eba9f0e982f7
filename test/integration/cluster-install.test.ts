/**
 * `bramble cluster install` on a machine with systemd. k3s itself is a stand-in (test/support/k3s-server-stand-in) around the
 * real kube-apiserver; the package's bundle, systemd, its journal and the API are real.
 */
import { copyFile, link, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { build } from 'esbuild';
import { bundle } from '../../.ci/package.d/bundle.ts';
import type { ShownCluster } from '../../cli/output/cluster.ts';
import { findAssets } from '../lab/control-plane/start.ts';
import { programThatBecomes } from '../support/becomes.ts';
import { fillerBytes } from '../support/images.ts';
import { makeLan, runPrefix } from '../support/netns.ts';
import { bootMachine, whyNoMachine } from '../support/systemd.ts';
import { sumOf, version } from './cluster-release-fixture.ts';

const root = new URL('../..', import.meta.url).pathname;
const assets = await findAssets();
const noMachine = await whyNoMachine();
const names = process.arch === 'arm64' ? ['k3s-arm64', 'arm64'] : ['k3s', 'amd64'];

/** What the machine has as /srv: the programs, and a release to be imported. */
async function fill(shared: string): Promise<void> {
  const standIn = join(root, 'test/support/k3s-server-stand-in/main.ts');
  const options = { bundle: true, platform: 'node', target: 'node24', format: 'esm', logLevel: 'error' } as const;
  const js = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;
  await build({ ...options, banner: { js }, entryPoints: [standIn], outfile: join(shared, 'stand-in.mjs') });
  await bundle(root, join(shared, 'lib'));
  await copyFile(process.execPath, join(shared, 'node'));
  const run = '#!/bin/sh\nexec /srv/node /srv/stand-in.mjs "$@"\n';
  await writeFile(join(shared, 'stand-in'), run, { mode: 0o755 });
  await writeFile(join(shared, 'bramble'), '#!/bin/sh\nexec /srv/node /srv/lib/bramble.js "$@"\n', { mode: 0o755 });
  await mkdir(join(shared, 'assets'));
  for (const name of await readdir(assets ?? '')) {
    const [from, to] = [join(assets ?? '', name), join(shared, 'assets', name)];
    await link(from, to).catch(() => copyFile(from, to));
  }
  await release(join(shared, 'release'), '/srv/stand-in');
  await release(join(shared, 'release2'), '/srv/./stand-in');
}

async function release(folder: string, becomes: string): Promise<void> {
  const [binary = '', arch = ''] = names;
  const images = fillerBytes(becomes, 100_000);
  images.set([0x28, 0xb5, 0x2f, 0xfd]);
  const files = { [binary]: programThatBecomes(becomes), [`k3s-airgap-images-${arch}.tar.zst`]: images };
  await mkdir(folder);
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  const sums = Object.entries(files).map(([name, bytes]) => `${sumOf(bytes)}  ${name}\n`);
  await writeFile(join(folder, `sha256sum-${arch}.txt`), sums.join(''));
}

async function begin(t: ExecutionContext) {
  t.timeout(600_000);
  const folder = await mkdtemp(join(tmpdir(), 'bramble-install-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  const end: { close?: () => Promise<void> } = {};
  t.teardown(async () => {
    await end.close?.();
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  });
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const board = await lan.addHost({ name: 'board', address: '10.77.0.100/24' });
  // The way out is on another interface, as behind the master.
  await lan.addHost({ name: 'master', into: master, interface: 'wlan0', address: '203.0.113.2/24' });
  await master.exec(['ip', 'route', 'add', 'default', 'via', '203.0.113.1']);
  const [disk, shared] = [join(folder, 'disk'), join(folder, 'shared')];
  await Promise.all([mkdir(disk), mkdir(shared)]);
  await fill(shared);
  const machine = await bootMachine(master, { folder: disk, shared });
  end.close = machine.close;
  const output = async (script: string): Promise<string> => {
    const { code, stdout, stderr } = await machine.sh(script);
    t.is(code, 0, `${script}: ${stdout}${stderr}`);
    return stdout;
  };
  const fails = async (script: string): Promise<string> => {
    const { code, stdout, stderr } = await machine.sh(script);
    t.not(code, 0, `${script}: ${stdout}${stderr}`);
    return stdout + stderr;
  };
  const config = `interface: eth0\ntopology: behind-master\nuplink: wlan0\ncluster: {version: ${version}}\n`;
  await output(`hostname master; groupadd --system bramble; mkdir -p /etc/bramble /srv/data
    echo '${config}data: /srv/data' > /etc/bramble/bramble.yaml`);
  return { output, fails, board, shared };
}

const install = '/srv/bramble cluster install --yes';
const written = `/usr/local/bin/k3s /etc/rancher /var/lib/rancher /etc/systemd/system/k3s.service
  /etc/systemd/system/multi-user.target.wants/k3s.service /etc/bramble/kubeconfig`.replaceAll('\n', ' ');

if (noMachine !== undefined) {
  test('a machine with systemd can be had here', (t) => {
    t.log(`NOT RUN: bramble cluster install on a machine with systemd: ${noMachine}.`);
    t.pass();
  });
} else if (assets === undefined) {
  test('the real control plane is here', (t) => {
    t.log('NOT RUN: bramble cluster install. Run .ci/control-plane once, or set KUBEBUILDER_ASSETS.');
    t.not(process.env['CI'], 'true', 'CI must have the real control plane');
  });
} else {
  test('the master becomes a server: nothing half done, nothing of others touched', async (t) => {
    const { output, fails, board, shared } = await begin(t);
    const nothingIsLeft = async (): Promise<void> => {
      t.is(await output(`for path in ${written}; do if test -e $path; then echo $path; fi; done`), '');
      t.regex(await output('systemctl show --property=LoadState k3s.service'), /not-found/);
    };

    t.regex(await fails(install), /k3s v1\.34\.2\+k3s1 for \w+ is not here yet: bramble cluster fetch/);
    const before = await fails('/srv/bramble cluster show');
    t.regex(before, /WRONG {2}k3s v1\.34\.2\+k3s1 is not here yet/);
    t.regex(before, /WRONG {2}\/etc\/bramble\/kubeconfig: there is no such file \(bramble cluster install makes it\)/);
    t.regex(await output('/srv/bramble cluster fetch --from /srv/release'), /imported/);

    // It does not come up: told in its own words, and all is as before.
    await output('touch /srv/fail');
    const failed = await fails(install);
    t.regex(failed, /k3s does not stay up: (?:.|\n)*level=fatal msg="the stand-in was told to fail"/);
    t.regex(failed, /what was changed is taken back/);
    await nothingIsLeft();

    // Somebody loses patience.
    await output('rm /srv/fail; touch /srv/hang');
    const stopped = await output(`${install} > /srv/said 2>&1 & install=$!
      for try in $(seq 450); do if grep -q 'waiting for k3s' /srv/said; then break; fi; sleep 0.2; done
      kill -TERM $install; if wait $install; then exit 1; fi; cat /srv/said`);
    t.regex(stopped, /waiting for k3s \((in)?activ(e|ating)\): it has made no kubeconfig yet/);
    t.regex(stopped, /interrupted: what was changed is as before/);
    await nothingIsLeft();

    await output('rm /srv/hang');
    const told = await output(install);
    t.regex(told, /k3s v1\.34\.2\+k3s1 is ready at 10\.77\.0\.1 on eth0\n/);
    t.regex(told, /the daemon's account: \/etc\/bramble\/kubeconfig, at https:\/\/10\.77\.0\.1:6443\n/);
    t.is(await output('systemctl is-active k3s; systemctl is-enabled k3s'), 'active\nenabled\n');
    t.is(await output('stat -c "%a %U %G" /etc/bramble/kubeconfig'), '640 root bramble\n');
    t.is(await output('stat -c %a /etc/rancher/k3s/config.yaml /usr/local/bin/k3s'), '600\n755\n');
    t.is(await output('find /usr/local/bin /etc/rancher /var/lib/rancher -name "*before-bramble"'), '');

    const shown: ShownCluster = JSON.parse(await output('/srv/bramble cluster show -o json'));
    t.deepEqual(shown.service, { active: 'active', enabled: true, ours: true });
    t.like(shown, { wrong: [], driver: 'k3s', version, account: { server: 'https://10.77.0.1:6443', lacks: [] } });
    await output('cd /srv/data/k3s/*; mv k3s-a[mr][dm]64 /srv/data');
    t.regex(await fails('/srv/bramble cluster show'), /WRONG {2}k3s-(arm64|amd64) is damaged or gone/);
    await output('mv /srv/data/k3s-a[mr][dm]64 /srv/data/k3s/*/');

    // From a board, by the name in its certificate.
    const ca = `sed -n 's/.*certificate-authority-data: //p' /etc/bramble/kubeconfig | base64 -d`;
    await output(`${ca} > /srv/ca.pem`);
    const version_ = ['--cacert', join(shared, 'ca.pem'), 'https://10.77.0.1:6443/version'];
    const fetched = await board.exec(['curl', '-sS', '--max-time', '20', ...version_]);
    t.regex(fetched.stdout, /"gitVersion": "v1\./, fetched.stderr);
    const asMaster =
      'curl -sS --cacert /srv/ca.pem --resolve master.local:6443:10.77.0.1 https://master.local:6443/version';
    t.regex(await output(asMaster), /"gitVersion": "v1\./);
    // From the home network, by the address of the uplink.
    const fromHome = 'curl -sS --cacert /srv/ca.pem https://203.0.113.2:6443/version';
    t.regex(await output(fromHome), /"gitVersion": "v1\./);

    // A second time nothing happens to what runs; a third with a configuration that the owner changed.
    const pid = await output('systemctl show --property=MainPID k3s');
    const kubeconfig = await output('cat /etc/bramble/kubeconfig');
    await output(install);
    await output('echo "debug: true" >> /etc/rancher/k3s/config.yaml');
    t.regex(await output(install), /config\.yaml is not bramble's: it stays as it is/);
    t.regex(await output('cat /etc/rancher/k3s/config.yaml'), /debug: true/);
    t.is(await output('systemctl show --property=MainPID k3s'), pid);
    t.is(await output('cat /etc/bramble/kubeconfig'), kubeconfig, 'the same account');

    // Another release that is not what it says: the old one is back, and was never stopped.
    const binary = await output('sha256sum /usr/local/bin/k3s');
    await output(`/srv/bramble cluster fetch --version v1.34.3+k3s1 --from /srv/release2
      sed s/1.34.2/1.34.3/ /etc/bramble/bramble.yaml > /srv/next.yaml`);
    t.regex(
      await fails(`${install} --config /srv/next.yaml`),
      /does not run here as k3s v1\.34\.3\+k3s1: it says .*v1\.34\.2\+k3s1/,
    );
    t.is(await output('sha256sum /usr/local/bin/k3s; systemctl show --property=MainPID k3s'), binary + pid);

    // One that bramble did not install: only the account, and what its configuration lacks.
    await output(`sed -i 1d /etc/systemd/system/k3s.service; systemctl daemon-reload; rm /etc/bramble/kubeconfig
      printf 'node-ip: 10.77.0.1\\n' > /etc/rancher/k3s/config.yaml`);
    const adopted = await output(`${install} 2>&1`);
    t.regex(adopted, /bramble did not install it: it stays as it is/);
    t.regex(
      adopted,
      /lacks\n {2}advertise-address: 10\.77\.0\.1\n {2}flannel-iface: eth0\n {2}tls-san: \[10\.77\.0\.1, \w+, \w+\.local, 203\.0\.113\.2\]/,
    );
    t.is(await output('systemctl show --property=MainPID k3s'), pid);
    t.is(await output('stat -c "%a %U %G" /etc/bramble/kubeconfig'), '640 root bramble\n');
    t.is(await output('cat /etc/rancher/k3s/config.yaml'), 'node-ip: 10.77.0.1\n');

    // Any cluster, by its administrator's kubeconfig; and a kubeconfig that is not bramble's.
    await output(`echo 'cluster: {driver: kubeadm}' > /srv/other.yaml`);
    const other = '/srv/bramble cluster install --config /srv/other.yaml';
    t.regex(await fails(other), /cluster\.driver is kubeadm: make that cluster first/);
    await output('printf "interface: eth0\\n" >> /srv/other.yaml');
    t.regex(await output(`${other} --kubeconfig /etc/rancher/k3s/k3s.yaml`), /at https:\/\/10\.77\.0\.1:6443/);
    await output('cp /etc/rancher/k3s/k3s.yaml /etc/bramble/kubeconfig');
    t.regex(await fails(install), /was not written by bramble, or was changed: move it away first/);
  });
}
