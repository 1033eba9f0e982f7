/** What bash and zsh complete, made of the tree of commands. Boards are asked for as they are then. Pure. */
import type { Command } from 'commander';
import { choicesOf, flagsOf, type Kind, kindOf, type Leaf, leaves, optionsOf, placeholderOf } from './tree.ts';

export const shells = ['bash', 'zsh'] as const;
export type Shell = (typeof shells)[number];

export const completionText = (program: Command, shell: Shell): string =>
  shell === 'bash' ? bashText(program) : zshText(program);

/** Shell words that print candidates, one a line. Nobody waits for a daemon that does not answer, and its error is not shown. */
const asked: Readonly<Record<Exclude<Kind, 'file' | 'other'>, string>> = {
  board: 'bramble --timeout 2 status -o name 2>/dev/null',
  base: 'bramble image list -o name 2>/dev/null',
};

type Value = { readonly words: readonly string[] } | { readonly kind: Kind };

/** For the word after an option that takes one: by `path --option`. */
const valuesOf = ({ path, command }: Leaf): readonly (readonly [pattern: string, value: Value])[] =>
  optionsOf(command).flatMap((option) => {
    const placeholder = placeholderOf(option);
    if (placeholder === undefined) return [];
    const words = choicesOf(option);
    const value = words === undefined ? { kind: kindOf(path, placeholder) } : { words };
    return flagsOf(option).map((flag) => [`${path} ${flag}`, value] as const);
  });

/** Of the global options, too: they stand before a command as well as behind it. */
const wordsOf = ({ command }: Leaf, all: readonly Leaf[], path: string): readonly string[] => [
  ...all.filter((leaf) => parentOf(leaf.path) === path && leaf.path !== path).map((leaf) => leaf.command.name()),
  ...optionsOf(command).flatMap((option) => option.long ?? []),
  ...command.registeredArguments.flatMap((argument) => choicesOf(argument) ?? []),
];

const parentOf = (path: string): string => path.split(' ').slice(0, -1).join(' ');

const argumentKind = ({ path, command }: Leaf): Kind => {
  const [first] = command.registeredArguments;
  return first === undefined ? 'other' : kindOf(path, first.name());
};

/** Patterns with the same body share a line. */
function cases(entries: readonly (readonly [pattern: string, body: string])[], indent: string): string {
  const byBody = new Map<string, string[]>();
  for (const [pattern, body] of entries) byBody.set(body, [...(byBody.get(body) ?? []), pattern]);
  return [...byBody]
    .map(([body, patterns]) => `${indent}${patterns.map((one) => `'${one}'`).join('|')}) ${body} ;;\n`)
    .join('');
}

/** Where the cursor is in the tree: the same lines for both shells. */
function walk(all: readonly Leaf[], indent: string): string {
  const steps = all
    .filter(({ path }) => path !== '')
    .map(({ path, command }) => [`${parentOf(path)} ${command.name()}`, `at='${path}'`] as const);
  return cases(steps, indent);
}

function bashText(program: Command): string {
  const all = leaves(program);
  const body = (value: Value): string =>
    'words' in value
      ? `_bramble_pick < <(printf '%s\\n' ${value.words.join(' ')})`
      : value.kind === 'file'
        ? 'mapfile -t COMPREPLY < <(compgen -f -- "$cur")'
        : value.kind === 'other'
          ? 'COMPREPLY=()'
          : `_bramble_pick < <(${asked[value.kind]})`;
  const values = all.flatMap(valuesOf).map(([pattern, value]) => [pattern, `${body(value)}; return`] as const);
  const words = all.map((leaf) => {
    const kind = argumentKind(leaf);
    const list = wordsOf(leaf, all, leaf.path).join(' ');
    const more =
      kind === 'other' ? '' : `; [[ $cur == -* ]] || ${kind === 'file' ? 'compgen -f -- "$cur"' : asked[kind]}`;
    return [leaf.path, `_bramble_pick < <(printf '%s\\n' ${list}${more})`] as const;
  });
  return `# bash completion for bramble; made by "bramble completion bash".
# Those of the lines that begin with what is typed; never expanded, as compgen -W would.
_bramble_pick() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do [[ $word == "$cur"* ]] && COMPREPLY+=("$word"); done
}
_bramble() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} at='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
${walk(all, '      ')}    esac
  done
  case "$at $prev" in
${cases(values, '    ')}  esac
  case "$at" in
${cases(words, '    ')}  esac
}
complete -F _bramble bramble
`;
}

function zshText(program: Command): string {
  const all = leaves(program);
  const body = (value: Value): string =>
    'words' in value
      ? `compadd -- ${value.words.join(' ')}`
      : value.kind === 'file'
        ? '_files'
        : value.kind === 'other'
          ? ':'
          : `compadd -- \${(f)"$(${asked[value.kind]})"}`;
  const values = all.flatMap(valuesOf).map(([pattern, value]) => [pattern, `${body(value)}; return`] as const);
  const words = all.map((leaf) => {
    const kind = argumentKind(leaf);
    const children = all.filter(({ path }) => path !== leaf.path && parentOf(path) === leaf.path);
    const told = children.map(({ command }) => zshWord(command.name(), command.description()));
    const options = optionsOf(leaf.command).flatMap(({ long, description }) =>
      long === undefined ? [] : [zshWord(long, description)],
    );
    const choices = leaf.command.registeredArguments.flatMap((argument) => choicesOf(argument) ?? []);
    const lines = [
      ...(told.length === 0 ? [] : [`items=(${told.join(' ')}); _describe command items`]),
      ...(choices.length === 0 ? [] : [`compadd -- ${choices.join(' ')}`]),
      `items=(${options.join(' ')}); [[ $PREFIX == -* ]] && _describe option items`,
      ...(kind === 'other' ? [] : [`[[ $PREFIX == -* ]] || ${body({ kind })}`]),
    ];
    return [leaf.path, lines.join('; ')] as const;
  });
  return `#compdef bramble
# zsh completion for bramble; made by "bramble completion zsh".
_bramble() {
  local at='' prev=\${words[CURRENT-1]} word
  local -a items
  for word in \${words[2,CURRENT-1]}; do
    case "$at $word" in
${walk(all, '      ')}    esac
  done
  case "$at $prev" in
${cases(values, '    ')}  esac
  case "$at" in
${cases(words, '    ')}  esac
}
# Autoloaded as _bramble, it is the function itself; sourced, it is to be told of.
if [[ "$funcstack[1]" == _bramble ]]; then _bramble "$@"; else compdef _bramble bramble; fi
`;
}

/** `word:what it does`, quoted. */
const zshWord = (word: string, does: string): string => `'${`${word}:${does}`.replaceAll("'", "'\\''")}'`;
