/** A board for k3s: systemd and sshd on a machine of its own, nothing of k3s; its `k3s` will be the stand-in for the agent. */
import { constants } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { generateSshKeyPair } from '../../../daemon/join/keys.ts';
import { bootMachine, type Machine } from '../../support/systemd.ts';

const standIn = fileURLToPath(new URL('../../lab/k3s-agent-stand-in/main.ts', import.meta.url));

/** What the master has of k3s: a program that the board's own folder has all else of. */
export const k3sProgram = '#!/bin/sh\nexec env PATH=/usr/sbin:/usr/bin:/sbin:/bin /srv/node /srv/k3s.mjs "$@"\n';

export type K3sBoard = {
  readonly hostKeyPublic: string;
  /** The output of a shell script that has to end well. */
  readonly output: (script: string) => Promise<string>;
  readonly close: Machine['close'];
};

/** /root: what a login shell reads there adds to PATH. modprobe: modules would be loaded for the machine of the lab. */
const prepare = `hostname "$0"
mount -t tmpfs home /root
ln -sf /bin/true /sbin/modprobe
rm -rf /etc/rancher /var/lib/rancher /var/lib/kubelet /usr/local/bin/k3s
printf 'memory 0 1 1\\n' > /run/cgroups; mount --bind /run/cgroups /proc/cgroups
mkdir -p /run/sshd
cp /srv/host_key /etc/ssh/ssh_host_ed25519_key
systemd-run --quiet --unit=board-sshd /usr/sbin/sshd -D -e -f /dev/null -o HostKey=/etc/ssh/ssh_host_ed25519_key \\
  -o AuthorizedKeysFile=/srv/authorized_keys -o StrictModes=no -o UsePAM=no -o PasswordAuthentication=no -o PidFile=none`;

/** `folder` is empty and ends with the board; a board that is flashed anew is one with another folder. */
export async function startK3sBoard({
  netns,
  name,
  folder,
  authorized,
}: {
  readonly netns: string;
  readonly name: string;
  readonly folder: string;
  readonly authorized: string;
}): Promise<K3sBoard> {
  const [disk, shared] = [join(folder, 'disk'), join(folder, 'shared')];
  await mkdir(disk, { recursive: true });
  await mkdir(shared);
  const hostKey = generateSshKeyPair('board');
  await Promise.all([
    writeFile(join(shared, 'host_key'), hostKey.privateOpenssh, { mode: 0o600 }),
    writeFile(join(shared, 'authorized_keys'), `${authorized}\n`),
    copyFile(process.execPath, join(shared, 'node'), constants.COPYFILE_FICLONE),
    build({
      ...{ entryPoints: [standIn], outfile: join(shared, 'k3s.mjs'), bundle: true, platform: 'node', format: 'esm' },
      ...{
        logLevel: 'error',
        // The kubelet stand-in would take the bundle for itself.
        define: { 'import.meta.main': 'false' },
        banner: { js: "import { createRequire } from 'node:module'; const require = createRequire('/');" },
      },
    }),
  ]);
  const machine = await bootMachine({ netns }, { folder: disk, shared });
  const output: K3sBoard['output'] = async (words) => {
    const { code, stdout, stderr } = await machine.sh(words);
    if (code !== 0) throw new Error(`${words}: exit code ${code}: ${stdout}${stderr}`);
    return stdout;
  };
  try {
    await output(prepare.replace('"$0"', name));
  } catch (error) {
    await machine.close();
    throw error;
  }
  return { hostKeyPublic: hostKey.publicLine, output, close: machine.close };
}
