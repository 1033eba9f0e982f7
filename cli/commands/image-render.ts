import type { Command } from 'commander';
import type { Client } from '../client.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import { imageFilesText } from '../output/image-files.ts';
import type { Terminal } from '../output/terminal.ts';

/** `image render NAME [-o json|yaml]`: what goes into a board's image; 4 if there is no such board, 1 if none can be made. */
export function addImageRender(
  image: Command,
  deps: { readonly client: () => Client; readonly terminal: Terminal },
): void {
  image
    .command('render')
    .description('every file that goes into the image of a board, without its secrets')
    .argument('<name>', 'name or id')
    .addOption(formatOption(['table', 'json', 'yaml']))
    .action(async (name: string, { output }: { readonly output: Format }) => {
      const files = await deps.client().imageFiles(name);
      deps.terminal.out(
        output === 'json' || output === 'yaml' ? document(files, output, false) : imageFilesText(files),
      );
    });
}
