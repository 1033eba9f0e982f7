import type { Command } from 'commander';
import { harmless } from '../output/terminal.ts';
import type { DecideDeps } from './decide.ts';

/** `replace OLD --with NEW [--lose-data]`: NEW, which waits for a decision, is OLD from now on. */
export function addReplace(parent: Command, { client, terminal }: DecideDeps): void {
  parent
    .command('replace')
    .description('let a new board take the place of one that is gone: its name, address and labels')
    .argument('<name>', 'name or id of the board that is gone')
    .requiredOption(
      '--with <name>',
      'name or id of the new board, which waits to be accepted; what is on its disk is lost',
    )
    .option('--lose-data', 'also while volumes lie on the disk of the old board')
    .action(async (name: string, asked: { readonly with: string; readonly loseData?: true }) => {
      const { device } = await client().replace(name, { ...asked, by: terminal.user });
      terminal.out(`${harmless(`${device.name}: ${device.state}; it was ${asked.with}`)}\n`);
    });
}
