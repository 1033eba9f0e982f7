/**
 * A board with a system that somebody flashed: a real OpenSSH sshd on a loopback address, its own /etc, /root and /home, and the
 * login of its image. Ends with the test.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Ipv4 } from '../../config/values.ts';
import { loopback } from './kube-config-stand-in/board.ts';
import type { Host } from './netns.ts';
import { killNow, startProgram } from './program.ts';

export type FlashedBoard = {
  readonly address: Ipv4;
  readonly port: number;
  /** What `path` holds on its disk; empty if there is no such file. */
  readonly read: (path: string) => Promise<string>;
  /** Everything that its sshd said. */
  readonly log: () => string;
  readonly stop: () => Promise<void>;
};

/** $0 a folder for it; $1 user, $2 address, $3 port, $4 host name, $5 sudo, the rest lines of its sshd_config; the file `password` in the folder. */
const machine = `password=$(cat "$0/password")
mount -t tmpfs disk "$0"
for d in etc root home var; do
  mkdir "$0/$d" "$0/$d.work"; mount -t overlay o -o "lowerdir=/$d,upperdir=$0/$d,workdir=$0/$d.work" "/$d"
done
mount -t tmpfs run /run; mkdir /run/sshd
user=$1 address=$2 port=$3 name=$4 sudo=$5; shift 5
# bash reads .bashrc for every command over SSH, and what this machine's owner has in there may take a minute.
rm -rf /root/.bashrc /root/.ssh /etc/ssh/ssh_host_* /etc/ssh/sshd_config.d
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
{ echo "ListenAddress $address"; echo "Port $port"; echo 'PidFile none'; for line in "$@"; do echo "$line"; done; } > /etc/ssh/sshd_config
[ "$user" = root ] || useradd -m -s /bin/sh "$user"
echo "$user:$password" | chpasswd
echo "$name" > /etc/hostname
case $sudo in
  free) echo "$user ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/image ;;
  asks) echo "$user ALL=(ALL) ALL" > /etc/sudoers.d/image ;;
esac
hostname "$name"
exec /usr/sbin/sshd -D -e`;

export async function startFlashedBoard(
  t: ExecutionContext,
  options: {
    readonly port: number;
    readonly address?: Ipv4;
    /** In its network; on this machine's loopback interface unless given. */
    readonly within?: Pick<Host, 'netns'>;
    readonly user?: string;
    readonly password?: string;
    readonly hostname?: string;
    /** Whether sudo asks for the password, or the user may not use it. */
    readonly sudo?: 'free' | 'asks' | 'none';
    readonly sshd?: readonly string[];
  },
): Promise<FlashedBoard> {
  const { port, address = loopback(), user = 'pirate', password = 'hypriot', hostname = 'black-pearl' } = options;
  const { sudo = 'free', sshd = ['UsePAM no', 'PermitRootLogin no'] } = options;
  const folder = await mkdtemp(join(tmpdir(), 'bramble-flashed-'));
  const alone = [
    '--mount',
    '--uts',
    '--pid',
    '--fork',
    '--kill-child=SIGKILL',
    '--mount-proc',
    '--propagation',
    'private',
  ];
  await writeFile(join(folder, 'password'), password, { mode: 0o600 });
  const program = startProgram([
    ...(options.within === undefined ? [] : ['ip', 'netns', 'exec', options.within.netns]),
    ...['setpriv', '--pdeathsig', 'KILL', 'unshare', ...alone, 'sh', '-euc', machine, folder],
    ...[user, address, String(port), hostname, sudo, ...sshd],
  ]);
  let first = 0;
  const stop = async (): Promise<void> => {
    killNow(first);
    await program.kill();
    await rm(folder, { recursive: true, force: true });
  };
  t.teardown(stop);
  await program.waitFor(/Server listening/);
  first = Number((await readFile(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8')).trim());
  return {
    ...{ address, port, stop },
    read: (path) => readFile(`/proc/${first}/root${path}`, 'utf8').catch(() => ''),
    log: program.stderr,
  };
}
