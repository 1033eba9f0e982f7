/** `bramble.yaml` as the daemon reads it, for commands that work without a daemon. */
import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { formatProblem, parseConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { CommandFailed, exitCodes } from './exit-codes.ts';

const DEFAULT_FILE = '/etc/bramble/bramble.yaml';

export const configOption = (): Option =>
  new Option('--config <file>', `bramble.yaml (or BRAMBLE_CONFIG; ${DEFAULT_FILE})`);

/** A file that was named has to be there; without the default one the defaults count. */
export function readConfig(
  named: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): { readonly config: Config; readonly file: string } {
  const file = named ?? env['BRAMBLE_CONFIG'] ?? DEFAULT_FILE;
  const parsed = parseConfig(textOf(file, file !== DEFAULT_FILE));
  if (parsed.ok) return { config: parsed.value, file };
  throw new CommandFailed(exitCodes.failure, parsed.error.map((problem) => formatProblem(file, problem)).join('\n'));
}

function textOf(file: string, needed: boolean): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' && !needed) return '';
    const advice = code === 'EACCES' ? ': run it with sudo' : '';
    throw new CommandFailed(
      exitCodes.failure,
      `${file} cannot be read${advice} (${error instanceof Error ? error.message : error})`,
    );
  }
}
