/**
 * A stand-in for `k3s server --disable-agent`, of which the real one cannot be built here: a real control plane, and in
 * front of it on one port what k3s adds for those who join (k3s-supervisor/main.ts says what of it is there).
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ApiServer, ApiServerOptions } from '../lab/control-plane/api-server.ts';
import { commandLine } from '../lab/control-plane/child.ts';
import { renderKubeconfig } from '../lab/control-plane/kubeconfig.ts';
import { freePorts, startControlPlane } from '../lab/control-plane/start.ts';
import { type DataDirectory, prepareDataDirectory } from './k3s-supervisor/data-directory.ts';
import type { Site } from './k3s-supervisor/main.ts';
import { type Orphans, usualOrphans } from './k3s-supervisor/node-password.ts';
import { startProgram } from './program.ts';

type K3sSupervisorOptions = ApiServerOptions & {
  /** The folder with the control plane's programs, as `.ci/control-plane` prints it. */
  readonly assets: string;
  /** As `tls-san`. */
  readonly names?: readonly string[];
  /** The cluster's authority is an intermediate one, as with certificates of the owner's own. */
  readonly ownRoot?: boolean;
  /** k3s looks every minute for passwords older than ten minutes. */
  readonly orphans?: Orphans;
};

/** What passes for the cluster's API server, and the files of `--data-dir`. */
export type K3sSupervisor = ApiServer & { readonly dataDirectory: string; readonly files: DataDirectory };

const main = fileURLToPath(new URL('k3s-supervisor/main.ts', import.meta.url));
/** In k3s the API server listens on loopback, one port above the supervisor. */
const behindPort = 6444;

export async function startK3sSupervisor(options: K3sSupervisorOptions): Promise<K3sSupervisor> {
  const { directory, address, netns, signal, log } = options;
  const [port, apiPort] = await choosePorts(options);
  const plane = await startControlPlane({
    ...{ assets: options.assets, directory: join(directory, 'control-plane'), signal, log },
    ...{ address: '127.0.0.1', port: apiPort, ...(netns !== undefined && { netns }) },
  });
  try {
    const server = `https://${address}:${port}`;
    const dataDirectory = join(directory, 'k3s');
    await mkdir(dataDirectory, { recursive: true });
    const { names = [], ownRoot = false, orphans = usualOrphans } = options;
    const files = await prepareDataDirectory({ directory: dataDirectory, port, names: [address, ...names], ownRoot });
    const behind = { server: plane.server, caPem: plane.caPem, adminToken: plane.adminToken };
    const site: Site = {
      files,
      behind,
      address,
      orphans,
      listen: { host: netns === undefined ? address : '0.0.0.0', port },
    };
    const siteFile = join(directory, 'supervisor.json');
    await writeFile(siteFile, JSON.stringify(site), { mode: 0o600 });

    const program = startProgram(commandLine({ command: process.execPath, args: [main, siteFile], netns }));
    const stop = async (): Promise<void> => {
      signal.removeEventListener('abort', onAbort);
      await program.kill();
      await plane.stop();
    };
    const onAbort = (): void => void stop();
    signal.addEventListener('abort', onAbort, { once: true });
    await program.waitFor(/^answers$/m).catch(async (error: unknown) => {
      await stop();
      throw error;
    });
    log(`the k3s supervisor stand-in answers at ${server}`);
    const kubeconfig = async (name: string, token: string): Promise<string> => {
      const file = join(directory, `${name}.kubeconfig`);
      await writeFile(file, renderKubeconfig(server, files.caPem, { name, credentials: { token } }), { mode: 0o600 });
      return file;
    };
    return {
      ...plane,
      ...{ server, caPem: files.caPem, dataDirectory, files, stop },
      adminKubeconfig: await kubeconfig('lab-admin', plane.adminToken),
      daemonKubeconfig: await kubeconfig('bramble', plane.daemonToken),
      processes: [...plane.processes, { name: 'k3s-supervisor', pid: program.pid }],
    };
  } catch (error) {
    await plane.stop();
    throw error;
  }
}

/** A namespace of its own has the usual ports; the machine's own may have them taken. */
async function choosePorts({ netns, port = 6443 }: ApiServerOptions): Promise<readonly [number, number]> {
  if (netns !== undefined) return [port || 6443, behindPort];
  const [one = 0, other = 0] = await freePorts(2);
  return [port || one, other];
}
