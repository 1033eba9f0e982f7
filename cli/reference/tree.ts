/** The tree of commands as data, for what is made of it: completion and the man page. Pure. */
import type { Argument, Command, Option } from 'commander';

export type Leaf = {
  /** Without `bramble`: `image flash`; empty: `bramble` itself. */
  readonly path: string;
  readonly command: Command;
};

/** Every command that help shows, parents before their children; the first is `bramble` itself. */
export function leaves(program: Command): readonly Leaf[] {
  const below = (command: Command, path: string): readonly Leaf[] => [
    { path, command },
    ...command
      .createHelp()
      .visibleCommands(command)
      .filter((child) => child.name() !== 'help')
      .flatMap((child) => below(child, path === '' ? child.name() : `${path} ${child.name()}`)),
  ];
  return below(program, '');
}

/** Those that help shows, `--help` among them. */
export const optionsOf = (command: Command): readonly Option[] => command.createHelp().visibleOptions(command);

/** `-o`, `--output`. */
export const flagsOf = ({ short, long }: Option): readonly string[] => [short, long].filter((one) => one !== undefined);

/** What may be given to it, where that is a closed set. */
export function choicesOf({ argChoices, description }: Option | Argument): readonly string[] | undefined {
  if (argChoices !== undefined) return argChoices;
  // Those of `-o` stand in its description alone: `json|yaml|name`.
  return /^\w+(\|\w+)+$/.test(description) ? description.split('|') : undefined;
}

export type Kind = 'board' | 'base' | 'file' | 'other';

/** What its placeholder stands for. */
export function kindOf(path: string, placeholder: string): Kind {
  if (placeholder === 'name' || placeholder === 'board')
    return /^image (show|verify|remove)$/.test(path) ? 'base' : 'board';
  return /^(file|path|folder|device|file-and-device)$/.test(placeholder) ? 'file' : 'other';
}

/** `<name>` of an option's flags. */
export const placeholderOf = ({ flags }: Option): string | undefined => /[<[]([\w-]+)(?:\.\.\.)?[>\]]/.exec(flags)?.[1];

/** What `addHelpText` puts behind the help of a command; its examples are not in it. */
export function notesOf(command: Command): string {
  let text = '';
  const kept = command.configureOutput();
  command.configureOutput({ ...kept, writeOut: (part) => (text += part), getOutHelpWidth: () => 80 });
  command.outputHelp();
  command.configureOutput({ ...kept, getOutHelpWidth: () => 80 });
  const [, after = ''] = text.split(command.helpInformation());
  command.configureOutput(kept);
  return after.split(/^Examples:$/m, 1)[0]?.trim() ?? '';
}
