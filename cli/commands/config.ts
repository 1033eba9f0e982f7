/** `bramble config`: what the daemon makes of `bramble.yaml`. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { configFile, configOption, readConfig, shownConfig } from '../config-file.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import { harmless, type Terminal } from '../output/terminal.ts';

type ConfigDeps = { readonly terminal: Terminal; readonly done: (end: ExitCode) => void };
type ConfigFlags = { readonly config?: string };

export function addConfig(parent: Command, { terminal, done }: ConfigDeps): void {
  const config = parent
    .command('config')
    .description('the configuration: what is in force, whether it is right, where it is');
  config
    .command('show')
    .description('every key with what it is set to, without secrets')
    .addOption(configOption())
    .addOption(formatOption(['table', 'json', 'yaml']))
    .action(async ({ config: named, output }: ConfigFlags & { readonly output: Format }) => {
      const shown = shownConfig(await readConfig(named, terminal.env));
      terminal.out(document(shown, output === 'json' ? 'json' : 'yaml', false));
    });
  config
    .command('check')
    .description("what is wrong with it, in the daemon's own words; 1 if anything is")
    .addOption(configOption())
    .action(async ({ config: named }: ConfigFlags) => {
      const file = named ?? terminal.env['BRAMBLE_CONFIG'];
      const { code, out, err } = await askDaemonProgram(file === undefined ? [] : ['--config', file]);
      terminal.out(harmlessLines(out));
      terminal.err(harmlessLines(err));
      done(code === 0 ? exitCodes.well : exitCodes.failure);
    });
  config
    .command('path')
    .description('the file that is read; without one the defaults are in force')
    .addOption(configOption())
    .action(({ config: named }: ConfigFlags) => {
      const file = configFile(named, terminal.env);
      terminal.out(`${file}\n`);
      if (!existsSync(file)) terminal.err(`bramble: there is no ${harmless(file)}: the defaults are in force\n`);
    });
}

const harmlessLines = (text: string): string => text.replaceAll(/[^\n]+/g, harmless);

/** The daemon itself is asked, which starts nothing then: beside this program in the package, in its folder in a checkout. */
function askDaemonProgram(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const packaged = join(import.meta.dirname, 'brambled.js');
  const program = existsSync(packaged) ? packaged : join(import.meta.dirname, '../../daemon/main.ts');
  return new Promise((resolve) => {
    execFile(process.execPath, [program, '--check', ...args], (error, out, err) =>
      resolve({ code: error === null ? 0 : 1, out, err }),
    );
  });
}
