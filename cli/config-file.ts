/** `bramble.yaml`, for the commands that work on this machine without the daemon. */
import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import { formatProblem, parseConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { CommandFailed, exitCodes } from './exit-codes.ts';

const defaultFile = '/etc/bramble/bramble.yaml';

export const configOption = (): Option =>
  new Option('--config <file>', `bramble.yaml (or BRAMBLE_CONFIG; ${defaultFile})`);

/** Which file is read. */
export const configFile = (named: string | undefined, env: Readonly<Record<string, string | undefined>>): string =>
  named ?? env['BRAMBLE_CONFIG'] ?? defaultFile;

/** All of it as plain data; each secret is `…` there, as it was marked in the schema. */
export const shownConfig = (config: Config): unknown => JSON.parse(JSON.stringify(config));

/** As the daemon finds it: a file that was named has to be there, without the usual one the defaults count. */
export async function readConfig(
  named: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Config> {
  const file = configFile(named, env);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (named === undefined && error.code === 'ENOENT') return '';
    const advice = error.code === 'EACCES' ? ': run it with sudo' : '';
    throw new CommandFailed(exitCodes.failure, `${error.message}${advice}`);
  });
  const config = parseConfig(text);
  if (config.ok) return config.value;
  const problems = config.error.map((problem) => formatProblem(file, problem));
  throw new CommandFailed(exitCodes.failure, problems.join('\n'));
}
