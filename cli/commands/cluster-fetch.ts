import { type Command, InvalidArgumentError, Option } from 'commander';
import { type K3sArch, k3sArchs, k3sVersionPattern } from '../../config/k3s-release.ts';
import type { Problem, Result } from '../../config/result.ts';
import { type FetchOptions, fetchRelease } from '../cluster/fetch.ts';
import { importRelease } from '../cluster/import.ts';
import { archOf, defaultReleaseUrl } from '../cluster/release.ts';
import { configOption, readConfig } from '../config-file.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { progressOn } from '../output/progress.ts';
import { harmless, type Terminal } from '../output/terminal.ts';
import type { ClusterDeps } from './cluster.ts';

type FetchFlags = {
  readonly version?: string;
  readonly arch?: readonly K3sArch[];
  readonly from?: readonly string[];
  readonly url: string;
  readonly config?: string;
};

const help = `
Boards get k3s from this machine and need no internet. After an interruption the
same command goes on where it was; what is here already is only read again.
--from takes what was fetched elsewhere: the files as they are published, and
the list of their sums (sha256sum-….txt) beside them.`;

export function addClusterFetch(cluster: Command, { terminal }: ClusterDeps): void {
  cluster
    .command('fetch')
    .description('get a release of k3s, for this machine and for boards')
    .option('--version <version>', 'default: cluster.version of bramble.yaml', version)
    .option('--arch <list>', `of ${k3sArchs.join(', ')}; default: arm64 and this machine's`, archs)
    .option('--from <path...>', 'a folder or files with the release, instead of the internet')
    .addOption(new Option('--url <base>', 'where releases are').default(defaultReleaseUrl).argParser(httpUrl))
    .addOption(configOption())
    .addHelpText('after', help)
    .action(async (flags: FetchFlags) => {
      const { data, cluster: settings } = await readConfig(flags.config, terminal.env);
      const progress = progressOn(terminal);
      const release = flags.version ?? settings.version;
      const common = {
        ...{ data, version: release, signal: terminal.signal, onProgress: progress.tell },
        onFile: (name: string, how: Parameters<FetchOptions['onFile']>[1]) => {
          progress.end();
          terminal.out(`${name}: ${how === 'here' ? 'is here already' : how}\n`);
        },
      };
      const own = archOf(process.arch);
      const wanted = flags.arch ?? k3sArchs.filter((arch) => arch === 'arm64' || arch === own);
      const { from } = flags;
      if (from === undefined)
        await ended(fetchRelease({ ...common, archs: wanted, url: flags.url }), progress, terminal);
      else {
        if (flags.arch !== undefined)
          throw new CommandFailed(exitCodes.usage, '--from takes what is there: leave out --arch');
        const others = await ended(importRelease({ ...common, from }), progress, terminal);
        for (const other of others) terminal.err(`${harmless(other)}: no file of a release, left alone\n`);
      }
      terminal.out(`k3s ${release} is in ${data}/k3s\n`);
      if (release !== settings.version)
        terminal.out(`bramble.yaml has ${settings.version}: write cluster: {version: ${release}} to use it\n`);
    });
}

async function ended<T>(
  work: Promise<Result<T, Problem>>,
  progress: { readonly end: () => void },
  terminal: Terminal,
): Promise<T> {
  try {
    const end = await work;
    if (end.ok) return end.value;
    throw new CommandFailed(exitCodes.failure, end.error.detail);
  } catch (error) {
    if (!terminal.signal.aborted) throw error;
    throw new CommandFailed(exitCodes.failure, 'interrupted; the same command goes on where it was');
  } finally {
    progress.end();
  }
}

function version(text: string): string {
  if (!k3sVersionPattern.test(text)) throw new InvalidArgumentError('such as v1.34.2+k3s1');
  return text;
}

function archs(text: string): readonly K3sArch[] {
  const given = text.split(',').map((word) => word.trim());
  const known = k3sArchs.filter((arch) => given.includes(arch));
  if (known.length !== new Set(given).size) throw new InvalidArgumentError(`of ${k3sArchs.join(', ')}, with commas`);
  return known;
}

function httpUrl(text: string): string {
  if (!/^https?:\/\/[^\s?#]+$/.test(text) || !URL.canParse(text)) throw new InvalidArgumentError('https://…');
  return text;
}
