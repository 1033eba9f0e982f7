/**
 * The first process of the installer's initramfs, in namespaces of its own: what it mounts, finds out, asks of the network and
 * says. This machine's busybox plays the part of the board's. Not here: a kernel's devices and modules, which QEMU has
 * (`npm run e2e -- install`).
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { makeLan, runPrefix } from '../support/netns.ts';
import { emptyFolder } from './installer-boot-fake.ts';

const scripts = fileURLToPath(new URL('../../image-builder/installer/', import.meta.url));
const run = promisify(execFile);
const key = 'ab'.repeat(32);
const mac = 'dc:a6:32:00:00:01';

async function put(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

// --- What it finds out, from trees as the kernel shows them

type Tree = Readonly<Record<string, string | Uint8Array>>;

/** What a line of shell says with `surroundings` sourced, and with busybox and nothing else. */
async function asked(t: ExecutionContext, tree: Tree, line: string): Promise<string> {
  const root = await emptyFolder(t);
  await put(root, { 'proc/cmdline': 'console=tty1\n', ...tree });
  await mkdir(join(root, 'bin'));
  for (const applet of ['cat', 'cut', 'dd', 'hexdump', 'sed', 'sha256sum', 'tr', 'uniq']) {
    await symlink('/bin/busybox', join(root, 'bin', applet));
  }
  const program = ['busybox', ['sh', '-euc', `. ${scripts}surroundings; ${line}`]] as const;
  const { stdout } = await run(...program, { env: { PATH: `${join(root, 'bin')}:/bin`, root } });
  return stdout.trim();
}

const netbooted = {
  'proc/cmdline': `console=tty1 bramble.server=http://10.77.0.1:8067 bramble.mac=${mac} bramble.key=${key}\n`,
};
const fromCard = {
  'etc/bramble/join.conf': `server=http://10.77.0.1:8067\ncluster-key=${key}\ncluster=bramble-1a2b\n`,
};
const answers: readonly (readonly [how: string, tree: Tree, line: string, said: string])[] = [
  ['a netboot', netbooted, 'source_of; server_of; key_of', `netboot\nhttp://10.77.0.1:8067\n${key}`],
  ['a join card', fromCard, 'source_of; server_of; key_of', `join-card\nhttp://10.77.0.1:8067\n${key}`],
  ['a join card wins', { ...fromCard, 'proc/cmdline': 'bramble.key=00 bramble.server=x\n' }, 'key_of', key],
  ['a reinstallation', { 'proc/cmdline': 'bramble.source=reinstall\n' }, 'source_of', 'reinstall'],
  ['another source', { 'proc/cmdline': 'bramble.source=other\n' }, 'source_of', 'netboot'],
  ['nothing', {}, 'source_of; server_of; key_of; device_tree model', 'netboot'],
  ['a server that is none', { 'proc/cmdline': 'bramble.server=http://a/;reboot\n' }, 'server_of', ''],
  ['a key of another length', { 'proc/cmdline': `bramble.key=${key}0\n` }, 'key_of', ''],
  ['the last one counts', { 'proc/cmdline': 'bramble.mac=1 quiet bramble.mac=2' }, 'option bramble.mac', '2'],
  ['no part of a word', { 'proc/cmdline': 'xbramble.mac=1 bramble.macx=2\n' }, 'option bramble.mac', ''],
  ['a word', { 'proc/cmdline': 'a bramble.debug\n' }, 'has_option bramble.debug && echo yes', 'yes'],
  [
    'a device tree',
    {
      'proc/device-tree/model': 'Raspberry Pi 4 Model B Rev 1.4\0',
      'proc/device-tree/serial-number': '10000000abcdef01\0',
    },
    'device_tree model; echo; device_tree serial-number',
    'Raspberry Pi 4 Model B Rev 1.4\n10000000abcdef01',
  ],
];
for (const [how, tree, line, said] of answers) {
  test(`${how}: ${line}`, async (t) => {
    t.is(await asked(t, tree, line), said);
  });
}

const net = (name: string, address: string, carrier: string, more: Tree = {}): Tree => ({
  [`sys/class/net/${name}/type`]: '1\n',
  [`sys/class/net/${name}/address`]: `${address}\n`,
  ...(carrier !== '' && { [`sys/class/net/${name}/carrier`]: carrier }),
  [`sys/class/net/${name}/device/uevent`]: '',
  ...Object.fromEntries(Object.entries(more).map(([path, text]) => [`sys/class/net/${name}/${path}`, text])),
});

test('the wired interface: by its address, else each that is hardware; the first with a cable is taken', async (t) => {
  const tree = {
    'sys/class/net/lo/type': '772\n',
    'sys/class/net/lo/address': '00:00:00:00:00:00\n',
    'sys/class/net/bond0/type': '1\n',
    'sys/class/net/bond0/address': '02:00:00:00:00:01\n',
    ...net('eth0', mac, '0\n'),
    ...net('eth1', 'dc:a6:32:00:00:02', '1\n'),
    ...net('wlan0', 'dc:a6:32:00:00:03', '1\n', { 'phy80211/name': 'phy0' }),
  };
  t.is(await asked(t, tree, "wired_interfaces ''"), 'eth0\neth1');
  t.is(await asked(t, tree, `wired_interfaces ${mac}`), 'eth0');
  t.is(await asked(t, tree, "with_carrier $(wired_interfaces '')"), 'eth1');
  t.is(await asked(t, tree, `with_carrier $(wired_interfaces ${mac})`), '');
  t.is(await asked(t, { ...tree, ...net('eth0', mac, '') }, 'with_carrier eth0'), '', 'no carrier file can be read');
});

/** The first sector of a FAT with that volume id. */
function fatSector(type: 16 | 32, id: number): Uint8Array {
  const sector = Buffer.alloc(512);
  sector.writeUInt16LE(type === 16 ? 32 : 0, 22);
  sector.writeUInt32LE(id, type === 16 ? 39 : 67);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

const disk = (name: string, partition: string, first: Uint8Array): Tree => ({
  [`sys/block/${name}/size`]: '1000000\n',
  [`sys/block/${name}/${partition}/partition`]: '1\n',
  [`dev/${partition}`]: first,
});

test('a join card is found by its volume id, whatever the disk is called', async (t) => {
  // SHA-256 of "join card bramble-1a2b" begins with these bytes: printf 'join card bramble-1a2b' | sha256sum
  const { stdout } = await run('sh', ['-c', "printf 'join card bramble-1a2b' | sha256sum"]);
  const id = Buffer.from(stdout.slice(0, 8), 'hex').readUInt32LE();
  for (const type of [16, 32] as const) {
    const tree = {
      ...fromCard,
      ...disk('mmcblk0', 'mmcblk0p1', fatSector(type, 7)),
      ...disk('sda', 'sda1', fatSector(type, id)),
      ...disk('sdb', 'sdb1', Buffer.alloc(100)),
    };
    t.is(await asked(t, tree, 'started_from'), 'sda', `FAT${type}`);
  }
  t.is(await asked(t, { ...fromCard, ...disk('sda', 'sda1', fatSector(32, 7)) }, 'started_from'), '');
  t.is(await asked(t, fromCard, 'started_from'), '', 'no disk at all');
});

test('a board that is installed again is told its boot partition as blkid prints it', async (t) => {
  const tree = {
    'proc/cmdline': 'bramble.source=reinstall bramble.card=4272-616D\n',
    ...disk('mmcblk0', 'mmcblk0p1', fatSector(32, 0x4272616e)),
    ...disk('nvme0n1', 'nvme0n1p1', fatSector(32, 0x4272616d)),
  };
  t.is(await asked(t, tree, 'started_from'), 'nvme0n1');
  t.is(await asked(t, netbooted, 'wanted_volume_id'), '');
});

test('of two disks from one base, the firmware says which one it started; without its word it is neither', async (t) => {
  const bootMode = (mode: number): Tree => ({
    'proc/device-tree/chosen/bootloader/boot-mode': Uint8Array.of(0, 0, 0, mode),
  });
  const tree = {
    'proc/cmdline': 'bramble.source=reinstall bramble.card=4272-616D\n',
    ...disk('mmcblk0', 'mmcblk0p1', fatSector(32, 0x4272616d)),
    ...disk('nvme0n1', 'nvme0n1p1', fatSector(32, 0x4272616d)),
  };
  t.is(await asked(t, tree, 'started_from'), '');
  for (const [mode, name] of [
    [1, 'mmcblk0'],
    [6, 'nvme0n1'],
    [4, ''],
    [2, ''],
  ] as const) {
    t.is(await asked(t, { ...tree, ...bootMode(mode) }, 'started_from'), name, `boot mode ${mode}`);
  }
  const alone = { ...tree, ...disk('nvme0n1', 'nvme0n1p1', fatSector(32, 7)) };
  t.is(await asked(t, alone, 'started_from'), 'mmcblk0', 'there is but one');
  t.is(await asked(t, { ...alone, ...bootMode(6) }, 'started_from'), '', 'the other one is not seen yet');
});

// --- All of it

/**
 * In the part of what a namespace has no own of, or must not touch: devices, the kernel's log, the power. Functions, because
 * this shell takes its own applets before any program.
 */
const standIns = `
mount() {
  case $* in *devtmpfs*) return ;; esac
  /bin/busybox mount "$@"
  case $* in *proc*) /bin/busybox mount --bind /cmdline /proc/cmdline ;; esac
}
dmesg() { :; }
tee() { /bin/busybox cat >&3; }
halt() { echo HALTED >&3; sleep 3600; }
reboot() { echo REBOOTED >&3; sleep 3600; }
`;

/** The tree that a kernel has unpacked, with an installer that tells how it was started. */
async function initramfsTree(t: ExecutionContext, installer: string, cmdline: string): Promise<string> {
  const root = await emptyFolder(t);
  const folders = ['bin', 'sbin', 'proc', 'sys', 'dev', 'run', 'tmp'];
  for (const folder of folders) await mkdir(join(root, folder));
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  const init = await readFile(`${scripts}init`, 'utf8');
  for (const file of ['surroundings', 'udhcpc']) await copyFile(scripts + file, join(root, 'bin', file));
  await put(root, {
    init: init.replace(/^set -eu$/m, '$&\n. /stand-ins'),
    'stand-ins': standIns,
    cmdline,
    'bin/bramble-installer': installer,
  });
  await run('sh', ['-c', 'chmod 755 bin/* init; mknod -m 666 dev/null c 1 3'], { cwd: root });
  return root;
}

async function startInit(t: ExecutionContext, { installer, cmdline }: { installer: string; cmdline: string }) {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const [router, board] = await lan.addHosts([
    { name: 'router', address: '10.77.0.1/24' },
    { name: 'board', mac },
  ]);
  if (router === undefined || board === undefined) throw new Error('no hosts');
  const root = await initramfsTree(t, installer, cmdline);
  const serve = () =>
    router.spawn([
      ...['dnsmasq', '-k', '-C', '/dev/null', '--port=0', '--interface=eth0', '--bind-interfaces', '--no-ping'],
      ...['--dhcp-range=10.77.0.100,10.77.0.100,255.255.255.0,2m', `--dhcp-host=${mac},worker-kube7`, '--log-dhcp'],
      ...['--dhcp-authoritative', '--log-facility=-', '--user=root', '--pid-file=', `--dhcp-leasefile=${root}/leases`],
    ]);
  const namespaces = ['unshare', '--mount', '--pid', '--fork', '--uts', '--kill-child'];
  const start = () => board.spawn([...namespaces, 'sh', '-c', 'exec chroot "$0" /init 3>&1', root]);
  return { lan, board, serve, start };
}

const telling = '#!/bin/sh\nenv | grep ^BRAMBLE_ | sort\necho "hostname $(hostname)"\nip -4 route\nexit 10\n';
const patience = 60_000;

test('waits for cable and address and says so, tells the installer all it needs, and stops when that does', async (t) => {
  const cmdline = `console=tty1 panic=10 bramble.server=http://10.77.0.1:8067 bramble.mac=${mac} bramble.key=${key}\n`;
  const { lan, board, serve, start } = await startInit(t, { installer: telling, cmdline });
  await lan.setLink(board, 'down');
  const init = start();
  await init.waitFor(/bramble: no cable is plugged in: eth0/, patience);
  await lan.setLink(board, 'up');
  await init.waitFor(/bramble: waiting for an address on eth0 \(dc:a6:32:00:00:01\)/, patience);
  const dnsmasq = serve();
  await init.waitFor(/HALTED/, patience);
  const said = init.stdout();
  const told = said.split('\n').filter((line) => line.startsWith('BRAMBLE_'));
  t.deepEqual(told, [
    'BRAMBLE_CARD=',
    'BRAMBLE_INTERFACE=eth0',
    `BRAMBLE_KEY=${key}`,
    `BRAMBLE_MAC=${mac}`,
    'BRAMBLE_MODEL=',
    'BRAMBLE_SERIAL=',
    'BRAMBLE_SERVER=http://10.77.0.1:8067',
    'BRAMBLE_SOURCE=netboot',
  ]);
  t.regex(said, /bramble: worker-kube7: address 10\.77\.0\.100\/24 on eth0/);
  t.regex(said, /^hostname worker-kube7$/m);
  t.regex(said, /^default via 10\.77\.0\.1 dev eth0/m);
  t.regex(said, /bramble: nothing more to do here: switch the board off/);
  t.notRegex(said, /REBOOTED|not found|syntax/);
  const asked = dnsmasq.stdout() + dnsmasq.stderr();
  t.regex(asked, /vendor class: bramble-installer/);
  t.regex(asked, /client provides name: bramble-000001/);
});

test('an installer that falls over is started again by a restart of the board', async (t) => {
  const { serve, start } = await startInit(t, { installer: '#!/bin/sh\nexit 3\n', cmdline: `bramble.mac=${mac}\n` });
  const dnsmasq = serve();
  const init = start();
  await init.waitFor(/bramble: the installer ended \(3\); starting again/, patience);
  await init.waitFor(/REBOOTED/, patience);
  t.notRegex(init.stdout(), /HALTED/);
  await dnsmasq.kill();
});

test('an address is renewed as it is, replaced by another one, and taken back', async (t) => {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const board = await lan.addHost({ name: 'board', mac });
  const folder = await emptyFolder(t);
  await mkdir(join(folder, 'run'));
  // Its state in a folder of the test, its host name in a namespace of its own.
  const script = (await readFile(`${scripts}udhcpc`, 'utf8')).replaceAll('/run/bramble', join(folder, 'run'));
  await writeFile(join(folder, 'udhcpc'), script);
  const hook = async (event: string, env: Readonly<Record<string, string>> = {}): Promise<string> => {
    const program = ['unshare', '--uts', 'busybox', 'sh', join(folder, 'udhcpc'), event];
    const { code, stderr } = await board.exec(program, { env: { interface: 'eth0', ...env } });
    t.is(code, 0, stderr);
    return (await board.exec(['ip', '-4', '-o', 'addr', 'show', 'dev', 'eth0'])).stdout;
  };
  const lease = { ip: '10.77.0.50', mask: '24', router: '10.77.0.1 10.77.0.2', hostname: 'worker-kube1' };
  t.regex(await hook('bound', lease), /inet 10\.77\.0\.50\/24/);
  t.is(await readFile(join(folder, 'run/address'), 'utf8'), '10.77.0.50/24\n');
  const routes = async (): Promise<string> => (await board.exec(['ip', 'route'])).stdout;
  t.regex(await routes(), /^default via 10\.77\.0\.1 dev eth0/m);
  // A second address shows whether it was touched: a flush would take it away.
  await board.exec(['ip', 'addr', 'add', '10.99.0.1/24', 'dev', 'eth0']);
  t.regex(await hook('renew', lease), /10\.99\.0\.1/);
  t.notRegex(await hook('bound', { ...lease, ip: '10.77.0.51' }), /10\.77\.0\.50|10\.99\.0\.1/);
  await hook('renew', { ...lease, ip: '10.77.0.51', router: 'nonsense', hostname: '-x; reboot' });
  t.is(await hook('deconfig'), '');
  await t.throwsAsync(readFile(join(folder, 'run/address')), { code: 'ENOENT' });
});
