/** `image add`: an operating system image as published, for boards. */
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import {
  baseProblems,
  type ImportedBase,
  type ImportProgress,
  importBase,
  listBases,
} from '../../image-builder/index.ts';
import { configOption, readConfig } from '../config-file.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { addedText } from '../output/image.ts';
import { progressOn } from '../output/progress.ts';
import { harmless, type Terminal } from '../output/terminal.ts';

type AddFlags = { readonly sha256?: string; readonly name?: string; readonly config?: string };

const help = `
FILE is what was downloaded: an .img, or one in a .zip, .xz, .gz or .zst. What it
is packed in and which system it holds is told by its content. A checksum that
lies beside it (FILE.sha256, SHA256SUMS) is compared without being asked for.
After an interruption the same command goes on where it was. The daemon need not
run; one that does sees the new image at once.`;

export function addImageAdd(image: Command, { terminal }: { readonly terminal: Terminal }): void {
  image
    .command('add')
    .description('import an operating system image, as it was published')
    .argument('<file>', 'the download')
    .option('--sha256 <hex>', 'the sum it has to have, of the download or of the image in it', sha256)
    .option('--name <name>', 'what bramble.yaml calls it; default: its file name without ending')
    .addOption(configOption())
    .addHelpText('after', help)
    .action(async (file: string, flags: AddFlags) => {
      const { data, images } = await readConfig(flags.config, terminal.env);
      const folder = join(data, 'bases');
      const base = await imported(file, folder, flags, terminal);
      await base.close();
      if (base.known && flags.name !== undefined && base.name !== flags.name) throw otherName(base.name);
      const { bases } = await listBases(folder);
      terminal.out(addedText(base));
      for (const problem of baseProblems(bases, images))
        terminal.out(`boards cannot be installed: ${harmless(problem)}\n`);
    });
}

async function imported(file: string, directory: string, flags: AddFlags, terminal: Terminal): Promise<ImportedBase> {
  const progress = progressOn(terminal);
  const onProgress = ({ phase, taken, total }: ImportProgress): void =>
    progress.tell(phase === 'checking' ? 'check' : 'unpack', taken, total);
  const { sha256: sum, name } = flags;
  const given = { ...(sum !== undefined && { sha256: sum }), ...(name !== undefined && { name }) };
  try {
    const base = await importBase({ file, directory, onProgress, signal: terminal.signal, ...given });
    if (base.ok) return base.value;
    const denied = /^(EACCES|EPERM)\b/.test(base.error.detail) ? ': run it with sudo' : '';
    throw new CommandFailed(exitCodes.failure, `${base.error.detail}${denied}`);
  } catch (error) {
    if (!terminal.signal.aborted) throw error;
    throw new CommandFailed(exitCodes.failure, 'interrupted; the same command goes on where it was');
  } finally {
    progress.end();
  }
}

const otherName = (name: string): CommandFailed =>
  new CommandFailed(
    exitCodes.failure,
    `this image is imported as ${name}: use that name, or remove it first (bramble image remove ${name})`,
  );

function sha256(text: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new InvalidArgumentError('64 hex digits');
  return text;
}
