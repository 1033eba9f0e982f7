import type { Command } from 'commander';
import type { PowerView } from '../../daemon/http/wire.ts';
import type { Client } from '../client.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { powerLines } from '../output/power.ts';
import { harmless, type Terminal } from '../output/terminal.ts';
import { pause } from '../pause.ts';
import type { DecideDeps } from './decide.ts';

type ShutdownFlags = {
  readonly all?: true;
  readonly yes?: true;
  readonly force?: true;
  readonly deleteEmptydirData?: true;
  readonly keepMaster?: true;
  readonly wait: boolean;
};

/** `shutdown NAME…` drains boards and switches them off; `shutdown --all` everything, the master last. */
export function addShutdown(parent: Command, deps: DecideDeps): void {
  const command = parent.command('shutdown');
  command
    .description('switch boards off in order, or the whole cluster, the master last')
    .argument('[name...]', 'names or ids')
    .option('--all', 'every board and the master')
    .option('--keep-master', 'with --all: all but the master')
    .option('--yes', 'do not ask')
    .option('--force', 'also where draining does not end, and pods that nobody makes anew')
    .option('--delete-emptydir-data', 'also pods with data on the disk of the board: the data is lost')
    .option('--no-wait', 'do not wait until they are off')
    .addHelpText('after', help)
    .action(async (names: readonly string[], flags: ShutdownFlags) => {
      if ((flags.all === true) === names.length > 0) command.error('error: either names, or --all');
      if (flags.keepMaster === true && flags.all !== true) command.error('error: --keep-master goes with --all');
      const { terminal } = deps;
      const client = deps.client();
      if (flags.yes !== true) await confirm(names, flags, terminal);
      const asked = {
        by: terminal.user,
        all: flags.all === true,
        boards: names,
        keepMaster: flags.keepMaster === true,
      };
      const how = { force: flags.force === true, deleteData: flags.deleteEmptydirData === true };
      const begun = await client.shutdown({ ...asked, ...how });
      await followRun(begun, { client, terminal, wait: flags.wait });
    });
}

const help = `
Pods of boards that are named go to the others first. With --all nothing is
drained: containers get 15 s to end, boards go in batches (power.batch), and
what the cluster knows is saved before the master goes. When power is back,
or after bramble startup, everything works again as it was.`;

async function confirm(
  names: readonly string[],
  { all, keepMaster }: ShutdownFlags,
  terminal: Terminal,
): Promise<void> {
  const what =
    all !== true ? names.map(harmless).join(', ') : keepMaster ? 'every board' : 'every board, and this machine,';
  if (terminal.ask === undefined)
    throw new CommandFailed(
      exitCodes.failure,
      `nobody is here to be asked: bramble shutdown ${all ? '--all ' : ''}--yes …`,
    );
  const answer = await terminal.ask(`${what} will be switched off. Type yes to go on: `);
  if (answer.trim().toLowerCase() !== 'yes') throw new CommandFailed(exitCodes.failure, 'nothing was switched off');
}

type Following = { readonly client: Client; readonly terminal: Terminal; readonly wait: boolean };

/** Each line once, until the run is over; fails where it waits for somebody. */
export async function followRun(first: PowerView, { client, terminal, wait }: Following): Promise<void> {
  let view = first;
  const told = new Set<string>();
  for (;;) {
    for (const line of powerLines(view)) {
      if (!told.has(line)) terminal.out(`${harmless(line)}\n`);
      told.add(line);
    }
    const { run } = view;
    if (!wait || run === null || run.phase === 'down') return;
    if (run.kind === 'stop' && run.waits.length > 0) throw new CommandFailed(exitCodes.failure, run.waits.join('\n'));
    await pause(1000, terminal.signal);
    view = await client.power();
  }
}
