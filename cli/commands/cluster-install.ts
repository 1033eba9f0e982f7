/** `bramble cluster install`: this machine becomes the server, or a cluster that is there is taken as it is. */
import { access, readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import type { Command } from 'commander';
import { k3sFolder } from '../../config/k3s-release.ts';
import type { Problem, Result } from '../../config/result.ts';
import type { Config } from '../../config/schema.ts';
import { makeAccount } from '../cluster/account.ts';
import { callApi } from '../cluster/api.ts';
import { refuseForeign, writeDaemonKubeconfig } from '../cluster/daemon-kubeconfig.ts';
import { type ClusterAccess, readKubeconfig } from '../cluster/kubeconfig.ts';
import { serverPlace } from '../cluster/place.ts';
import { archOf, versionGap } from '../cluster/release.ts';
import { installServer, type ReleaseFile } from '../cluster/server.ts';
import {
  hasMemoryCgroup,
  isOurs,
  missingLines,
  type ServerPlace,
  serverPaths,
  serverPort,
  serverUnit,
} from '../cluster/server-config.ts';
import { readRecord } from '../cluster/shelf.ts';
import { isLent, unitFacts } from '../cluster/system.ts';
import { configOption, readConfig } from '../config-file.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { harmless, type Terminal } from '../output/terminal.ts';
import type { ClusterDeps } from './cluster.ts';

type InstallFlags = { readonly kubeconfig?: string; readonly yes?: true; readonly config?: string };
export type ClusterInstallDeps = Pick<ClusterDeps, 'client' | 'terminal'> & {
  readonly config: Config;
  readonly flags: InstallFlags;
};

const help = `
As root, on the master. What it writes: ${serverPaths.binary}, the container
images, ${serverPaths.config}, ${serverPaths.unit},
and the daemon's account (cluster.kubeconfig). A k3s that runs here already, and
the cluster of --kubeconfig, only get that account. Running it again does no
harm: after an upgrade of bramble or another cluster.version it brings all up to
date. If it fails, everything is as before.`;

export function addClusterInstall(cluster: Command, deps: ClusterDeps): void {
  const { terminal } = deps;
  cluster
    .command('install')
    .description('make this machine the k3s server that boards join, or let the daemon into a cluster that is there')
    .option('--kubeconfig <file>', "an administrator's way into a cluster that is there")
    .option('-y, --yes', 'do not ask')
    .addOption(configOption())
    .addHelpText('after', help)
    .action(async (flags: InstallFlags) => {
      if (process.getuid?.() !== 0) throw failure('it changes this machine: run it with sudo');
      const config = await readConfig(flags.config, terminal.env);
      value(await refuseForeign(config.cluster.kubeconfig));
      await interruptible(terminal, () => installCluster({ ...deps, config, flags }));
    });
}

const failure = (message: string): CommandFailed => new CommandFailed(exitCodes.failure, message);

function value<T>(result: Result<T, Problem>): T {
  if (result.ok) return result.value;
  throw failure(result.error.detail);
}

async function interruptible(terminal: Terminal, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!terminal.signal.aborted || error instanceof CommandFailed) throw error;
    throw failure('interrupted: what was changed is as before');
  }
}

/** As root, after `refuseForeign`. Takes back what it changed if it fails. */
export async function installCluster(deps: ClusterInstallDeps): Promise<void> {
  const { config, flags, terminal } = deps;
  const admin = flags.kubeconfig === undefined ? await ownServer(deps) : value(await readKubeconfig(flags.kubeconfig));
  const server = config.cluster.server ?? (await reachableFrom(admin.server, deps));
  const kubeconfig = value(await makeAccount({ admin, server, signal: terminal.signal }));
  const note = await writeDaemonKubeconfig(config.cluster.kubeconfig, kubeconfig);
  if (note !== undefined) terminal.err(`${note}\n`);
  terminal.out(`the daemon's account: ${config.cluster.kubeconfig}, at ${server}\n`);
  const told = await callApi(admin, 'GET', '/version', { signal: terminal.signal });
  const runs: unknown = told.ok ? Reflect.get(Object(told.value), 'gitVersion') : '';
  const gap = config.cluster.driver === 'k3s' ? versionGap(String(runs), config.cluster.version) : undefined;
  if (gap !== undefined) terminal.err(`${harmless(gap)}\n`);
}

/** An administrator's access to the server on this machine, which is made if there is none. */
async function ownServer(deps: ClusterInstallDeps): Promise<ClusterAccess> {
  const { config, terminal } = deps;
  if (config.cluster.driver !== 'k3s') {
    const how = 'bramble cluster install --kubeconfig /etc/kubernetes/admin.conf';
    throw failure(`cluster.driver is ${config.cluster.driver}: make that cluster first, then: ${how}`);
  }
  if (await isThere(serverPaths.agentUnit))
    throw failure('this machine is a worker of k3s; a server it cannot be, too');
  if (!(await isThere('/run/systemd/system'))) throw failure('k3s is run by systemd, and there is none here');
  const place = await placeOf(deps);
  const unit = await unitFacts(serverUnit);
  const text = await readFile(serverPaths.unit, 'utf8').catch(() => '');
  const isForeign = unit.isLoaded && !isOurs(text);
  if (isForeign) terminal.out('k3s is here, and bramble did not install it: it stays as it is\n');
  else await makeServer(deps, place, unit.active);
  await tellMissing(place, terminal);
  const admin = await readKubeconfig(serverPaths.kubeconfig);
  if (admin.ok) return admin.value;
  throw failure(`${admin.error.detail}; does k3s run? (systemctl start k3s)`);
}

async function makeServer(deps: ClusterInstallDeps, place: ServerPlace, active: string): Promise<void> {
  const { config, terminal, flags } = deps;
  const { version } = config.cluster;
  const files = await releaseFiles(config);
  if (!hasMemoryCgroup(await textOf('/proc/cgroups'), await textOf('/sys/fs/cgroup/cgroup.controllers'))) {
    const where = (await isThere('/boot/firmware/cmdline.txt'))
      ? '/boot/firmware/cmdline.txt'
      : 'the kernel command line';
    throw failure(
      `the kernel counts no memory (cgroups): add "cgroup_memory=1 cgroup_enable=memory" to ${where} and restart`,
    );
  }
  const isFirst = active !== 'active' && active !== 'activating';
  if (isFirst && (await answers(serverPort))) {
    const how = `bramble cluster install --kubeconfig FILE (k3s: ${serverPaths.kubeconfig})`;
    throw failure(`something answers on port ${serverPort} already. If it is the cluster for the boards: ${how}`);
  }
  const where = `${place.address} on ${place.interface}`;
  if (await isLent(place.interface, place.address)) {
    const detail = `${place.address} is lent by the router for a time; if it changes, every board loses its cluster: reserve it there for this machine`;
    terminal.err(`${detail}\n`);
  }
  if (flags.yes !== true) await confirmed(`This machine becomes a k3s server (${version}) at ${where}.`, terminal);
  const say = (line: string): void => terminal.out(`${harmless(line)}\n`);
  value(await installServer({ ...files, version, place, say, signal: terminal.signal }));
  terminal.out(`k3s ${version} is ready at ${where}\n`);
}

async function confirmed(what: string, terminal: Terminal): Promise<void> {
  if (terminal.ask === undefined)
    throw new CommandFailed(exitCodes.usage, 'nobody is there to be asked: --yes installs without asking');
  const answer = await terminal.ask(`${what} Type yes to go on: `);
  if (answer.trim().toLowerCase() !== 'yes') throw failure('nothing was changed');
}

async function releaseFiles({
  data,
  cluster: { version },
}: Config): Promise<{ readonly binary: ReleaseFile; readonly images: ReleaseFile }> {
  const arch = archOf(process.arch);
  if (arch === undefined) throw failure(`k3s is not published for this processor (${process.arch})`);
  const { files } = value(await readRecord(data, version));
  const [binary, images] = (['binary', 'images'] as const).map((kind) =>
    files.find((file) => file.arch === arch && file.kind === kind),
  );
  if (binary === undefined || images === undefined)
    throw failure(`k3s ${version} for ${arch} is not here yet: bramble cluster fetch`);
  const at = ({ name, sha256 }: typeof binary): ReleaseFile => ({ path: join(k3sFolder(data, version), name), sha256 });
  return { binary: at(binary), images: at(images) };
}

/** On loopback nobody but this machine reaches it. */
async function reachableFrom(server: string, deps: ClusterInstallDeps): Promise<string> {
  const { hostname, port } = new URL(server);
  if (!/^(127\.|localhost$|\[?::1)/.test(hostname)) return server;
  return `https://${(await placeOf(deps)).address}:${port || '443'}`;
}

async function placeOf({ client, config }: ClusterInstallDeps): Promise<ServerPlace> {
  const status = await client()
    .status()
    .catch(() => undefined);
  return value(serverPlace(config, status?.master));
}

async function tellMissing(place: ServerPlace, { err }: Terminal): Promise<void> {
  const text = await textOf(serverPaths.config);
  const lines = isOurs(text) ? [] : missingLines(text, place);
  if (lines.length === 0) return;
  err(
    `Boards, or people's tools, may not find this server: ${serverPaths.config} lacks\n${lines.map((line) => `  ${line}\n`).join('')}`,
  );
  err('Write that into it and restart k3s (systemctl restart k3s); then run this again.\n');
}

const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port, timeout: 2000 });
    const end = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
