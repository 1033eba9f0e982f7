/** What a virtual board's system makes of its disk: cloud-init's and device-init's effects, its network, its sshd. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { parseSerial } from '../../config/values.ts';
import type { BoardEvent } from '../lab/board/events.ts';
import { type Hardware, switchOn } from '../lab/board/hardware.ts';
import { type BoardModel, identityOf } from '../lab/board/models.ts';
import { makeLan, runPrefix } from '../support/netns.ts';
import type { Finished } from '../support/program.ts';

const run = promisify(execFile);
const mebi = 2 ** 20;

/** A disk with a FAT partition at 1 MiB that holds `files`. */
async function writeDisk(image: string, files: Readonly<Record<string, string>>): Promise<void> {
  const disk = Buffer.alloc(64 * mebi);
  disk.set([0, 0, 0, 0, 0x0c, 0, 0, 0], 446);
  disk.writeUInt32LE(2048, 454);
  disk.writeUInt32LE(60 * 2048, 458);
  disk.writeUInt16LE(0xaa55, 510);
  await writeFile(image, disk);
  await run('mformat', ['-i', `${image}@@1M`, '-F', '-T', String(60 * 2048), '-v', 'BOOT', '::']);
  const folder = await mkdtemp(join(tmpdir(), 'fat-'));
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), content);
    await run('mcopy', ['-i', `${image}@@1M`, join(folder, name), `::${name}`]);
  }
  await rm(folder, { recursive: true });
}

type Running = {
  readonly hardware: Hardware;
  readonly directory: string;
  readonly events: readonly BoardEvent[];
  /** The next event of this name. */
  readonly next: (name: string) => Promise<BoardEvent>;
  readonly ssh: (address: string, command: string) => Promise<string>;
  readonly ping: (address: string) => Promise<Finished>;
};

async function boardWith(
  t: ExecutionContext,
  model: BoardModel,
  disk: (keys: Keys) => Readonly<Record<string, string>>,
): Promise<Running> {
  const identity = identityOf(model, 9, parseSerial);
  const stop = new AbortController();
  const directory = await mkdtemp(join(tmpdir(), 'board-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: stop.signal });
  t.teardown(async () => {
    stop.abort();
    await lan.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const port = await lan.addHost({ name: 'board', mac: identity.mac });
  const keys = await makeKeys(directory);
  await mkdir(join(directory, 'board'));
  await writeDisk(join(directory, 'board/disk.img'), disk(keys));
  const range = ['--dhcp-range=10.77.0.100,10.77.0.120,255.255.255.0,1h', '--dhcp-option=3,10.77.0.1', '--no-ping'];
  const quiet = ['--user=root', '--pid-file=', '--port=0', `--dhcp-leasefile=${directory}/leases`];
  master.spawn(['dnsmasq', '-k', '-C', '/dev/null', '--interface=eth0', '--bind-interfaces', ...quiet, ...range]);
  const events: BoardEvent[] = [];
  const waiting = new Map<string, PromiseWithResolvers<BoardEvent>>();
  const next = (name: string): Promise<BoardEvent> => {
    const waiter = Promise.withResolvers<BoardEvent>();
    waiting.set(name, waiter);
    return waiter.promise;
  };
  const hardware = await switchOn({
    name: 'board',
    identity,
    netns: port.netns,
    directory: join(directory, 'board'),
    diskBytes: 64 * mebi,
    cache: join(directory, 'cache'),
    signal: stop.signal,
    onEvent: (event) => {
      t.log(JSON.stringify(event));
      events.push(event);
      waiting.get(event.event)?.resolve(event);
      if (event.event === 'crashed')
        for (const waiter of waiting.values()) waiter.reject(new Error(String(event['reason'])));
    },
    onNoise: (line) => t.log(line),
  });
  const knownHosts = join(directory, 'known_hosts');
  const options = [
    `UserKnownHostsFile=${knownHosts}`,
    'StrictHostKeyChecking=yes',
    'HostKeyAlias=board',
    'BatchMode=yes',
  ];
  await writeFile(knownHosts, `board ${keys.hostPublic}\n`);
  const ssh = async (address: string, command: string): Promise<string> => {
    const args = ['ssh', '-F', '/dev/null', '-i', keys.login, ...options.flatMap((option) => ['-o', option])];
    const { code, stdout, stderr } = await master.exec([...args, `root@${address}`, command]);
    t.is(code, 0, stderr);
    return stdout;
  };
  const ping = (address: string) => master.exec(['busybox', 'ping', '-c', '1', '-W', '2', address]);
  return { hardware, directory, events, next, ssh, ping };
}

type Keys = {
  readonly host: string;
  readonly hostPublic: string;
  readonly login: string;
  readonly loginPublic: string;
};
async function makeKeys(directory: string): Promise<Keys> {
  const [host, login] = [join(directory, 'host'), join(directory, 'login')];
  for (const key of [host, login]) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key]);
  const read = async (path: string): Promise<string> => (await readFile(path, 'utf8')).trim();
  return {
    host: await read(host),
    hostPublic: await read(`${host}.pub`),
    login,
    loginPublic: await read(`${login}.pub`),
  };
}

const indent = (text: string, by: string): string =>
  text
    .split('\n')
    .map((line) => `${by}${line}`)
    .join('\n');
const firmware = { 'config.txt': 'arm_64bit=1\n', 'cmdline.txt': 'console=tty1\n', 'kernel8.img': 'x' };

const cloudInit = (keys: Keys, network: string): Readonly<Record<string, string>> => ({
  ...firmware,
  'start4.elf': 'x',
  'meta-data': 'instance-id: worker-kube7-1\n',
  'network-config': network,
  'user-data': `#cloud-config
hostname: worker-kube7
manage_etc_hosts: true
disable_root: false
users:
  - name: root
    lock_passwd: false
    ssh_authorized_keys: ["${keys.loginPublic}"]
ssh_keys:
  ed25519_public: ${keys.hostPublic}
  ed25519_private: |
${indent(keys.host, '    ')}
runcmd:
  - [sh, -c, 'ip -4 -o addr show eth0 > /root/at-runcmd']
  - [systemctl, enable, --now, ssh]
`,
});

test("Debian's cloud-init makes the board what its seed says, static address before runcmd", async (t) => {
  const eth0 =
    '{addresses: [10.77.0.33/24], routes: [{to: 0.0.0.0/0, via: 10.77.0.1}], nameservers: {addresses: [10.77.0.1]}}';
  const network = `{version: 2, ethernets: {eth0: ${eth0}}}\n`;
  const board = await boardWith(t, 'pi4', (keys) => cloudInit(keys, network));
  await board.next('sshd');
  t.is(await board.ssh('10.77.0.33', 'hostname'), 'worker-kube7\n');
  t.regex(await board.ssh('10.77.0.33', 'cat /root/at-runcmd'), /10\.77\.0\.33/);
  t.regex(
    await board.ssh('10.77.0.33', 'ip route; cat /etc/resolv.conf'),
    /default via 10\.77\.0\.1[\s\S]*nameserver 10\.77\.0\.1/,
  );
  t.regex(await board.ssh('10.77.0.33', 'cat /proc/cpuinfo'), /Serial\t\t: 10000000/);
  t.regex(await board.ssh('10.77.0.33', 'command -v kubeadm'), /kubeadm/);
});

test('a reboot keeps what was written to the root file system and nothing that ran', async (t) => {
  const board = await boardWith(t, 'pi4', (keys) =>
    cloudInit(keys, '{version: 2, ethernets: {eth0: {dhcp4: true}}}\n'),
  );
  const first = board.next('address');
  await board.next('sshd');
  const address = String((await first)['address']);
  await board.ssh(address, 'echo kept > /etc/kept; touch /run/gone /tmp/gone; cat /etc/machine-id > /var/lib/id');
  const again = board.next('sshd');
  board.hardware.powerCycle();
  await again;
  t.is(
    await board.ssh(address, 'cat /etc/kept; ls /run/gone /tmp/gone 2>/dev/null; cmp /etc/machine-id /var/lib/id'),
    'kept\n',
  );
  t.is(board.events.filter(({ event }) => event === 'power-on').length, 2);
  const third = board.next('sshd');
  await board.ssh(address, 'reboot');
  await third;
  t.is(board.events.filter(({ event }) => event === 'power-on').length, 3);
});

test('a board that is shut down answers nobody, and starts when its power comes back', async (t) => {
  const board = await boardWith(t, 'pi4', (keys) =>
    cloudInit(keys, '{version: 2, ethernets: {eth0: {dhcp4: true}}}\n'),
  );
  const first = board.next('address');
  await board.next('sshd');
  const address = String((await first)['address']);
  t.is((await board.ping(address)).code, 0);
  const halted = board.next('halted');
  await board.ssh(address, 'setsid sh -c "sleep 1; systemctl poweroff" < /dev/null > /dev/null 2>&1 &');
  await halted;
  t.not((await board.ping(address)).code, 0);
  t.true(board.hardware.powered(), 'its power is on all the while');
  await board.hardware.powerOff();
  const again = board.next('sshd');
  board.hardware.powerOn();
  await again;
  t.is((await board.ping(address)).code, 0);
  await board.hardware.powerOff();
  t.not((await board.ping(address)).code, 0);
  t.is(board.events.filter(({ event }) => event === 'power-on').length, 2);
});

test('device-init runs at every boot, and what it removes from the boot partition is gone from the disk', async (t) => {
  const board = await boardWith(t, 'pi3', (keys) => ({
    ...firmware,
    'bootcode.bin': 'x',
    'start.elf': 'x',
    host: `${keys.host}\n`,
    login: `${keys.loginPublic}\n`,
    'device-init.yaml': `hostname: "worker-kube3"
runcmd:
  - "[ -e /etc/done ] || { install -D -m 600 /boot/host /etc/ssh/ssh_host_ed25519_key; install -D -m 600 /boot/login /root/.ssh/authorized_keys; }"
  - "rm -f /boot/host /boot/login; touch /etc/done"
  - "echo boot >> /root/boots"
  - "false"
`,
  }));
  const first = board.next('address');
  await board.next('sshd');
  const address = String((await first)['address']);
  t.is(await board.ssh(address, 'hostname; cat /root/boots'), 'worker-kube3\nboot\n');
  const { stdout } = await run('mdir', ['-b', '-i', `${board.directory}/board/disk.img@@1M`, '::']);
  t.notRegex(stdout, /host|login/);
  t.regex(stdout, /device-init\.yaml/);
  const again = board.next('sshd');
  board.hardware.powerCycle();
  await again;
  t.is(await board.ssh(address, 'cat /root/boots'), 'boot\nboot\n');
});
