import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Client } from '../client.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { elsewhere, journalLines } from '../journal.ts';
import { escapedLine, type Format, formatOption } from '../output/format.ts';
import { isAbout, logText } from '../output/log.ts';
import type { Terminal } from '../output/terminal.ts';

type LogsDeps = { readonly client: () => Client; readonly terminal: Terminal };
type LogsFlags = { readonly follow?: boolean; readonly lines: number; readonly output: Format };

/** Of a board's lines there are fewer than of all: so many are looked through for each that is wanted. */
const LOOKED_THROUGH = 50;

/** `logs [NAME] [-f]`: what the daemon logged, of all or of one board. */
export function addLogs(parent: Command, deps: LogsDeps): void {
  parent
    .command('logs')
    .description("the daemon's log, or what it says of one board")
    .argument('[name]', 'name or id of a board')
    .option('-f, --follow', 'go on with what is logged from now on')
    .addOption(new Option('-n, --lines <count>', 'the last so many').argParser(lineCount).default(200))
    .addOption(formatOption(['table', 'json']))
    .addHelpText('after', help)
    .action(async (name: string | undefined, flags: LogsFlags) => await showLogs(name, flags, deps));
}

const help = `
It comes from the journal of this machine; who may read that is in the group
systemd-journal, or uses sudo.`;

async function showLogs(
  name: string | undefined,
  { follow = false, lines, output }: LogsFlags,
  { client, terminal }: LogsDeps,
): Promise<void> {
  const isMeant = name === undefined ? () => true : isAbout(await wordsOf(name, client()));
  const print = (line: string): void => terminal.out(output === 'json' ? `${escapedLine(line)}\n` : logText(line));
  const wanted = name === undefined ? lines : lines * LOOKED_THROUGH;
  let kept: string[] = [];
  let count = 0;
  for await (const line of journalLines({ lines: wanted, follow }, terminal)) {
    count += 1;
    if (!isMeant(line)) continue;
    if (follow) print(line);
    else kept = [...kept, line].slice(-lines);
  }
  for (const line of kept) print(line);
  if (count === 0 && !follow)
    throw new CommandFailed(exitCodes.failure, `the journal has nothing of bramble; ${elsewhere}`);
}

/** A line may have any of its names. Without the daemon only the one that was given. */
async function wordsOf(name: string, client: Client): Promise<readonly string[]> {
  try {
    const { id, name: own, macs, serials } = await client.describe(name);
    return [name, own, id, ...macs, ...serials];
  } catch (error) {
    if (error instanceof CommandFailed && error.exitCode === exitCodes.notReachable) return [name];
    throw error;
  }
}

function lineCount(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('a number of lines, 1 to 99999');
  return Number(text);
}
