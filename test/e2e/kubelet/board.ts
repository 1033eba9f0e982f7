/** A board with a real kubelet: systemd, sshd, containerd and runc, kubeadm and kubelet, on a machine of its own. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateSshKeyPair } from '../../../daemon/join/keys.ts';
import { quoteWords } from '../../../daemon/join/quote.ts';
import { peerPrograms } from '../../bench/peers.ts';
import { bootMachine, type Machine } from '../../support/systemd.ts';

const script = fileURLToPath(new URL('./board.sh', import.meta.url));

export type KubeletBoard = {
  /** As in `ssh_host_ed25519_key.pub`. */
  readonly hostKeyPublic: string;
  /** The output of a shell script that has to end well. */
  readonly output: (script: string) => Promise<string>;
  readonly close: Machine['close'];
};

/**
 * Settles once sshd and containerd are up; it belongs to no cluster. `folder` is empty and ends with the board. Its programs lie
 * where this machine has them, whose system is below the board's.
 */
export async function startKubeletBoard({
  netns,
  name,
  folder,
  kubernetes,
  authorized,
}: {
  readonly netns: string;
  readonly name: string;
  readonly folder: string;
  /** The folder of kubeadm and kubelet. */
  readonly kubernetes: string;
  /** The public line of who may log in as root. */
  readonly authorized: string;
}): Promise<KubeletBoard> {
  const [disk, shared] = [join(folder, 'disk'), join(folder, 'shared')];
  await Promise.all([mkdir(disk), mkdir(shared)]);
  const peers = await peerPrograms(['containerd', 'runc', 'containernetworking-plugins']);
  const [containerd, runc, bridge] = await Promise.all(['containerd', 'runc', 'usr/lib/cni/bridge'].map(peers.find));
  const hostKey = generateSshKeyPair('board');
  await Promise.all([
    writeFile(join(shared, 'host_key'), hostKey.privateOpenssh, { mode: 0o600 }),
    writeFile(join(shared, 'authorized_keys'), `${authorized}\n`),
    copyFile(script, join(shared, 'board.sh')),
  ]);
  const machine = await bootMachine({ netns }, { folder: disk, shared });
  const output: KubeletBoard['output'] = async (words) => {
    const { code, stdout, stderr } = await machine.sh(words);
    if (code !== 0) throw new Error(`${words}: exit code ${code}: ${stdout}${stderr}`);
    return stdout;
  };
  try {
    const places = [kubernetes, dirname(containerd ?? ''), runc ?? '', dirname(bridge ?? '')];
    const { LD_LIBRARY_PATH: libraries = '' } = peers.env;
    await output(quoteWords(['bash', '/srv/board.sh', name, ...places, libraries]));
  } catch (error) {
    await machine.close();
    throw error;
  }
  return { hostKeyPublic: hostKey.publicLine, output, close: machine.close };
}
