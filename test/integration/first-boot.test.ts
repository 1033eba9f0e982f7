/** What a plan does on the board: device-init's script in a root of busybox, and Debian's own cloud-init on a virtual board. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { must } from '../../config/result.ts';
import { parseHostname, parseIpv4, parseSerial } from '../../config/values.ts';
import {
  type AddedFile,
  type Additions,
  type BoardPlan,
  type BoardWish,
  buildOverlay,
  existingBootFiles,
  importBase,
  overlaySource,
  planBoard,
} from '../../image-builder/index.ts';
import type { BoardEvent } from '../lab/board/events.ts';
import { switchOn } from '../lab/board/hardware.ts';
import { identityOf } from '../lab/board/models.ts';
import { makeLabBase, mtoolsList, mtoolsRead } from '../support/images.ts';
import { makeLan, runPrefix } from '../support/netns.ts';

const run = promisify(execFile);
const signal = AbortSignal.timeout(110_000);
const sorted = (texts: readonly string[]): string[] => [...texts].sort((a, b) => (a < b ? -1 : 1));

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-first-boot-'));
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  return folder;
}

async function makeKey(file: string): Promise<{ readonly privateOpenssh: string; readonly publicLine: string }> {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'first boot', '-f', file]);
  return {
    privateOpenssh: await readFile(file, 'utf8'),
    publicLine: (await readFile(`${file}.pub`, 'utf8')).trim(),
  };
}

const aFile = (path: string, content: string, more: Partial<AddedFile> = {}): AddedFile => ({
  path,
  content: Buffer.from(content),
  mode: '0644',
  owner: 'root:root',
  secret: false,
  ...more,
});

async function wishFor(folder: string, format: BoardWish['format'], more: Partial<BoardWish> = {}): Promise<BoardWish> {
  const login = await makeKey(join(folder, 'login'));
  return {
    hostname: must(parseHostname('worker-kube1')),
    address: { ip: must(parseIpv4('10.77.0.33')), prefix: 24, gateway: must(parseIpv4('10.77.0.1')) },
    sshHostKey: await makeKey(join(folder, 'host')),
    authorizedKey: login.publicLine,
    timezone: 'Europe/Amsterdam',
    format,
    mark: { deviceId: 'd-0123456789ab', clusterId: 'lab', arming: 'arming-1' },
    ...more,
  };
}

/** As published: `pirate` with a password that its manual tells, one account without any, one that is locked. */
const publishedShadow = `root:$6$salt$hash:17000:0:99999:7:::
daemon:*:17000:0:99999:7:::
pirate:$6$salt$hypriot:17000:0:99999:7:::
nobody::17000:0:99999:7:::
old:!$6$x:17000:0:99999:7:::
`;
const shadowAfter = publishedShadow
  .replace('$6$salt$hash', '*')
  .replace('$6$salt$hypriot', '*')
  .replace('nobody::', 'nobody:*:');

/** A root directory with busybox as everything, and the plan's files where HypriotOS mounts its boot partition. */
async function busyboxRoot(root: string, plan: BoardPlan): Promise<void> {
  const files: Record<string, string | Uint8Array> = {
    'etc/ssh/ssh_host_rsa_key': 'of the image',
    'etc/ssh/ssh_host_ed25519_key': 'of the image',
    'etc/ssh/sshd_config': 'Port 22\nHostKey /etc/ssh/ssh_host_rsa_key\nPasswordAuthentication yes\nUsePAM yes\n',
    'etc/systemd/resolved.conf': '[Resolve]\n#DNS=\n',
    'etc/shadow': publishedShadow,
    'etc/group': 'root:x:0:\ndaemon:x:1:\n',
    'var/log/.keep': '',
    'etc/passwd': 'root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\npirate:x:1000:1000::/home/pirate:/bin/sh\n',
    'usr/bin/.keep': '',
    'root/.keep': '',
    'home/pirate/.keep': '',
    'bin/busybox': await readFile('/usr/bin/busybox'),
    // Not named in the test's PATH but by HypriotOS: its first boot is over when the marker is there.
    'usr/local/bin/hypriot-firstboot': '#!/bin/sh\n',
    'etc/hypriot-firstboot_not_to_be_run': '',
  };
  for (const { path, bytes } of plan.files) files[`boot/${path}`] = bytes;
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  await chmod(join(root, 'bin/busybox'), 0o755);
  await chmod(join(root, 'usr/local/bin/hypriot-firstboot'), 0o755);
  await chmod(join(root, 'etc/shadow'), 0o640);
  await run('chroot', [root, '/bin/busybox', '--install', '-s', '/bin']);
  await mkdir(join(root, 'dev'));
  await run('mknod', ['-m', '666', join(root, 'dev/null'), 'c', '1', '3']);
}

type BusyboxBoard = {
  readonly root: string;
  readonly boot: () => Promise<void>;
  readonly text: (path: string) => Promise<string>;
};

async function busyboxBoard(folder: string, wish: BoardWish): Promise<BusyboxBoard> {
  const root = join(folder, 'root');
  await busyboxRoot(root, must(planBoard(wish, { cmdline: 'root=/dev/mmcblk0p2\n' })));
  const boot = async (): Promise<void> => {
    // As device-init does it: `sh -c COMMAND`, for each entry of runcmd.
    const [command = ''] =
      /sh \/boot\/\S+/.exec((await readFile(join(root, 'boot/device-init.yaml'))).toString()) ?? [];
    await run('chroot', [root, '/bin/busybox', 'env', '-i', 'PATH=/bin', '/bin/sh', '-c', command]);
  };
  return { root, boot, text: async (path) => await readFile(join(root, path), 'utf8') };
}

test('device-init’s script on a board: does its work once, and never touches newer keys', async (t) => {
  const folder = await folderOf(t);
  const wish = await wishFor(folder, 'device-init', {
    address: {
      ip: must(parseIpv4('192.168.1.201')),
      prefix: 24,
      gateway: must(parseIpv4('192.168.1.1')),
      dns: [must(parseIpv4('192.168.1.1'))],
    },
  });
  const { root, boot, text } = await busyboxBoard(folder, wish);
  await boot();
  t.is(await text('etc/ssh/ssh_host_ed25519_key'), wish.sshHostKey.privateOpenssh);
  t.is((await stat(join(root, 'etc/ssh/ssh_host_ed25519_key'))).mode & 0o777, 0o600);
  t.deepEqual(sorted(await readdir(join(root, 'etc/ssh'))), [
    'ssh_host_ed25519_key',
    'ssh_host_ed25519_key.pub',
    'sshd_config',
  ]);
  for (const home of ['root', 'home/pirate'])
    t.is((await text(`${home}/.ssh/authorized_keys`)).trim(), wish.authorizedKey);
  t.is((await stat(join(root, 'home/pirate/.ssh/authorized_keys'))).uid, 1000);
  t.is(
    await text('etc/ssh/sshd_config'),
    'HostKey /etc/ssh/ssh_host_ed25519_key\nPasswordAuthentication no\nPermitRootLogin without-password\nPort 22\nUsePAM yes\n',
  );
  t.is(await text('etc/shadow'), shadowAfter);
  t.is((await stat(join(root, 'etc/shadow'))).mode & 0o777, 0o640);
  t.is(await text('etc/hostname'), 'worker-kube1\n');
  t.is(await text('etc/timezone'), 'Europe/Amsterdam\n');
  t.regex(
    await text('etc/network/interfaces.d/eth0'),
    /inet static\n {2}address 192\.168\.1\.201\n {2}netmask 255\.255\.255\.0\n {2}gateway 192\.168\.1\.1\n/,
  );
  t.is(await text('etc/systemd/resolved.conf'), '[Resolve]\nDNS=192.168.1.1\n');
  t.deepEqual(sorted(await readdir(join(root, 'boot/bramble'))), ['board.json', 'first-boot.sh']);
  await writeFile(join(root, 'etc/shadow'), 'root:$6$the-owner’s-own:17000::::::\n');
  await writeFile(join(root, 'etc/ssh/ssh_host_ed25519_key'), 'rotated by the daemon');
  await writeFile(join(root, 'boot/bramble/host_key'), 'put back by somebody');
  await boot();
  t.is(await text('etc/ssh/ssh_host_ed25519_key'), 'rotated by the daemon');
  t.deepEqual(sorted(await readdir(join(root, 'boot/bramble'))), ['board.json', 'first-boot.sh']);
  t.regex(await text('etc/shadow'), /the-owner/, 'a password that was set later stays');
});

const additions: Additions = {
  files: [
    aFile('/etc/app/settings.conf', 'a=1\nb="2"\n'),
    aFile('/etc/app/key', 'hush', { mode: '0600', owner: 'daemon:daemon', secret: true }),
    aFile('/root/.ssh/authorized_keys', 'ssh-ed25519 AAAAownersOwn anna'),
    aFile('/etc/passwd/below-a-file', 'x'),
    aFile('/opt/run.sh', '#!/bin/sh\necho run >> /root/ran\n', { mode: '0755', owner: 'nosuch:nosuch' }),
  ],
  runcmd: ['/opt/run.sh', 'echo \'it is\' "$(cat /etc/hostname)" >> /root/ran', 'false', 'echo last >> /root/ran'],
  containerImages: ['/var/local/app.tar', '/var/local/more.tar.gz', 'docker.io/library/nginx:1.27'],
};

test('device-init: the owner’s files and commands, once; what cannot be done does not keep the board from its keys', async (t) => {
  const folder = await folderOf(t);
  const wish = await wishFor(folder, 'device-init', { additions });
  const { root, boot, text } = await busyboxBoard(folder, wish);
  await boot();
  t.is(await text('etc/app/settings.conf'), 'a=1\nb="2"\n');
  t.is(await text('etc/app/key'), 'hush');
  const [key, script] = [await stat(join(root, 'etc/app/key')), await stat(join(root, 'opt/run.sh'))];
  t.deepEqual([key.mode & 0o777, key.uid, key.gid, script.mode & 0o777], [0o600, 1, 1, 0o755]);
  t.is(await text('root/.ssh/authorized_keys'), `ssh-ed25519 AAAAownersOwn anna\n${wish.authorizedKey}\n`);
  t.is(await text('etc/ssh/ssh_host_ed25519_key'), wish.sshHostKey.privateOpenssh);
  t.is(await text('root/ran'), 'run\nit is worker-kube1\nlast\n');
  t.regex(await text('var/log/bramble-first-boot.log'), /no \/etc\/passwd\/below-a-file\n[\s\S]*ended with 1: false\n/);
  t.deepEqual(sorted(await readdir(join(root, 'boot/bramble'))), ['board.json', 'first-boot.sh']);
  await boot();
  t.is(await text('root/ran'), 'run\nit is worker-kube1\nlast\n');
});

test('device-init: power that goes in the middle of the commands, and before the mark, has all of it done again', async (t) => {
  const folder = await folderOf(t);
  const wish = await wishFor(folder, 'device-init', { additions });
  const { root, boot, text } = await busyboxBoard(folder, wish);
  const [card, keys] = [join(root, 'boot/bramble'), join(folder, 'card')];
  await run('cp', ['-a', card, keys]);
  await boot();
  // The commands' mark was not on the disk yet, and their script not gone.
  await rm(join(root, 'var/lib/bramble/arming-1.commands'));
  await run('cp', ['-a', join(keys, 'commands.sh'), card]);
  await boot();
  t.is(await text('root/ran'), 'run\nit is worker-kube1\nlast\n'.repeat(2));
  // Nor was the first mark.
  await rm(join(root, 'var/lib/bramble/arming-1'));
  await run('cp', ['-a', `${keys}/.`, card]);
  await boot();
  t.is(await text('root/.ssh/authorized_keys'), `ssh-ed25519 AAAAownersOwn anna\n${wish.authorizedKey}\n`);
  t.regex(await text('etc/ssh/sshd_config'), /^(?!.*HostKey[\s\S]*HostKey)/);
  t.is(await text('etc/shadow'), shadowAfter);
  t.is(await text('root/ran'), 'run\nit is worker-kube1\nlast\n'.repeat(2), 'the commands had their mark');
});

test('container images: by docker, by containerd, or left for k3s, as the board has them', async (t) => {
  const folder = await folderOf(t);
  const cloud = await wishFor(folder, 'cloud-init', { additions });
  const { root, text } = await busyboxBoard(folder, { ...cloud, format: 'device-init', additions });
  const plan = must(planBoard(cloud, { cmdline: 'root=x\n' }));
  const userData: unknown = parse(Buffer.from(plan.files[0]?.bytes ?? []).toString());
  const runcmd = typeof userData === 'object' && userData !== null && 'runcmd' in userData ? userData.runcmd : [];
  const commands = (Array.isArray(runcmd) ? runcmd : []).map(String).filter((text) => text.includes('docker'));
  t.is(commands.length, 3);
  await mkdir(join(root, 'var/local'), { recursive: true });
  await writeFile(join(root, 'var/local/more.tar.gz'), gzipSync('an archive'));
  const load = async (): Promise<void> => {
    for (const command of commands) {
      const script = command.replace(/^sh,-c,/, '');
      await run('chroot', [root, '/bin/busybox', 'env', '-i', 'PATH=/bin', '/bin/sh', '-c', script]);
    }
  };
  const double = async (name: string): Promise<void> => {
    // In the place of the real program: writes down how it was called, and with what.
    const script = `#!/bin/sh\necho ${name} "$@" >> /called\n[ "$5" != - ] || { cat; echo; } >> /called\n`;
    await writeFile(join(root, 'bin', name), script, { mode: 0o755 });
  };
  await load();
  const k3s = join(root, 'var/lib/rancher/k3s/agent/images');
  t.deepEqual(sorted(await readdir(k3s)), ['app.tar', 'bramble.txt', 'more.tar.gz']);
  t.is(await readlink(join(k3s, 'app.tar')), '/var/local/app.tar');
  t.is(await readFile(join(k3s, 'bramble.txt'), 'utf8'), 'docker.io/library/nginx:1.27\n');
  await double('ctr');
  await load();
  t.is(
    await text('called'),
    `ctr -n k8s.io images import /var/local/app.tar
ctr -n k8s.io images import -
an archive
ctr -n k8s.io images pull docker.io/library/nginx:1.27
`,
  );
  await rm(join(root, 'called'));
  await double('docker');
  await load();
  t.is(
    await text('called'),
    `docker load -i /var/local/app.tar
docker load -i /var/local/more.tar.gz
docker pull docker.io/library/nginx:1.27
`,
  );
});

test('Debian’s cloud-init finds nothing wrong with additions', async (t) => {
  const folder = await folderOf(t);
  const plan = must(planBoard(await wishFor(folder, 'cloud-init', { additions }), { cmdline: 'root=x\n' }));
  const file = join(folder, 'user-data');
  await writeFile(file, plan.files.find(({ path }) => path === 'user-data')?.bytes ?? '');
  const { stdout } = await run('cloud-init', ['schema', '--config-file', file]);
  t.regex(stdout, /Valid cloud-config/);
});

test('cloud-init on a board: the owner’s files, commands and address, no published password, all of it once', async (t) => {
  const folder = await folderOf(t);
  const stop = new AbortController();
  const identity = identityOf('pi4', 7, parseSerial);
  const lan = await makeLan({ prefix: runPrefix(), signal: stop.signal });
  t.teardown(async () => {
    stop.abort();
    await lan.close();
  });
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const port = await lan.addHost({ name: 'board', mac: identity.mac });
  const directory = join(folder, 'board');
  await mkdir(join(directory, 'os/etc'), { recursive: true });
  await writeFile(join(directory, 'os/etc/shadow'), publishedShadow, { mode: 0o640 });
  const wish = await wishFor(folder, 'cloud-init', {
    // There is no internet here.
    securityUpdates: true,
    additions: {
      files: [
        aFile('/etc/app/settings.conf', 'a=1\n'),
        aFile('/etc/app/key', 'hush', { mode: '0600', owner: 'daemon:daemon', secret: true }),
        { ...aFile('/etc/app/bytes', ''), content: Uint8Array.of(0, 255, 13, 10) },
      ],
      runcmd: ['cat /etc/app/key >> /root/ran', 'false', 'echo "last of $(hostname)" >> /root/ran'],
      containerImages: [],
    },
  });
  const image = await boardImage(folder, wish, join(directory, 'disk.img'));
  const waiting = new Set<(event: BoardEvent) => void>();
  const sshd = (): Promise<BoardEvent> =>
    new Promise((resolve, reject) => {
      waiting.add((event) => {
        if (event.event === 'sshd') resolve(event);
        if (event.event === 'crashed') reject(new Error(String(event['reason'])));
      });
    });
  const first = sshd();
  const hardware = await switchOn({
    name: 'board',
    identity,
    netns: port.netns,
    directory,
    diskBytes: (await stat(image)).size,
    cache: join(folder, 'cache'),
    signal: stop.signal,
    onEvent: (event) => {
      t.log(JSON.stringify(event));
      for (const listener of waiting) listener(event);
    },
    onNoise: (line) => t.log(line),
  });
  await writeFile(join(folder, 'known_hosts'), `board ${wish.sshHostKey.publicLine}\n`);
  const ssh = async (command: string): Promise<string> => {
    const strict = ['StrictHostKeyChecking=yes', 'HostKeyAlias=board', 'BatchMode=yes'];
    const options = [`UserKnownHostsFile=${folder}/known_hosts`, ...strict].flatMap((option) => ['-o', option]);
    const args = ['ssh', '-F', '/dev/null', '-i', join(folder, 'login'), ...options, 'root@10.77.0.33', command];
    const { code, stdout, stderr } = await master.exec(args);
    t.is(code, 0, stderr);
    return stdout;
  };
  await first;
  t.is(await ssh('hostname; cat /etc/timezone'), 'worker-kube1\nEurope/Amsterdam\n');
  t.is(await ssh('cat /etc/app/settings.conf; od -An -tx1 /etc/app/bytes'), 'a=1\n 00 ff 0d 0a\n');
  const periodic = await ssh('apt-config dump APT::Periodic::Unattended-Upgrade; apt-config dump Unattended-Upgrade');
  t.is(
    periodic,
    'APT::Periodic::Unattended-Upgrade "1";\nUnattended-Upgrade "";\nUnattended-Upgrade::Automatic-Reboot "false";\n',
  );
  t.is(await ssh('stat -c "%a %U %G" /etc/app/key'), '600 daemon daemon\n');
  t.is(await ssh('cat /root/ran'), 'hushlast of worker-kube1\n');
  t.is(await ssh('cat /etc/shadow'), shadowAfter);
  t.is(await ssh('sshd -T | grep -i "^passwordauthentication"'), 'passwordauthentication no\n');
  for (const path of await mtoolsList(image)) {
    if (/user-data|bramble/.test(path))
      t.notRegex((await mtoolsRead(image, path)).toString(), /PRIVATE KEY|hush/, path);
  }
  await ssh("sed -i 's/^pirate:[^:]*/pirate:$6$own/' /etc/shadow");
  const again = sshd();
  hardware.powerCycle();
  await again;
  t.is(await ssh('cat /root/ran'), 'hushlast of worker-kube1\n', 'the commands ran once');
  t.regex(await ssh('cat /etc/shadow'), /^pirate:\$6\$own:/m, 'a password that was set later stays');
});

/** The whole image of a board, as it is written to its disk. */
async function boardImage(folder: string, wish: BoardWish, image: string): Promise<string> {
  const file = join(folder, 'base.img');
  await makeLabBase({ file, format: 'cloud-init' });
  const base = must(await importBase({ file, directory: join(folder, 'bases'), signal }));
  try {
    const plan = must(planBoard(wish, must(await existingBootFiles(base))));
    const source = must(overlaySource(base.source, must(await buildOverlay({ base, plan, signal }))));
    const bytes = Buffer.alloc(source.size);
    await source.read(bytes, 0);
    await writeFile(image, bytes);
    return image;
  } finally {
    await base.close();
  }
}
