/**
 * A HypriotOS board with Kubernetes on ARM, as far as SSH shows it (stand-in): a real OpenSSH sshd on a loopback address, on a machine of
 * its own as far as files and processes go. It restarts when it is told to, and comes up with what is on its disk.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { must } from '../../../config/result.ts';
import { type Ipv4, parseIpv4 } from '../../../config/values.ts';
import { generateSshKeyPair, type SshKeyPair } from '../../../daemon/join/keys.ts';
import { killNow, startProgram } from '../program.ts';

const standIn = fileURLToPath(new URL('.', import.meta.url));

export type HypriotBoard = {
  readonly address: Ipv4;
  readonly hostKey: SshKeyPair;
  /** How often it was started. */
  readonly boots: () => number;
  /** Settles when the sshd of its `count`th start answers. */
  readonly booted: (count: number) => Promise<void>;
  /** What `path` holds on its disk; empty if there is no such file. */
  readonly read: (path: string) => Promise<string>;
  /** Runs a line in its shell, as its owner would. */
  readonly run: (line: string) => string;
  /** What was done there by the stand-ins, line by line. */
  readonly done: () => Promise<readonly string[]>;
  /** The plug is pulled and put in again; settles when its sshd answers. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

let next = 1;
/** A loopback address that no other test process has. */
export const loopback = (): Ipv4 =>
  must(parseIpv4(`127.${64 + ((process.pid >> 8) & 127)}.${process.pid & 255}.${next++}`));

/** Ends with the test, however that ends. $0 a folder for it, $1 the cmdline.txt that it has at first, $2 its address, $3… its sshd. Each boot begins a line on stdout. */
const machine = `mount -t tmpfs disk "$0"; disk=$0
mkdir "$disk"/etc "$disk"/var "$disk"/root "$disk"/usr-local "$disk"/boot "$disk"/work
echo "$1" > "$disk"/boot/cmdline.txt; shift
n=0
while :; do
  n=$((n + 1)); mkdir "$disk"/work/$n; cp "$disk"/boot/cmdline.txt "$disk"/work/$n.cmdline
  cat /proc/sys/kernel/random/uuid > "$disk"/work/$n.boot
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=SIGKILL --mount-proc --propagation private sh -euc "$BOOT" "$disk" "$n" "$@" || true
done`;

/** Its first process: when it ends all others are killed. $0 the disk, $1 which boot, $2 address. */
const boot = `n=$1; address=$2; shift 2
for d in etc var root usr/local; do
  up="$0/$(echo $d | tr / -)"; mkdir -p "$0/work/$n/$d"
  mount -t overlay o -o "lowerdir=/$d,upperdir=$up,workdir=$0/work/$n/$d" "/$d"
done
# bash reads it for every command over SSH, and what this machine's owner has in there may take a minute.
rm -f /root/.bashrc
mount --bind "$0/boot" /boot
[ -e /etc/kube-config-deaf ] || mount --bind "$0/work/$n.cmdline" /proc/cmdline
mount --bind "$0/work/$n.boot" /proc/sys/kernel/random/boot_id
mount -t tmpfs run /run; mkdir -p /run/sshd /run/stand-in
[ -e /etc/board-address ] || install -m 600 "$HOST_KEY" /etc/ssh/ssh_host_ed25519_key
echo "$address" > /etc/board-address
printf '#!/bin/sh\\nkill $(cat /run/sshd.pid)\\n' > /run/stand-in/reboot
printf '#!/bin/sh\\n[ "$1" != reboot ] || exec reboot\\n' > /run/stand-in/systemctl
chmod 755 /run/stand-in/*
for name in docker curl dpkg; do ln -s "$STAND_IN/$name" /run/stand-in/$name; done
PATH=/run/stand-in:$PATH docker boot
"$@" & echo $! > /run/sshd.pid
echo "boot $n of $$"
wait`;

export async function startHypriotBoard(
  t: Pick<ExecutionContext, 'teardown'>,
  options: {
    readonly authorized: string;
    readonly port: number;
    readonly address?: Ipv4;
    /** What its kernel is told: HypriotOS's own unless given. */
    readonly cmdline?: string;
    /** Where the address is; the machine's own network unless given. */
    readonly netns?: string;
    readonly hostKey?: SshKeyPair['privateOpenssh'];
    /** What sshd runs in place of each command (`ForceCommand`). */
    readonly eachCommand?: string;
  },
): Promise<HypriotBoard> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-hypriot-'));
  const { authorized, port, address = loopback() } = options;
  const { cmdline = 'console=tty1 root=/dev/mmcblk0p2 cgroup_enable=memory swapaccount=1 cgroup_enable=cpuset' } =
    options;
  const hostKey = generateSshKeyPair('board');
  const disk = join(folder, 'disk');
  await mkdir(disk);
  await writeFile(join(folder, 'host'), options.hostKey ?? hostKey.privateOpenssh, { mode: 0o600 });
  await writeFile(join(folder, 'authorized'), `${authorized}\n`, { mode: 0o600 });
  const settings = {
    ListenAddress: address,
    HostKey: '/etc/ssh/ssh_host_ed25519_key',
    ...(options.eachCommand !== undefined && { ForceCommand: options.eachCommand }),
    AuthorizedKeysFile: join(folder, 'authorized'),
    StrictModes: 'no',
    UsePAM: 'no',
    PidFile: 'none',
    SetEnv: `PATH=/run/stand-in:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE=${process.execPath} STAND_IN=${standIn}`,
  };
  const sshd = ['/usr/sbin/sshd', '-D', '-e', '-f', '/dev/null', '-p', String(port)].concat(
    Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
  );
  const outer = [
    ...(options.netns === undefined ? [] : ['ip', 'netns', 'exec', options.netns]),
    'setpriv',
    '--pdeathsig',
    'KILL',
    'unshare',
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-euc',
    machine,
    disk,
    cmdline,
    address,
  ];
  const program = startProgram([...outer, ...sshd], {
    env: { NODE: process.execPath, STAND_IN: standIn, BOOT: boot, HOST_KEY: join(folder, 'host') },
  });
  const boots = (): number => program.stdout().match(/^boot /gm)?.length ?? 0;
  const childrenOf = async (pid: number): Promise<readonly number[]> =>
    (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')).trim().split(' ').map(Number);
  /** The first process of the system that runs now. */
  const first = async (): Promise<number> => {
    const [unshare = 0] = await childrenOf(program.pid);
    const [init = 0] = await childrenOf(unshare);
    return init;
  };
  const up = (count: number): Promise<unknown> =>
    program.waitUntil(
      () => (boots() >= count && (program.stderr().match(/Server listening/g)?.length ?? 0) >= count) || undefined,
      `boot ${count}`,
    );
  const stop = async (): Promise<void> => {
    // The machine first: otherwise it would start once more.
    const init = await first();
    killNow(program.pid);
    killNow(init);
    await program.exited;
    await rm(folder, { recursive: true, force: true });
  };
  t.teardown(stop);
  await up(1);
  let init = await first();
  const read = async (path: string): Promise<string> => {
    init = await first();
    return readFile(`/proc/${init}/root${path}`, 'utf8').catch(() => '');
  };
  return {
    ...{ address, hostKey, boots, read, stop },
    booted: async (count) => {
      await up(count);
      init = await first();
    },
    run: (line) => execFileSync('nsenter', ['-t', String(init), '-m', '-p', 'sh', '-c', line], { encoding: 'utf8' }),
    done: async () => (await read('/var/log/kube-config-stand-in')).split('\n').filter((line) => line !== ''),
    restart: async () => {
      const before = boots();
      killNow(await first());
      await up(before + 1);
      init = await first();
    },
  };
}
