import type { Command } from 'commander';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { harmless } from '../output/terminal.ts';
import { pause } from '../pause.ts';
import type { DecideDeps } from './decide.ts';

type DrainFlags = { readonly force?: true; readonly deleteEmptydirData?: true; readonly wait: boolean };

/** `drain NAME…`: asks the pods of boards to go, and shows how many are left until none is. */
export function addDrain(parent: Command, deps: DecideDeps): void {
  parent
    .command('drain')
    .description('send the pods of boards to the others, and give them no new ones')
    .argument('<name...>', 'names or ids')
    .option('--force', 'also pods that nobody makes anew: they are deleted for good')
    .option('--delete-emptydir-data', 'also pods with data on the disk of the board: the data is lost')
    .option('--no-wait', 'do not wait until they are gone')
    .addHelpText('after', drainHelp)
    .action(async (names: readonly string[], { force, deleteEmptydirData, wait }: DrainFlags) => {
      const { terminal } = deps;
      const client = deps.client();
      const asked = { by: terminal.user, force: force === true, deleteData: deleteEmptydirData === true };
      const left = new Map<string, string>();
      for (const name of names) {
        const { device } = await client.drain(name, asked);
        left.set(device.name, '');
      }
      while (left.size > 0) {
        const { devices } = await client.status();
        for (const name of [...left.keys()]) {
          const board = devices.find((one) => one.name === name);
          const said = board === undefined ? `${name} is not known any more` : `${name}: ${board.why}`;
          if (said !== left.get(name)) terminal.out(`${harmless(said)}\n`);
          left.set(name, said);
          if (board?.state === 'draining' && !board.why.startsWith('drained')) continue;
          left.delete(name);
          if (board?.state !== 'draining')
            throw new CommandFailed(exitCodes.failure, `${name} is not being drained any more`);
        }
        if (!wait) return;
        if (left.size > 0) await pause(1000, terminal.signal);
      }
    });
}

const drainHelp = `
As kubectl drain: pods go through the Eviction API, so that disruption budgets
hold; those of DaemonSets stay. It goes on when this command is ended.`;

/** `uncordon NAME…`: lifts what bramble cordoned; `--force` whatever cordon there is. */
export function addUncordon(parent: Command, { client, terminal }: DecideDeps): void {
  parent
    .command('uncordon')
    .description('give boards work again that were drained')
    .argument('<name...>', 'names or ids')
    .option('--force', 'also what somebody else cordoned')
    .action(async (names: readonly string[], { force }: { readonly force?: true }) => {
      for (const name of names) {
        const { device } = await client().uncordon(name, { by: terminal.user, force: force === true });
        terminal.out(`${harmless(`${device.name}: ${device.state}`)}\n`);
      }
    });
}
