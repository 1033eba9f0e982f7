/** `bramble restore`: this machine becomes what a backup says, and keeps what it was beside it. */
import { readdir, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { backupFolder, compactDate, youngestFirst } from '../../config/backup-name.ts';
import type { Config } from '../../config/schema.ts';
import { readArchive } from '../backup/archive.ts';
import { boardsIn, databaseDamage } from '../backup/database.ts';
import { bramblePart, brambleParts, clusterParts, configPart, type Part } from '../backup/parts.ts';
import { isThere, placePart } from '../backup/place.ts';
import { makeFolder, type Owner } from '../cluster/io.ts';
import { serverUnit } from '../cluster/server-config.ts';
import { runProgram, unitFacts } from '../cluster/system.ts';
import { configFile, configOption, readConfig } from '../config-file.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { harmless, type Terminal } from '../output/terminal.ts';

type Flags = { readonly newest?: true; readonly yes?: true; readonly config?: string };

const help = `
As root, on the master. FILE is of bramble backup. --newest takes the last good
copy of the database that the daemon made by itself, and leaves keys and cluster
as they are. The daemon, and k3s where FILE has its data, are stopped for it and
started again. What was there stays beside it, as NAME.before-restore-DATE, or
NAME.corrupt-DATE if it was damaged. A bramble.yaml that is there is left alone.

On another machine: switch the old one off for good, give this one its address
and its name, install bramble (and k3s: bramble cluster install), then restore.

  sudo bramble restore --newest
  sudo bramble restore /media/stick/bramble.tar.gz`;

const fail = (text: string): CommandFailed => new CommandFailed(exitCodes.failure, text);

export function addRestore(parent: Command, { terminal }: { readonly terminal: Terminal }): void {
  const command = parent.command('restore');
  command
    .description('put a backup in the place of what this machine knows')
    .argument('[file]', 'as bramble backup wrote it')
    .option('--newest', 'the last good copy of the database that the daemon made by itself')
    .option('-y, --yes', 'do not ask')
    .addOption(configOption())
    .addHelpText('after', help)
    .action(async (file: string | undefined, flags: Flags) => {
      if ((flags.newest === true) === (file !== undefined)) command.error('error: either a file, or --newest');
      if (process.getuid?.() !== 0) throw fail('it changes this machine: run it with sudo');
      const config = await readConfig(flags.config, terminal.env);
      const run = { config, configFile: configFile(flags.config, terminal.env), terminal, yes: flags.yes === true };
      if (file === undefined) await restoreNewest(run);
      else await restoreArchive(resolve(file), run);
    });
}

type Run = {
  readonly config: Config;
  readonly configFile: string;
  readonly terminal: Terminal;
  readonly yes: boolean;
};
type Placement = { readonly part: Part; readonly from: string };

async function restoreNewest(run: Run): Promise<void> {
  const folder = join(run.config.data, backupFolder);
  const backups = youngestFirst(await readdir(folder).catch(() => []));
  const part = brambleParts(run.config, run.configFile).find(({ name }) => name === bramblePart);
  for (const { file, at } of backups) {
    const from = join(folder, file);
    const damage = await databaseDamage(from);
    if (damage === undefined && part !== undefined)
      return await putInPlace([{ part, from }], `the copy of ${new Date(at).toISOString()}`, run);
    run.terminal.err(`${from} is damaged itself (${harmless(damage ?? '')}): the one before it\n`);
  }
  throw fail(`${folder} has no good copy of the database: bramble restore FILE takes one of bramble backup`);
}

async function restoreArchive(file: string, run: Run): Promise<void> {
  await makeFolder(run.config.data, 0o700);
  const read = await readArchive(file, run.config.data, run.terminal.signal);
  if (!read.ok) throw fail(read.error.detail);
  const { folder, manifest } = read.value;
  try {
    const parts = [...brambleParts(run.config, run.configFile), ...clusterParts().parts];
    const placements: Placement[] = [];
    for (const part of parts) {
      const from = join(folder, part.name);
      if (!(await isThere(from))) continue;
      if (part.name === configPart && (await isThere(part.path))) continue;
      const damage = part.kind === 'database' ? await databaseDamage(from) : undefined;
      if (damage !== undefined) throw fail(`${file}: ${part.name} is damaged: ${damage}`);
      placements.push({ part, from });
    }
    await putInPlace(placements, `the backup of ${manifest.hostname} of ${manifest.at}`, run);
    const own = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address));
    if (!manifest.addresses.some((address) => own.includes(address)))
      run.terminal.err(
        harmless(`The boards know the master as ${manifest.addresses.join(', ')}: give this machine that address.\n`),
      );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function putInPlace(placements: readonly Placement[], what: string, run: Run): Promise<void> {
  const { config, terminal } = run;
  const database = placements.find(({ part }) => part.name === bramblePart);
  const damage = database && (await isThere(database.part.path)) ? await databaseDamage(database.part.path) : undefined;
  await confirm(
    `${what}, with ${(await boardsIn(database?.from ?? '')) ?? 0} boards,`,
    database?.part.path,
    damage,
    run,
  );
  const units = [
    'bramble.service',
    ...(placements.some(({ part }) => part.name.startsWith('k3s/')) ? [serverUnit] : []),
  ];
  const stopped = await stopUnits(units);
  if (await answers(config.socket))
    throw fail(`the daemon answers on ${config.socket} and is no service of systemd here: stop it first`);
  const [data, root] = [await stat(config.data), { uid: 0, gid: 0 }];
  const owners: Readonly<Record<Part['owner'], Owner>> = { bramble: data, root, group: { uid: 0, gid: data.gid } };
  const date = compactDate(terminal.now());
  for (const { part, from } of placements) {
    const isDamaged = part === database?.part && damage !== undefined;
    const kept = await placePart(part, from, {
      aside: `${isDamaged ? 'corrupt' : 'before-restore'}-${date}`,
      owner: owners[part.owner],
    });
    terminal.out(`${part.path}${kept === undefined ? '' : `: restored; what was there is ${kept} now`}\n`);
  }
  for (const unit of stopped.toReversed()) await runProgram('systemctl', 'start', '--no-block', unit);
  if (stopped.length === 0) terminal.err('Start the daemon again: sudo systemctl start bramble\n');
}

async function confirm(what: string, path: string | undefined, damage: string | undefined, run: Run): Promise<void> {
  if (run.yes) return;
  const { ask } = run.terminal;
  if (ask === undefined) throw fail('nobody is here to be asked: bramble restore --yes …');
  const boards = path === undefined ? undefined : await boardsIn(path);
  const now =
    damage !== undefined ? ', which is damaged' : boards === undefined ? '' : `, which knows ${boards} boards`;
  const answer = await ask(`${harmless(what)} takes the place of what is here${now}. Type yes to go on: `);
  if (answer.trim().toLowerCase() !== 'yes') throw fail('nothing was changed');
}

/** Settles with those that ran, or tried to: a service that cannot start is started again and again. */
async function stopUnits(units: readonly string[]): Promise<readonly string[]> {
  const stopped: string[] = [];
  if (!(await isThere('/run/systemd/system'))) return stopped;
  for (const unit of units) {
    const { active } = await unitFacts(unit);
    if (active !== 'active' && active !== 'activating') continue;
    const { code, stderr } = await runProgram('systemctl', 'stop', unit);
    if (code !== 0) throw fail(`systemctl stop ${unit}: ${stderr.trim()}`);
    stopped.push(unit);
  }
  return stopped;
}

const answers = (socket: string): Promise<boolean> =>
  new Promise((done) => {
    const connection = connect(socket);
    connection.once('connect', () => done(true)).once('error', () => done(false));
    connection.once('connect', () => connection.destroy());
  });
