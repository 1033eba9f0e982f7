import { type Command, Option } from 'commander';
import { models } from '../../config/values.ts';
import { type Action, actions } from '../../daemon/http/wire.ts';
import type { Client } from '../client.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { diskText } from '../output/description.ts';
import { harmless, type Terminal } from '../output/terminal.ts';
import { isSelectable, noneText, type Selectors, selected } from '../selection.ts';

/** All but those that lose a disk, which ask first. */
const decisions: Readonly<Record<Exclude<Action, 'wipe' | 'reinstall'>, string>> = {
  accept: 'let boards in: their system is made, and they join',
  reject: 'refuse boards: they get an address and nothing else',
  retry: 'try again what failed, where it failed',
  leave: 'take boards out of the cluster: they keep their system, and accept joins them again',
  forget: 'drop boards that have nothing in the cluster: one that comes back is a new one',
  locate: 'let the activity light of boards blink for a minute',
};

/** What their first line has no room for. */
const notes: Partial<typeof decisions> = {
  accept: `
A board that is named is accepted whatever its disk holds: bramble describe
shows it. Where two boards say to be one, the one that is named is let in.
One that runs a system flashed by hand is taken in with it (join.firstLogin).`,
  leave: `
Its Node, its token and what the cluster has on the board are taken back; one
that is off now leaves once more when it is back. Nothing is drained first.`,
  forget: `
A board that is still on keeps its system and its address, which nobody else
can have. bramble wipe clears it first, and it comes back as a new board.`,
};

/** Of the board that carries the cluster: the daemon refuses these otherwise. */
const losesCluster = (action: Action): boolean => action === 'leave' || action === 'reject';
const forced = ['--force', 'also the board that carries the cluster, which ends with it'] as const;

/** `accept NAME…`, `reject --model pi4`, `retry --all`, `locate NAME…`: each is tried; ends with the code of the first that failed. */
export function addDecisions(parent: Command, deps: DecideDeps): void {
  for (const action of actions) {
    if (action === 'wipe' || action === 'reinstall') continue;
    const command = parent.command(action).description(decisions[action]);
    command.addHelpText('after', notes[action] ?? '');
    if (losesCluster(action)) command.option(...forced);
    if (isSelectable(action)) addSelected(command, action, deps);
    else
      command
        .argument('<name...>', 'names or ids')
        .action((names: readonly string[], flags: SelectFlags) => actOnEach(names, action, deps, flags));
  }
}

/** `ACTION NAME…`, `ACTION --model pi4`, `ACTION --all`: those whose state fits. */
function addSelected(command: Command, action: Action, deps: DecideDeps): void {
  if (action === 'accept') command.option('--yes', 'do not ask about disks that hold data');
  withSelectors(command).action(async (names: readonly string[], flags: SelectFlags) => {
    const boards = await boardsMeant(names, flags, action, command, deps);
    // Who names a board has seen what is on its disk.
    if (names.length === 0 && action === 'accept' && flags.yes !== true) await confirmLosses(boards, deps);
    await actOnEach(boards, action, deps, flags);
  });
}

type SelectFlags = Selectors & { readonly yes?: true; readonly force?: true };

const withSelectors = (command: Command): Command =>
  command
    .argument('[name...]', 'names or ids')
    .addOption(new Option('--model <model>', 'all of this model whose state fits').choices(models))
    .option('--all', 'all whose state fits');

/** Their names; of selectors those that the status has now. */
async function boardsMeant(
  names: readonly string[],
  selectors: Selectors,
  action: string,
  command: Command,
  { client, terminal }: DecideDeps,
): Promise<readonly string[]> {
  const isSelected = selectors.model !== undefined || selectors.all === true;
  if (!isSelected && names.length === 0)
    command.error("error: missing required argument 'name': name boards, or say --model or --all");
  if (isSelected && names.length > 0) command.error('error: either names, or --model and --all');
  if (!isSelected || !isSelectable(action)) return names;
  const boards = selected((await client().status()).devices, action, selectors);
  if (boards.length === 0) terminal.out(`nothing to ${action}: ${noneText(action, selectors)}\n`);
  return boards.map(({ name }) => name);
}

/** Accepting writes the disk, whatever is on it. */
async function confirmLosses(names: readonly string[], { client, terminal }: DecideDeps): Promise<void> {
  const boards = await Promise.all(names.map((name) => client().describe(name)));
  // What was flashed by hand stays as it is.
  const written = boards.filter(({ adoptable }) => !adoptable);
  const losing = written.flatMap(({ name, disk }) =>
    disk === null || disk.content === 'foreign' || disk.content === 'ours'
      ? [disk === null ? name : `${name} (${diskText(disk)})`]
      : [],
  );
  if (losing.length > 0) await confirm(losing, { does: 'accepts', done: 'accepted' }, terminal);
}

const losses = [
  [
    'reinstall',
    'write the system of boards anew, once: over SSH, the network, or a join card',
    { does: 'reinstalls', done: 'reinstalled' },
  ],
  ['wipe', 'take boards out of the cluster and clear their disks', { does: 'wipes', done: 'wiped' }],
] as const;

/** `reinstall NAME… [--yes]`, `wipe NAME… [--yes]`: each asks first, once for all. */
export function addLosses(parent: Command, deps: DecideDeps): void {
  for (const [action, description, words] of losses) {
    const command = parent
      .command(action)
      .description(description)
      .option('--yes', 'do not ask')
      .option(...forced);
    const given = isSelectable(action) ? withSelectors(command) : command.argument('<name...>', 'names or ids');
    given.action(async (names: readonly string[], flags: SelectFlags) => {
      const boards = await boardsMeant(names, flags, action, command, deps);
      const and = flags.force === true ? ', and the cluster with it if one of them carries that' : '';
      if (boards.length > 0 && flags.yes !== true) await confirm(boards, { ...words, and }, deps.terminal);
      await actOnEach(boards, action, deps, flags);
    });
  }
}

const dones: Partial<Readonly<Record<Action, string>>> = {
  locate: 'its light blinks for a minute',
  forget: 'forgotten',
};

type Words = { readonly does: string; readonly done: string; readonly and?: string };

async function confirm(names: readonly string[], { does, done, and = '' }: Words, terminal: Terminal): Promise<void> {
  if (terminal.ask === undefined)
    throw new CommandFailed(exitCodes.usage, `nobody is there to be asked: --yes ${does} without asking`);
  const lost = `Everything on the disk of ${names.map(harmless).join(', ')} will be lost${and}.`;
  const answer = await terminal.ask(`${lost} Type yes to go on: `);
  if (answer.trim().toLowerCase() !== 'yes') throw new CommandFailed(exitCodes.failure, `nothing was ${done}`);
}

export type DecideDeps = { readonly client: () => Client; readonly terminal: Terminal };

async function actOnEach(
  names: readonly string[],
  action: Action,
  deps: DecideDeps,
  { force = false }: { readonly force?: boolean },
): Promise<void> {
  const { terminal } = deps;
  const client = deps.client();
  const failures: CommandFailed[] = [];
  for (const name of names) {
    try {
      const { device } = await client.act(name, action, terminal.user, force);
      const done = dones[action] ?? device.state;
      terminal.out(`${harmless(`${device.name}: ${done}`)}\n`);
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      failures.push(error);
    }
  }
  const [first] = failures;
  if (first !== undefined) {
    throw new CommandFailed(first.exitCode, failures.map(({ message }) => message).join('\n'));
  }
}
