import type { Command } from 'commander';
import type { Client } from '../client.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { harmless, type Terminal } from '../output/terminal.ts';

type Deps = { readonly client: () => Client; readonly terminal: Terminal };

/** `confirm-off NAME [--yes]`: the owner says that the board is off, so that pods that must never run twice are let go of. */
export function addConfirmOff(parent: Command, { client, terminal }: Deps): void {
  parent
    .command('confirm-off')
    .description('say that a board is powered off, so that what waits for it moves')
    .argument('<name>', 'name or id')
    .option('--yes', 'do not ask')
    .addHelpText('after', help)
    .action(async (name: string, { yes }: { readonly yes?: true }) => {
      const api = client();
      if (yes !== true) await confirm(name, api, terminal);
      const done = await api.confirmOff(name, terminal.user);
      const count = done.pods.length === 1 ? '1 pod moves' : `${done.pods.length} pods move`;
      terminal.out(`${harmless(`${done.name}: ${count} to other boards: ${done.pods.join(', ')}`)}\n`);
    });
}

const help = `
Pods of a StatefulSet, or with a volume that one board alone may have, must
never run twice. If the board is silent and runs all the same, they would, and
data would be lost: pull its plug first. It is refused while the board answers.`;

async function confirm(name: string, api: Client, terminal: Terminal): Promise<void> {
  if (terminal.ask === undefined)
    throw new CommandFailed(exitCodes.usage, 'nobody is there to be asked: --yes confirms without asking');
  const pods = (await api.failover()).boards.find((one) => one.name === name)?.pods ?? [];
  const waiting = pods.length === 0 ? '' : ` What waits for it: ${pods.join(', ')}.`;
  const question = `Is ${name} powered off, for certain? If it runs, data may be lost.${waiting} Type yes: `;
  const answer = await terminal.ask(harmless(question));
  if (answer.trim().toLowerCase() !== 'yes') throw new CommandFailed(exitCodes.failure, 'nothing was confirmed');
}
