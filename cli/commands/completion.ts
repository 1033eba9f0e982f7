import { Argument, type Command } from 'commander';
import type { Terminal } from '../output/terminal.ts';
import { completionText, type Shell, shells } from '../reference/completion.ts';

/** `completion bash|zsh`: made of the commands as they are. */
export function addCompletion(parent: Command, { terminal }: { readonly terminal: Terminal }): void {
  parent
    .command('completion')
    .description('what a shell needs to complete commands, options and names of boards')
    .addArgument(new Argument('<shell>', 'whose').choices(shells))
    .addHelpText('after', help)
    .action((shell: Shell) => terminal.out(completionText(parent, shell)));
}

const help = `
The package brings both. From a checkout: source <(bramble completion bash),
or for zsh: bramble completion zsh >~/.zfunc/_bramble (a folder of $fpath).`;
