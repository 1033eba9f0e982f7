/**
 * A board with a real OpenSSH sshd on loopback, its own files and processes, and no programs but those it was given: what a
 * script calls that is not among them fails. `systemctl` and `journalctl` are doubles that only write down how they were
 * called; `uname` says what a Pi would.
 */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { seconds } from '../../config/values.ts';
import type { SshSession } from '../../daemon/join/driver.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { withSsh } from '../../daemon/join/ssh.ts';
import { systemShell } from '../../daemon/system/shell.ts';
import { killNow, startProgram } from '../support/program.ts';
import { freePort } from './join-board.ts';

export type Shell = 'dash' | 'busybox';
/** What a board may fetch with. */
export type Fetcher = 'curl' | 'wget' | 'busybox wget' | 'python3';

/** Every program that the driver's scripts may call, apart from what a shell has built in. */
const programs = [
  ...[
    'cat',
    'chmod',
    'cut',
    'df',
    'grep',
    'mkdir',
    'mv',
    'readlink',
    'rm',
    'rmdir',
    'sed',
    'sha256sum',
    'sleep',
    'sort',
  ],
  ...['sync', 'tr', 'umount', 'wc'],
];

/** $1 a folder for it, $2 what is done before sshd starts, the rest is sshd's command. */
const inside = `own=$1 prepare=$2; shift 2
mount -t tmpfs board "$own/disk"
for d in etc var usr/local; do
  name=$(echo $d | tr / -); mkdir "$own/disk/$name" "$own/disk/$name.work"
  mount -t overlay o -o "lowerdir=/$d,upperdir=$own/disk/$name,workdir=$own/disk/$name.work" "/$d"
done
# A login shell's own files would add to PATH.
mount -t tmpfs board /root; mount -t tmpfs board /run; mkdir /run/sshd
mount -t tmpfs board /sys/fs/cgroup; echo cpuset cpu io memory pids > /sys/fs/cgroup/cgroup.controllers
printf 'cpu 0 1 1\\nmemory 0 1 0\\n' > "$own/cgroups"; mount --bind "$own/cgroups" /proc/cgroups
rm -rf /usr/local/bin/k3s /var/lib/rancher /var/lib/kubelet /etc/rancher
eval "$prepare"
exec "$@"`;

export type BareBoard = {
  readonly withSession: <T>(work: (session: SshSession) => Promise<T>, signal?: AbortSignal) => Promise<T>;
  /** Where its files can be seen from outside. */
  readonly root: string;
  /** How `systemctl` was called so far. */
  readonly systemctl: () => Promise<readonly string[]>;
};

export async function startBareBoard(
  t: ExecutionContext,
  options: {
    readonly shell: Shell;
    readonly fetchers?: readonly Fetcher[];
    readonly machine?: string;
    readonly prepare?: string;
    /** Its sessions see an empty network. */
    readonly offline?: boolean;
  },
): Promise<BareBoard> {
  const {
    shell,
    fetchers = [],
    machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64',
    prepare = ':',
    offline = false,
  } = options;
  const folder = await mkdtemp(join(tmpdir(), 'bramble-bare-'));
  const bin = join(folder, 'bin');
  await Promise.all([mkdir(bin), mkdir(join(folder, 'disk'))]);
  const found = async (name: string): Promise<string> => {
    const { code, stdout } = await systemShell('sh', ['-c', 'command -v "$1"', 'sh', name], {
      signal: new AbortController().signal,
      timeout: seconds(10),
    });
    if (code !== 0) throw new Error(`${name} is not on this machine`);
    return stdout.trim();
  };
  const busybox = await found('busybox');
  await symlink(shell === 'dash' ? await found('dash') : busybox, join(bin, 'sh'));
  for (const name of programs) await symlink(shell === 'dash' ? await found(name) : busybox, join(bin, name));
  for (const name of fetchers) {
    if (name === 'busybox wget') await symlink(busybox, join(bin, 'wget'));
    else if (name === 'python3') await script(bin, name, `exec /usr/bin/python3 "$@"`);
    else await symlink(await found(name), join(bin, name));
  }
  const calls = join(folder, 'systemctl-calls');
  await writeFile(calls, '');
  await script(bin, 'systemctl', `echo "$*" >> ${calls}`);
  await script(bin, 'journalctl', 'true');
  await script(bin, 'uname', `case $1 in -m) echo ${machine} ;; *) echo 6.12.25+rpt-rpi-v8 ;; esac`);

  const [key, hostKey, port] = [generateSshKeyPair('daemon'), generateSshKeyPair('board'), await freePort()];
  await writeFile(join(folder, 'host'), hostKey.privateOpenssh, { mode: 0o600 });
  await writeFile(join(folder, 'authorized'), `${key.publicLine}\n`, { mode: 0o600 });
  const settings = {
    ...{ ListenAddress: '127.0.0.1', HostKey: join(folder, 'host'), AuthorizedKeysFile: join(folder, 'authorized') },
    ...(offline && { ForceCommand: 'exec /usr/bin/unshare --net /bin/sh -c "$SSH_ORIGINAL_COMMAND"' }),
    ...{ StrictModes: 'no', UsePAM: 'no', PasswordAuthentication: 'no', PidFile: 'none', SetEnv: `PATH=${bin}` },
  };
  const sshd = ['/usr/sbin/sshd', '-D', '-e', '-f', '/dev/null', '-p', String(port)];
  for (const [name, value] of Object.entries(settings)) sshd.push('-o', `${name}=${value}`);
  const machineOf = [
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child=SIGKILL',
    '--mount-proc',
    '--propagation',
    'private',
  ];
  const program = startProgram([...machineOf, 'sh', '-euc', inside, 'sh', folder, prepare, ...sshd]);
  let first = 0;
  t.teardown(async () => {
    killNow(first);
    await program.kill();
    await rm(folder, { recursive: true, force: true });
  });
  await program.waitFor(/Server listening/);
  first = Number((await readFile(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8')).trim());

  const target = {
    host: '127.0.0.1',
    port,
    username: 'root',
    privateKey: key.privateOpenssh,
    hostKeys: [hostKey.publicLine],
  };
  return {
    withSession: async (work, signal = new AbortController().signal) =>
      must(await withSsh({ ...target, signal, timeout: seconds(20) }, work)),
    root: `/proc/${first}/root`,
    systemctl: async () => (await readFile(calls, 'utf8')).split('\n').filter((line) => line !== ''),
  };
}

const script = (bin: string, name: string, text: string): Promise<void> =>
  writeFile(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
