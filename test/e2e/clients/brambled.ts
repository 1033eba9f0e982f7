/** The real `brambled` alone on a LAN, with the lab's base images and no cluster. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Daemon, prepareDaemon } from '../../lab/daemon.ts';
import { importBases } from '../../lab/disks.ts';
import { stage } from '../../support/golden/stage.ts';
import { type Host, type Lan, makeLan, runPrefix } from '../../support/netns.ts';

export type BrambledSite = {
  readonly lan: Lan;
  readonly master: Host;
  readonly daemon: Daemon;
  /** For what clients leave behind. */
  readonly folder: string;
  /** What it complained of. */
  readonly errors: () => Promise<readonly string[]>;
};

export const boardAddresses = '10.77.0.100-10.77.0.199';

/** Needs root. All is gone afterwards. */
export async function withBrambled(work: (site: BrambledSite) => Promise<void>): Promise<void> {
  const { signal } = new AbortController();
  const folder = await mkdtemp(join(tmpdir(), 'bramble-clients-'));
  const lan = await makeLan({ prefix: runPrefix(), signal });
  try {
    const master = await lan.addHost({ name: 'master', address: `${stage.server}/${stage.prefix}` });
    const bases = join(folder, 'data', 'bases');
    await mkdir(bases, { recursive: true });
    for (const base of await importBases(['cloud-init', 'device-init'], bases, signal)) await base.close();
    const daemon = await prepareDaemon({
      ...{ netns: master.netns, directory: folder, signal },
      network: { topology: 'behind-master', addresses: boardAddresses, dhcp: { mode: 'full', search: 0 } },
      kubeconfig: join(folder, 'no-cluster'),
      gatewaySocket: join(folder, 'no-gateway'),
    });
    await daemon.start();
    const errors = async (): Promise<readonly string[]> =>
      (await readFile(join(folder, 'brambled.log'), 'utf8')).split('\n').filter((line) => /"level":"error"/.test(line));
    try {
      await work({ lan, master, daemon, folder, errors });
    } finally {
      await daemon.stop('SIGTERM');
    }
  } finally {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  }
}
