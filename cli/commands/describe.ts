import type { Command } from 'commander';
import type { Client } from '../client.ts';
import { descriptionText } from '../output/description.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import type { Terminal } from '../output/terminal.ts';

/** `describe NAME [-o json|yaml]`: one board in full; 4 if there is none of that name or id. */
export function addDescribe(
  parent: Command,
  deps: { readonly client: () => Client; readonly terminal: Terminal },
): void {
  parent
    .command('describe')
    .description('one board in full: state, identity, boot timeline, last events')
    .argument('<name>', 'name or id')
    .addOption(formatOption(['table', 'json', 'yaml']))
    .action(async (name: string, { output }: { readonly output: Format }) => {
      const board = await deps.client().describe(name);
      const forPrograms = output === 'json' || output === 'yaml';
      deps.terminal.out(forPrograms ? document(board, output, false) : descriptionText(board, deps.terminal.now()));
    });
}
