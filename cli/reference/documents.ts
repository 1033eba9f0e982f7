/** What the package brings beside the program: the man page, and completion for both shells. */
import { commandTree } from '../program.ts';
import { completionText } from './completion.ts';
import { manPage } from './man.ts';

export type Documents = { readonly man: string; readonly bash: string; readonly zsh: string };

/** `date`: of the release, `2026-11-24`. */
export function commandDocuments(about: { readonly version: string; readonly date: string }): Documents {
  const nothing = (): void => {};
  const terminal = {
    ...{ out: nothing, err: nothing, isTerminal: false, columns: 80, env: {}, now: () => 0, user: 'owner' },
    signal: new AbortController().signal,
  };
  const program = commandTree({ terminal, version: about.version }, nothing);
  return {
    man: manPage(program, about),
    bash: completionText(program, 'bash'),
    zsh: completionText(program, 'zsh'),
  };
}
