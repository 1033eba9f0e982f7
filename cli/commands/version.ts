import type { Command } from 'commander';
import type { Client } from '../client.ts';
import { CommandFailed } from '../exit-codes.ts';
import { harmless, type Terminal } from '../output/terminal.ts';

/** `version`: of this program and of the daemon; 0 also if the daemon is not there. */
export function addVersion(
  parent: Command,
  deps: { readonly client: () => Client; readonly terminal: Terminal; readonly version: string },
): void {
  parent
    .command('version')
    .description('of this program and of the daemon')
    .action(async () => {
      const daemon = await deps
        .client()
        .status()
        .then(
          ({ version }) => version,
          (error: unknown) => {
            if (error instanceof CommandFailed) return 'not reachable';
            throw error;
          },
        );
      deps.terminal.out(`bramble ${deps.version}\nbrambled ${harmless(daemon)}\n`);
    });
}
