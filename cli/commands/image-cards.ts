/** `image build` and `image join-card`: finished images as files. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseHostname } from '../../config/values.ts';
import { eepromChips, type ImageStream, saveImage } from '../../image-builder/index.ts';
import type { Client, Download } from '../client.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { progressOn } from '../output/progress.ts';
import { harmless, type Terminal } from '../output/terminal.ts';

export type CardDeps = { readonly client: () => Client; readonly terminal: Terminal };

export function addImageCards(image: Command, deps: CardDeps): void {
  image
    .command('build')
    .description('the finished image of one board, for a card or a disk that somebody else writes')
    .requiredOption('--for <name>', 'name of the board', boardName)
    .option('--new', newBoard)
    .requiredOption('-o, --output <file>', 'where to; - is standard output')
    .addHelpText(
      'after',
      `
While a board is being installed this gives exactly the bytes that its disk
gets. Else it is a new image, and bramble expects the board to start from it.
There are keys in the file: it is for its owner only.`,
    )
    .action(async (flags: { readonly for: string; readonly output: string; readonly new?: true }) => {
      const { terminal } = deps;
      const to = await destination(flags.output, terminal);
      const made = await deps.client().boardImage(flags.for, { by: terminal.user, isNew: flags.new === true });
      await to(made);
      terminal.err(notesOf(made));
    });
  image
    .command('join-card')
    .description('the card that installs any board it is put into')
    .requiredOption('-o, --output <file>', 'where to; - is standard output')
    .addOption(eepromOption('2711 (Pi 4) or 2712 (Pi 5): whose EEPROM the card sets, where netboot.enable is true'))
    .addHelpText('after', '\nWho holds the card can join boards to the cluster: its key is on it.')
    .action(async (flags: { readonly output: string; readonly eeprom?: string }) => {
      const to = await destination(flags.output, deps.terminal);
      const card = await deps.client().joinCard({ eeprom: flags.eeprom });
      await to(card);
      deps.terminal.err(notesOf(card));
    });
}

export const newBoard = 'no board of that name was seen yet: it gets name and address now';

export const eepromOption = (description: string): Option =>
  new Option('--eeprom <chip>', description).choices([...eepromChips, 'none']);

/** Or an id, which looks like a name. */
export function boardName(text: string): string {
  if (!parseHostname(text).ok) throw new InvalidArgumentError('1 to 63 of a-z, 0-9 and "-", with no "-" at either end');
  return text;
}

/** What it is good for, for stderr. */
export const notesOf = ({ notes }: Download): string => notes.map((note) => `${harmless(note)}\n`).join('');

type Destination = (image: ImageStream) => Promise<void>;

/** Whatever is wrong with it is found before the daemon is asked for anything. */
async function destination(output: string, terminal: Terminal): Promise<Destination> {
  if (output === '-') {
    const { outBytes } = terminal;
    if (terminal.isTerminal || outBytes === undefined) {
      throw new CommandFailed(exitCodes.usage, 'an image is not for a terminal: name a file, or send it into a pipe');
    }
    return async ({ chunks }) => {
      for await (const chunk of chunks) await outBytes(chunk);
    };
  }
  const file = resolve(output);
  const there = await stat(file).catch(() => undefined);
  if (there?.isBlockDevice()) {
    throw new CommandFailed(exitCodes.usage, `${output} is a disk: bramble image flash writes to disks`);
  }
  if (there !== undefined && !there.isFile()) throw new CommandFailed(exitCodes.usage, `${output} is no file`);
  return async (image) => {
    const progress = progressOn(terminal);
    const onProgress = (done: number, of: number): void => progress.tell('write', done, of);
    const saved = await saveImage({ file, image, onProgress, signal: terminal.signal }).finally(progress.end);
    if (!saved.ok) throw new CommandFailed(exitCodes.failure, saved.error.detail);
  };
}
