/** `image list`, `show`, `verify`, `remove`: the imported images. They work on the files, without a daemon. */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../../config/schema.ts';
import { type Base, type BaseRecord, listBases, openBase, removeBase, verifyBase } from '../../image-builder/index.ts';
import { type BaseUses, partitionsOf, usesOf } from '../base-uses.ts';
import type { Client } from '../client.ts';
import { configOption, readConfig } from '../config-file.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import { basesText, baseText, updatesNote, usesWords } from '../output/image.ts';
import { progressOn } from '../output/progress.ts';
import { harmless, painter, type Terminal } from '../output/terminal.ts';

type Deps = { readonly client: () => Client; readonly terminal: Terminal };
type Flags = { readonly config?: string; readonly output: Format };

export function addImageBases(image: Command, deps: Deps): void {
  const { terminal } = deps;
  image
    .command('list')
    .description('imported images')
    .addOption(formatOption(['table', 'wide', 'json', 'yaml', 'name']))
    .addOption(configOption())
    .action(async ({ config, output }: Flags) => {
      const { bases, damaged } = await listBases(folder(await readConfig(config, terminal.env)));
      refuseDenied(damaged);
      terminal.out(listed(bases, output, terminal));
      if (damaged.length > 0) {
        throw new CommandFailed(exitCodes.failure, damaged.map(({ detail }) => detail).join('\n'));
      }
    });
  image
    .command('show')
    .description('one imported image: its system, partitions and sums, and who uses it')
    .argument('<name>', 'name or id')
    .addOption(formatOption(['table', 'json', 'yaml']))
    .addOption(configOption())
    .action(async (name: string, flags: Flags) => {
      const config = await readConfig(flags.config, terminal.env);
      const base = await opened(config, name);
      try {
        const shown = { ...record(base), partitions: await partitionsOf(base), uses: await uses(config, base, deps) };
        const { output } = flags;
        terminal.out(output === 'json' || output === 'yaml' ? document(shown, output, false) : baseText(shown));
      } finally {
        await base.close();
      }
    });
  image
    .command('verify')
    .description('read an imported image again, and compare its sum')
    .argument('<name>', 'name or id')
    .addOption(configOption())
    .action(async (name: string, flags: Flags) => {
      const base = await opened(await readConfig(flags.config, terminal.env), name);
      await verified(base, terminal).finally(base.close);
      terminal.out(`${[`${harmless(base.name)}: as it was imported`, ...updatesNote(base)].join('\n')}\n`);
    });
  image
    .command('remove')
    .description('delete an imported image that nobody uses')
    .argument('<name>', 'name or id')
    .option('--force', 'also if a board or bramble.yaml names it')
    .addOption(configOption())
    .action(async (name: string, flags: Flags & { readonly force?: true }) => {
      const config = await readConfig(flags.config, terminal.env);
      const base = await removable(config, name);
      const words = usesWords(await uses(config, base, deps));
      if (words.length > 0 && flags.force !== true) {
        const why = words.map((word) => `  ${word}`).join('\n');
        throw new CommandFailed(exitCodes.failure, `${base.name} is in use (--force removes it all the same):\n${why}`);
      }
      const removed = await removeBase(folder(config), base.id);
      if (!removed.ok) refuseDenied([removed.error]);
      if (!removed.ok) throw new CommandFailed(exitCodes.failure, removed.error.detail);
      terminal.out(`${harmless(base.name)}: removed\n`);
    });
}

const folder = (config: Config): string => join(config.data, 'bases');

function refuseDenied(problems: readonly { readonly detail: string }[]): void {
  const denied = problems.find(({ detail }) => /\b(EACCES|EPERM)\b/.test(detail));
  if (denied !== undefined) throw new CommandFailed(exitCodes.failure, `run it with sudo (${denied.detail})`);
}

async function found(config: Config, name: string): Promise<BaseRecord> {
  const { bases, damaged } = await listBases(folder(config));
  refuseDenied(damaged);
  const base = bases.find((known) => known.name === name) ?? bases.find((known) => known.id === name);
  if (base !== undefined) return base;
  const broken = damaged.find(({ id }) => id === name);
  if (broken !== undefined) throw new CommandFailed(exitCodes.failure, broken.detail);
  const there = bases.length === 0 ? 'none is imported (bramble image add FILE)' : bases.map((known) => known.name);
  const which = typeof there === 'string' ? there : `there is ${there.join(', ')}`;
  throw new CommandFailed(exitCodes.notFound, `there is no image ${name}; ${which}`);
}

/** One whose record is damaged, too; it has no name but its id. */
async function removable(config: Config, name: string): Promise<Removable> {
  const { bases, damaged } = await listBases(folder(config));
  const isDamaged = damaged.some(({ id }) => id === name) && !bases.some((known) => known.name === name);
  return isDamaged ? { id: name, name } : await found(config, name);
}
type Removable = Pick<BaseRecord, 'id' | 'name'>;

async function opened(config: Config, name: string): Promise<Base> {
  const base = await openBase(join(folder(config), (await found(config, name)).id));
  if (base.ok) return base.value;
  refuseDenied([base.error]);
  throw new CommandFailed(exitCodes.failure, base.error.detail);
}

/** Without what is only there while it is open. */
function record({ directory: _, source, boot, places, close, ...rest }: Base): BaseRecord {
  return rest;
}

/** Names of boards where the daemon can be asked; it need not run. */
async function uses(config: Config, base: Removable, { client }: Deps): Promise<BaseUses> {
  const names = await client()
    .status()
    .then(
      ({ devices }) => new Map(devices.map(({ id, name }) => [id, name])),
      () => new Map<string, string>(),
    );
  const found = await usesOf(config, base, (id) => names.get(id));
  if (found.ok) return found.value;
  refuseDenied([found.error]);
  throw new CommandFailed(exitCodes.failure, found.error.detail);
}

async function verified(base: Base, terminal: Terminal): Promise<void> {
  const progress = progressOn(terminal);
  const onProgress = (done: number, of: number): void => progress.tell('verify', done, of);
  const result = await verifyBase(base, { signal: terminal.signal, onProgress })
    .catch((error: unknown) => {
      if (terminal.signal.aborted) throw new CommandFailed(exitCodes.failure, 'interrupted');
      throw error;
    })
    .finally(progress.end);
  if (!result.ok) throw new CommandFailed(exitCodes.failure, `${base.name} is damaged: ${result.error.detail}`);
}

function listed(bases: readonly BaseRecord[], output: Format, terminal: Terminal): string {
  if (output === 'json' || output === 'yaml') return document(bases, output, false);
  if (output === 'name') return bases.map(({ name }) => `${harmless(name)}\n`).join('');
  return basesText(bases, { width: output === 'wide' ? 0 : terminal.columns, paint: painter(terminal) });
}
