/** A board as the joiner sees it: a real OpenSSH sshd on loopback, on a machine of its own as far as files go. */
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { generateSshKeyPair, type SshKeyPair } from '../../daemon/join/keys.ts';
import { killNow, startProgram } from '../support/program.ts';

const standIn = fileURLToPath(new URL('../lab/kubeadm-stand-in/main.ts', import.meta.url));

export type Sshd = {
  readonly host: string;
  readonly port: number;
  readonly hostKey: SshKeyPair;
  /** Where its files can be seen from outside: `/proc/<pid>/root`. */
  readonly root: string;
  /** Pulls the plug: sshd, every session and the kubelet are gone. */
  readonly stop: () => Promise<void>;
};

/** Private mounts and processes; the network is the machine's own. $1 a folder for it, the rest is the command. */
const inside = `mount -t tmpfs board "$1"; shift
mkdir -p "$0"/etc "$0"/etc.work "$0"/var "$0"/var.work "$0"/root "$0"/root.work "$0"/bin
printf '#!/bin/sh\\nexec "%s" "%s" "$@"\\n' "$NODE" "$KUBEADM" > "$0"/bin/kubeadm; chmod 755 "$0"/bin/kubeadm
for d in etc var root; do mount -t overlay o -o "lowerdir=/$d,upperdir=$0/$d,workdir=$0/$d.work" "/$d"; done
# bash reads it for every command over SSH, and what this machine's owner has in there may take a minute.
rm -f /root/.bashrc
mount -t tmpfs board /run; mkdir /run/sshd
cp "$HOST_KEY" /etc/ssh/ssh_host_ed25519_key; chmod 600 /etc/ssh/ssh_host_ed25519_key; rm -f /etc/ssh/ssh_host_*.pub
exec "$@"`;

export async function startSshd(
  t: ExecutionContext,
  options: {
    readonly authorized: string;
    readonly host?: string;
    readonly hostKey?: SshKeyPair;
    readonly port?: number;
    /** For whatever runs on the board. */
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<Sshd> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-sshd-'));
  const { authorized, host = '127.0.0.1', hostKey = generateSshKeyPair('board') } = options;
  const port = options.port ?? (await freePort(host));
  const own = join(folder, 'own');
  await mkdir(own);
  await writeFile(join(folder, 'host'), hostKey.privateOpenssh, { mode: 0o600 });
  await writeFile(join(folder, 'authorized'), `${authorized}\n`, { mode: 0o600 });
  const sshd = [
    ...['/usr/sbin/sshd', '-D', '-e', '-f', '/dev/null', '-p', String(port)],
    ...Object.entries({
      ListenAddress: host,
      HostKey: '/etc/ssh/ssh_host_ed25519_key',
      AuthorizedKeysFile: join(folder, 'authorized'),
      StrictModes: 'no',
      UsePAM: 'no',
      PasswordAuthentication: 'no',
      PidFile: 'none',
      SetEnv: Object.entries({ PATH: `${own}/bin:/usr/sbin:/usr/bin:/sbin:/bin`, ...options.env })
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
    }).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
  ];
  const machine = [
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child=SIGKILL',
    '--mount-proc',
    '--propagation',
    'private',
  ];
  const program = startProgram([...machine, 'sh', '-euc', inside, own, own, ...sshd], {
    env: { NODE: process.execPath, KUBEADM: standIn, HOST_KEY: join(folder, 'host') },
  });
  let first = 0;
  const stop = async (): Promise<void> => {
    // Its first process, and with it everything on the board: unshare itself waits for that and does not mind SIGTERM.
    if (first > 0) killNow(first);
    await program.kill();
    await rm(folder, { recursive: true, force: true });
  };
  t.teardown(stop);
  await program.waitFor(/Server listening/);
  first = Number((await readFile(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8')).trim());
  return { host, port, root: `/proc/${first}/root`, hostKey, stop };
}

export const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

export function freePort(host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
