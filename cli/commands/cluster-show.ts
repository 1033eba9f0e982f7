/** `bramble cluster show`: what there is of a cluster for boards to join, and what is missing. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type K3sRecordFile, k3sFolder, k3sReleases } from '../../config/k3s-release.ts';
import type { Config } from '../../config/schema.ts';
import { lacking } from '../cluster/account.ts';
import { callApi } from '../cluster/api.ts';
import { readKubeconfig } from '../cluster/kubeconfig.ts';
import { versionGap } from '../cluster/release.ts';
import { isOurs, serverPaths, serverUnit } from '../cluster/server-config.ts';
import { readRecord } from '../cluster/shelf.ts';
import { unitFacts } from '../cluster/system.ts';
import { configOption, readConfig } from '../config-file.ts';
import { exitCodes } from '../exit-codes.ts';
import { clusterText, type ShownCluster } from '../output/cluster.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import { painter } from '../output/terminal.ts';
import type { ClusterDeps } from './cluster.ts';

const help = `
Ends with 2 if something keeps boards from joining. With sudo where the daemon's
data and kubeconfig are not for everybody to read.`;

export function addClusterShow(cluster: Command, { terminal, done }: ClusterDeps): void {
  cluster
    .command('show')
    .description('what boards join: the release that is here, the server, and whether the daemon is let in')
    .addOption(formatOption(['table', 'wide', 'json', 'yaml']))
    .addOption(configOption())
    .addHelpText('after', help)
    .action(async ({ config: file, output }: { readonly config?: string; readonly output: Format }) => {
      const shown = await look(await readConfig(file, terminal.env), terminal.signal);
      const width = output === 'wide' ? 0 : terminal.columns;
      const forPrograms = output === 'json' || output === 'yaml';
      terminal.out(
        forPrograms ? document(shown, output, false) : clusterText(shown, { width, paint: painter(terminal) }),
      );
      done(shown.wrong.length > 0 ? exitCodes.degraded : exitCodes.well);
    });
}

async function look(config: Config, signal: AbortSignal): Promise<ShownCluster> {
  const { driver, version } = config.cluster;
  const isK3s = driver === 'k3s';
  const release = isK3s ? await releaseOf(config) : { files: [], others: [], wrong: [] };
  const service = isK3s ? await serviceOf() : null;
  const { account, wrong } = await accountOf(config, signal);
  const gap = isK3s ? versionGap(account.version ?? '', version) : undefined;
  const stopped =
    service !== null && service.active !== 'active' ? [`k3s is ${service.active}: systemctl status k3s`] : [];
  return {
    ...{ driver, version: isK3s ? version : null, files: release.files, others: release.others, service, account },
    wrong: [...release.wrong, ...stopped, ...wrong, ...(gap === undefined ? [] : [gap])],
  };
}

type Release = {
  readonly files: readonly K3sRecordFile[];
  readonly others: readonly string[];
  readonly wrong: readonly string[];
};

async function releaseOf({ data, cluster: { version } }: Config): Promise<Release> {
  try {
    const found = await readdir(k3sReleases(data)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const others = found.filter((name) => name !== version).sort();
    const record = await readRecord(data, version);
    if (!record.ok) return { files: [], others, wrong: [record.error.detail] };
    const { files } = record.value;
    if (files.length === 0) return { files, others, wrong: [`k3s ${version} is not here yet: bramble cluster fetch`] };
    const cut: string[] = [];
    for (const { name, bytes } of files) {
      const about = await stat(join(k3sFolder(data, version), name)).catch(() => undefined);
      if (about?.size !== bytes) cut.push(`${name} is damaged or gone: bramble cluster fetch`);
    }
    return { files, others, wrong: cut };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { files: [], others: [], wrong: [`${detail}: run it with sudo`] };
  }
}

async function serviceOf(): Promise<ShownCluster['service']> {
  const { isLoaded, isEnabled, active } = await unitFacts(serverUnit);
  if (!isLoaded) return null;
  const text = await readFile(serverPaths.unit, 'utf8').catch(() => '');
  return { active, enabled: isEnabled, ours: isOurs(text) };
}

async function accountOf(
  { cluster: { kubeconfig, server } }: Config,
  signal: AbortSignal,
): Promise<Pick<ShownCluster, 'account' | 'wrong'>> {
  const nobody = { kubeconfig, server: null, version: null, lacks: [] };
  const access = await readKubeconfig(kubeconfig);
  if (!access.ok) return { account: nobody, wrong: [`${access.error.detail} (bramble cluster install makes it)`] };
  const reached = { ...nobody, server: server ?? access.value.server };
  const told = await callApi(access.value, 'GET', '/version', { signal });
  if (!told.ok) return { account: reached, wrong: [told.error.detail] };
  const version: unknown = Reflect.get(Object(told.value), 'gitVersion');
  const gaps = await lacking(access.value, signal);
  const lacks = gaps.ok ? gaps.value : [];
  const why = gaps.ok
    ? `the account may not ${lacks.join(', ')}: run bramble cluster install again`
    : gaps.error.detail;
  const wrong = gaps.ok && lacks.length === 0 ? [] : [why];
  return { account: { ...reached, version: typeof version === 'string' ? version : null, lacks }, wrong };
}
