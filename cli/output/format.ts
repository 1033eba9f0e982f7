import { InvalidArgumentError, Option } from 'commander';
import { stringify } from 'yaml';

export const formats = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type Format = (typeof formats)[number];

/** `-o`, with those formats that the command has. */
export function formatOption(known: readonly Format[]): Option {
  return new Option('-o, --output <format>', known.filter((format) => format !== 'table').join('|'))
    .default('table')
    .argParser((text: string): Format => {
      const format = known.find((candidate) => candidate === text);
      if (format === undefined) throw new InvalidArgumentError(`one of ${known.join(', ')}`);
      return format;
    });
}

/**
 * `--watch` repeats this: JSON one document a line, YAML one document after `---`. What could steer a terminal is escaped, so
 * that a program reads it as it was, and a person who looks on is safe.
 */
export function document(value: unknown, format: 'json' | 'yaml', repeated: boolean): string {
  if (format === 'yaml') return (repeated ? '---\n' : '') + yamlText(value);
  return `${escaped(JSON.stringify(value, null, repeated ? 0 : 2), inJson)}\n`;
}

/** Only quoted texts know escapes: there is one kind of text in such a document then. */
function yamlText(value: unknown): string {
  const text = stringify(value);
  if (escaped(text, inYaml) === text) return text;
  const quoted = stringify(value, { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'QUOTE_DOUBLE', lineWidth: 0 });
  return escaped(quoted, inYaml);
}

/** Ends of lines are the document's own: `JSON.stringify` and quoted YAML leave none in a text that would matter. */
const escaped = (text: string, written: (character: string) => string): string =>
  text.replace(/(?!\n)[\p{Cc}\p{Cf}]/gu, written);

/** A line of JSON that somebody else wrote. */
export const escapedLine = (line: string): string => escaped(line, inJson);

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');
const inJson = (character: string): string =>
  Array.from({ length: character.length }, (_, index) => `\\u${hex(character.charCodeAt(index), 4)}`).join('');
const inYaml = (character: string): string => `\\U${hex(character.codePointAt(0) ?? 0, 8)}`;
