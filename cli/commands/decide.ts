import type { Command } from 'commander';
import type { Client } from '../client.ts';
import { CommandFailed } from '../exit-codes.ts';
import { harmless, type Terminal } from '../output/terminal.ts';

const decisions = [
  ['accept', 'let boards in: their system is made, and they join'],
  ['reject', 'refuse boards: they get an address and nothing else'],
  ['retry', 'try again what failed, where it failed'],
] as const;

/** `accept NAME…`, `reject NAME…`, `retry NAME…`: each name is tried; ends with the code of the first that failed. */
export function addDecisions(
  parent: Command,
  deps: { readonly client: () => Client; readonly terminal: Terminal },
): void {
  for (const [action, description] of decisions) {
    parent
      .command(action)
      .description(description)
      .argument('<name...>', 'names or ids')
      .action(async (names: readonly string[]) => {
        const { terminal } = deps;
        const client = deps.client();
        const failures: CommandFailed[] = [];
        for (const name of names) {
          try {
            const { device } = await client.act(name, action, terminal.user);
            terminal.out(`${harmless(`${device.name}: ${device.state}`)}\n`);
          } catch (error) {
            if (!(error instanceof CommandFailed)) throw error;
            failures.push(error);
          }
        }
        const [first] = failures;
        if (first !== undefined) {
          throw new CommandFailed(first.exitCode, failures.map(({ message }) => message).join('\n'));
        }
      });
  }
}
