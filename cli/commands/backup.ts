/** `bramble backup`: everything that another machine needs to be this one, in one file. */
import { hostname, networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { compactDate } from '../../config/backup-name.ts';
import { writeArchive } from '../backup/archive.ts';
import { bramblePart, brambleParts, clusterParts } from '../backup/parts.ts';
import { isThere } from '../backup/place.ts';
import { configFile, configOption, readConfig } from '../config-file.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { harmless, type Terminal } from '../output/terminal.ts';

type Flags = { readonly output?: string; readonly config?: string };
type Deps = { readonly terminal: Terminal; readonly version: string };

const help = `
As root, on the master, whether the daemon runs or not. In the file: names,
addresses and keys of all boards, bramble.yaml, and of a k3s server here its
datastore, token and certificates. Whoever has it is master of the boards: keep
it where nobody reads it. Images and programs are not in it.

The database alone is copied daily, below backups/ in the data directory, seven
copies: bramble restore --newest takes the last good one.

  sudo bramble backup
  sudo bramble backup -o /media/stick/bramble.tar.gz`;

export function addBackup(parent: Command, { terminal, version }: Deps): void {
  parent
    .command('backup')
    .description('save what makes this master itself: boards, keys, the cluster’s data')
    .option('-o, --output <file>', 'a new file; bramble-HOST-DATE.tar.gz here, unless given')
    .addOption(configOption())
    .addHelpText('after', help)
    .action(async ({ output, config: named }: Flags) => {
      const fail = (text: string): CommandFailed => new CommandFailed(exitCodes.failure, text);
      if (process.getuid?.() !== 0) throw fail('it reads what only root may read: run it with sudo');
      const config = await readConfig(named, terminal.env);
      const at = terminal.now();
      const file = resolve(output ?? `bramble-${hostname()}-${compactDate(at)}.tar.gz`);
      if (await isThere(file)) throw fail(`${file} is there already: name another`);
      const { parts, etcd } = clusterParts();
      const all = [...brambleParts(config, configFile(named, terminal.env)), ...parts];
      const about = { version, hostname: hostname(), at: new Date(at).toISOString(), addresses: ownAddresses() };
      const made = await writeArchive(file, all, about, terminal.signal).catch((error: unknown) => {
        throw fail(`no backup: ${error instanceof Error ? error.message : String(error)}`);
      });
      if (!made.ok) throw fail(`no backup: ${made.error.detail}`);
      terminal.out(`${file}\n`);
      for (const name of made.value) terminal.err(`  ${name}\n`);
      if (!made.value.includes(bramblePart)) terminal.err(harmless(`${config.data} has no database of bramble.\n`));
      const isElsewhere = !made.value.includes('k3s/state.db');
      if (isElsewhere && (await isThere(etcd)))
        terminal.err(`This k3s keeps its data in etcd, which is not in the file: k3s etcd-snapshot save\n`);
      else if (isElsewhere)
        terminal.err('There is no k3s server’s datastore here: the cluster’s data is not in the file.\n');
    });
}

const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces())
    .flatMap((all = []) => all)
    .filter(({ internal, family }) => !internal && family === 'IPv4')
    .map(({ address }) => address);
