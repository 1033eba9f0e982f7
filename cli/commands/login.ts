import type { Command } from 'commander';
import type { Client } from '../client.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import { harmless, type Terminal } from '../output/terminal.ts';

type Deps = { readonly client: () => Client; readonly terminal: Terminal };

/** `login`: a link to the status page, with which boards can be accepted, reinstalled, replaced, found and switched off there. */
export function addLogin(parent: Command, { client, terminal }: Deps): void {
  parent
    .command('login')
    .description('print a link to the status page that signs you in there, once')
    .addOption(formatOption(['table', 'json', 'yaml']))
    .addHelpText('after', help)
    .action(async ({ output }: { readonly output: Format }) => {
      const login = await client().login(terminal.user);
      if (output === 'json' || output === 'yaml') {
        terminal.out(document(login, output, false));
        return;
      }
      const [first = '', ...others] = login.links;
      const minutes = Math.floor(login.secondsLeft / 60);
      const lines = [
        `Open this within ${minutes} minutes; it works once:`,
        `  ${first}`,
        ...(others.length > 0 ? ['If your browser does not find that name:'] : []),
        ...others.map((link) => `  ${link}`),
      ];
      terminal.out(lines.map((line) => `${harmless(line)}\n`).join(''));
    });
}

const help = `
Everybody on the network may look at the status page. Whoever opens this link
may accept, reinstall, replace, locate and shut down boards there, under your
name: keep it to yourself.`;
