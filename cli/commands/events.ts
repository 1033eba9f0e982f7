import type { Command } from 'commander';
import type { EventView } from '../../daemon/http/wire.ts';
import type { Client } from '../client.ts';
import { eventText } from '../output/description.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import type { Terminal } from '../output/terminal.ts';

type EventFlags = { readonly output: Format; readonly follow?: true; readonly watch?: true };

/** `events [-f] [NAME]`: the newest ones, oldest first; with `-f` also what comes, until ctrl-C. JSON: one a line. */
export function addEvents(parent: Command, deps: { readonly client: () => Client; readonly terminal: Terminal }): void {
  parent
    .command('events')
    .description('what happened, to all boards or to one')
    .argument('[name]', 'name or id of a board')
    .option('-f, --follow', 'go on with what happens from now on')
    .option('-w, --watch', 'the same as --follow')
    .addOption(formatOption(['table', 'json', 'yaml']))
    .action(async (device: string | undefined, flags: EventFlags) => {
      const { client, terminal } = deps;
      const show = (event: EventView): void => {
        const forPrograms = flags.output === 'json' || flags.output === 'yaml';
        terminal.out(forPrograms ? document(event, flags.output, true) : eventText(event));
      };
      if (flags.follow === true || flags.watch === true)
        for await (const event of client().follow({ device })) show(event);
      else for (const event of await client().events({ device })) show(event);
    });
}
