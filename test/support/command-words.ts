/** Whether a line of a document is one that `bramble` understands; nothing is done. */
import { type Command, CommanderError } from 'commander';
import type { Terminal } from '../../cli/output/terminal.ts';
import { commandTree } from '../../cli/program.ts';
import { leaves } from '../../cli/reference/tree.ts';

export const quietTerminal = (err: (text: string) => void = () => {}): Terminal => ({
  ...{ out: () => {}, err, isTerminal: false, columns: 80, env: {}, now: () => 0, user: 'anna' },
  signal: new AbortController().signal,
});

/** `sudo bramble …` or `source <(bramble …)`: `understood`, or what commander says of it. */
export async function parsedBramble(line: string): Promise<string> {
  const [, words] = /\bbramble\b ?([^)]*)\)?$/.exec(line) ?? [];
  if (words === undefined) return `no line of bramble: ${line}`;
  let said = '';
  const terminal = quietTerminal((text) => {
    said += text;
  });
  const program = commandTree({ terminal, version: '0.1.0' }, () => {});
  for (const { command } of leaves(program)) withoutDeed(command);
  try {
    await program.parseAsync(
      words.split(' ').filter((word) => word !== ''),
      { from: 'user' },
    );
    return 'understood';
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return said;
  }
}

/** What is left over is a mistake of `status` alone, which is what runs without a command's name. */
function withoutDeed(command: Command): void {
  if (command.commands.length > 0 && command.registeredArguments.length === 0 && command.parent === null) return;
  command.action(() => {
    const [word] = command.name() === 'status' ? command.args : [];
    if (word !== undefined) command.error(`error: unknown command ${word}`);
  });
}
