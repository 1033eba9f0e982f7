import type { Command } from 'commander';
import type { DecideDeps } from './decide.ts';
import { followRun } from './shutdown.ts';

/** `startup [NAME…]`: brings back what was switched off. */
export function addStartup(parent: Command, deps: DecideDeps): void {
  parent
    .command('startup')
    .description('bring boards back that were switched off; without names: all of them')
    .argument('[name...]', 'names or ids')
    .option('--no-wait', 'do not wait until they are Ready')
    .addHelpText('after', help)
    .action(async (names: readonly string[], { wait }: { readonly wait: boolean }) => {
      const { terminal } = deps;
      const client = deps.client();
      const begun = await client.startup({ by: terminal.user, boards: names });
      await followRun(begun, { client, terminal, wait });
    });
}

const help = `
Waits for the cluster first. Boards are switched on by power.command, so many
at a time as power.batch says; without it, it says which ones to switch on.
Only what bramble cordoned is uncordoned.`;
