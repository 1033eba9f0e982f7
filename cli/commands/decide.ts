import type { Command } from 'commander';
import { type Action, actions } from '../../daemon/http/wire.ts';
import type { Client } from '../client.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { harmless, type Terminal } from '../output/terminal.ts';

/** All but those that lose a disk, which ask first. */
const decisions: Readonly<Record<Exclude<Action, 'wipe' | 'reinstall'>, string>> = {
  accept: 'let boards in: their system is made, and they join',
  reject: 'refuse boards: they get an address and nothing else',
  retry: 'try again what failed, where it failed',
  leave: 'take boards out of the cluster: they keep their system, and accept joins them again',
  forget: 'drop boards that have nothing in the cluster: one that comes back is a new one',
  locate: 'let the light of boards blink for a minute, where the installer runs on them',
};

/** `accept NAME…`, `reject NAME…`, `retry NAME…`, `locate NAME…`: each name is tried; ends with the code of the first that failed. */
export function addDecisions(parent: Command, deps: DecideDeps): void {
  for (const action of actions) {
    if (action === 'wipe' || action === 'reinstall') continue;
    parent
      .command(action)
      .description(decisions[action])
      .argument('<name...>', 'names or ids')
      .action((names: readonly string[]) => actOnEach(names, action, deps));
  }
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
    parent
      .command(action)
      .description(description)
      .argument('<name...>', 'names or ids')
      .option('--yes', 'do not ask')
      .action(async (names: readonly string[], { yes }: { readonly yes?: true }) => {
        if (yes !== true) await confirm(names, words, deps.terminal);
        await actOnEach(names, action, deps);
      });
  }
}

const dones: Partial<Readonly<Record<Action, string>>> = {
  locate: 'its light blinks for a minute',
  forget: 'forgotten',
};

type Words = (typeof losses)[number][2];

async function confirm(names: readonly string[], { does, done }: Words, terminal: Terminal): Promise<void> {
  if (terminal.ask === undefined)
    throw new CommandFailed(exitCodes.usage, `nobody is there to be asked: --yes ${does} without asking`);
  const lost = `Everything on the disk of ${names.map(harmless).join(', ')} will be lost.`;
  const answer = await terminal.ask(`${lost} Type yes to go on: `);
  if (answer.trim().toLowerCase() !== 'yes') throw new CommandFailed(exitCodes.failure, `nothing was ${done}`);
}

export type DecideDeps = { readonly client: () => Client; readonly terminal: Terminal };

async function actOnEach(names: readonly string[], action: Action, deps: DecideDeps): Promise<void> {
  const { terminal } = deps;
  const client = deps.client();
  const failures: CommandFailed[] = [];
  for (const name of names) {
    try {
      const { device } = await client.act(name, action, terminal.user);
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
