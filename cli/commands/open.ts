import { type Command, InvalidArgumentError, Option } from 'commander';
import type { OpeningView } from '../../daemon/http/wire.ts';
import type { Client } from '../client.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import { openText } from '../output/status.ts';
import { harmless, type Terminal } from '../output/terminal.ts';
import { spanUpTo } from '../span.ts';

type OpenFlags = { readonly for: number; readonly output: Format };

/** `open` shows whether it is; `open N [--for 10m]` lets so many in; `open 0` closes it. */
export function addOpen(parent: Command, deps: { readonly client: () => Client; readonly terminal: Terminal }): void {
  const { terminal } = deps;
  parent
    .command('open')
    .description('let that many new boards in by themselves for a while, whatever admission says')
    .argument('[boards]', 'how many; 0 closes it; without it: whether it is open', boardCount)
    .addOption(new Option('--for <time>', 'how long: 90s, 10m, 2h').argParser(spanUpTo(24)).default(600, '10m'))
    .addOption(formatOption(['table', 'json', 'yaml']))
    .addHelpText('after', help)
    .action(async (boards: number | undefined, flags: OpenFlags) => {
      const client = deps.client();
      const { open } =
        boards === undefined
          ? await client.opening()
          : await client.setOpening({ boards, seconds: flags.for, by: terminal.user });
      const forPrograms = flags.output === 'json' || flags.output === 'yaml';
      terminal.out(forPrograms ? document({ open }, flags.output, false) : `${harmless(stateText(open))}\n`);
    });
}

const help = `
A board whose disk holds data, or that says to be another one, waits all the
same. At most admission.limit boards an hour come in.`;

const stateText = (open: OpeningView | null): string =>
  open === null ? 'closed: new boards are admitted as bramble.yaml says' : openText(open);

function boardCount(text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) > 1000) throw new InvalidArgumentError('a number of boards, 0 to 1000');
  return Number(text);
}
