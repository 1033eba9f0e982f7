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

/** `--watch` repeats this: JSON one document a line, YAML one document after `---`. */
export function document(value: unknown, format: 'json' | 'yaml', repeated: boolean): string {
  if (format === 'yaml') return (repeated ? '---\n' : '') + stringify(value);
  return `${JSON.stringify(value, null, repeated ? 0 : 2)}\n`;
}
