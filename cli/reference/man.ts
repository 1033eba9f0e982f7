/** bramble(1), in the man macros of groff_man(7), made of the tree of commands. Pure. */
import type { Command, Option } from 'commander';
import { type Example, examples } from './examples.ts';
import { leaves, notesOf, optionsOf } from './tree.ts';

/** `date`: of the release, `2026-11-24`. */
export function manPage(program: Command, { version, date }: { readonly version: string; readonly date: string }) {
  const [, ...all] = leaves(program);
  const parts = [
    `.TH BRAMBLE 1 ${quoted(date)} ${quoted(`bramble ${version}`)} "User Commands"`,
    '.SH NAME',
    `bramble \\- ${escaped(program.description())}`,
    '.SH SYNOPSIS',
    '.B bramble',
    '.RI [ options ]',
    '.RI [ command ]',
    '.SH DESCRIPTION',
    escaped('bramble is the command line of brambled(8), the daemon that makes Raspberry Pis members of a Kubernetes'),
    escaped('cluster as they are plugged in. Without a command it is "bramble status".'),
    '.SH OPTIONS',
    ...optionsOf(program).flatMap(optionText),
    '.SH COMMANDS',
    ...all
      .filter(({ command }) => command.commands.length === 0 || command.options.length > 0)
      .flatMap(({ path, command }) => commandText(path, command)),
    '.SH EXIT STATUS',
    ...exitStatus.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, escaped(meaning)]),
    '.SH ENVIRONMENT',
    ...environment.flatMap(([name, meaning]) => ['.TP', `.B ${name}`, escaped(meaning)]),
    '.SH FILES',
    ...files.flatMap(([name, meaning]) => ['.TP', `.I ${name}`, escaped(meaning)]),
    '.SH SEE ALSO',
    '.BR journalctl (1),',
    '.BR systemctl (1),',
    '.BR kubectl (1)',
  ];
  return `${parts.join('\n')}\n`;
}

const exitStatus: readonly (readonly [string, string])[] = [
  ['0', 'Well.'],
  ['1', 'Failure; what failed is said on standard error.'],
  ['2', 'Degraded: something or somebody waits for the owner.'],
  ['3', 'The daemon is not reachable on its socket.'],
  ['4', 'Not found: no board, no image of that name.'],
  ['5', 'Timed out: the daemon did not answer.'],
  ['64', 'Usage.'],
];

const environment: readonly (readonly [string, string])[] = [
  ['BRAMBLE_SOCKET', "The daemon's socket, where --socket does not name it."],
  ['BRAMBLE_CONFIG', 'bramble.yaml, where --config does not name it.'],
  ['NO_COLOR', 'No colours if it is not empty; there are none off a terminal either.'],
];

const files: readonly (readonly [string, string])[] = [
  ['/etc/bramble/bramble.yaml', 'The configuration; every key is explained in /usr/share/doc/bramble/example.yaml.'],
  ['/run/bramble/brambled.sock', "The daemon's socket."],
  ['/var/lib/bramble', 'What the daemon keeps: its database, images, keys.'],
];

function commandText(path: string, command: Command): readonly string[] {
  const usage = command.usage().replace('[options] ', '').replace('[options]', '').trim();
  const notes = notesOf(command);
  return [
    `.SS ${quoted(`bramble ${path}${usage === '' ? '' : ` ${usage}`}`)}`,
    escaped(sentence(command.description())),
    ...command.registeredArguments.flatMap((argument) => [
      '.TP',
      `.I ${escaped(argument.name())}`,
      escaped(argument.description || argument.name()),
    ]),
    ...optionsOf(command)
      .filter(({ long }) => long !== '--help')
      .flatMap(optionText),
    ...(notes === '' ? [] : ['.PP', ...notes.split('\n').map((line) => (line.trim() === '' ? '.PP' : escaped(line)))]),
    ...(examples[path] ?? []).flatMap(exampleText),
  ];
}

const optionText = ({ flags, description, argChoices, defaultValue, defaultValueDescription }: Option) => {
  const choices = argChoices === undefined ? '' : ` (${argChoices.join(', ')})`;
  const shown = defaultValueDescription ?? (typeof defaultValue === 'number' ? String(defaultValue) : undefined);
  const usual = shown === undefined ? '' : ` (default: ${shown})`;
  return ['.TP', `.B ${escaped(flags)}`, escaped(`${description}${choices}${usual}`)];
};

const exampleText = ([line, does]: Example): readonly string[] => [
  '.PP',
  '.nf',
  `.B ${escaped(line)}`,
  '.fi',
  '.RS 4',
  escaped(does),
  '.RE',
];

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

const quoted = (text: string): string => `"${escaped(text).replaceAll('"', '\\(dq')}"`;

/** A line that begins with a dot or quote is a request; a hyphen that is typed is no dash. */
const escaped = (text: string): string =>
  text
    .trim()
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll(
      /[^\x20-\x7e]/gu,
      (character) => `\\[u${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replace(/^([.'])/, '\\&$1');
