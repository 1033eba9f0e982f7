/** `bramble doctor`: what keeps boards from being installed, and what each model needs once. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../../config/schema.ts';
import { models } from '../../config/values.ts';
import {
  type BaseRecord,
  type EepromChip,
  kitGaps,
  listBases,
  listBootFiles,
  openBase,
  readEeprom,
} from '../../image-builder/index.ts';
import type { Client } from '../client.ts';
import { configOption, readConfig } from '../config-file.ts';
import { CommandFailed, type ExitCode, exitCodes } from '../exit-codes.ts';
import { type DoctorFacts, type EepromFact, type Finding, factoryFresh, findings } from '../findings.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import { wrapped } from '../output/table.ts';
import { type Colour, harmless, painter, type Terminal } from '../output/terminal.ts';

export type DoctorDeps = {
  readonly client: () => Client;
  readonly terminal: Terminal;
  readonly done: (code: ExitCode) => void;
};

const help = `
Ends with 2 if something keeps boards from being installed. On the master, and
with sudo where its data are not for everybody to read.`;

export function addDoctor(parent: Command, { client, terminal, done }: DoctorDeps): void {
  parent
    .command('doctor')
    .description('what keeps boards from being installed, and what each model needs once')
    .addOption(configOption())
    .addOption(formatOption(['table', 'json', 'yaml']))
    .addHelpText('after', help)
    .action(async (flags: { readonly config?: string; readonly output: Format }) => {
      const config = await readConfig(flags.config, terminal.env);
      const found = findings(await lookAround(config, client()));
      const { output } = flags;
      const forPrograms = output === 'json' || output === 'yaml';
      terminal.out(
        forPrograms ? document({ findings: found, factoryFresh }, output, false) : doctorText(found, terminal),
      );
      done(found.some(({ level }) => level === 'wrong') ? exitCodes.degraded : exitCodes.well);
    });
}

async function lookAround(config: Config, client: Client): Promise<DoctorFacts> {
  const status = await client.status().catch((error: unknown) => {
    if (error instanceof CommandFailed) return error.message;
    throw error;
  });
  const eeproms = { '2711': await eepromFact(config, '2711'), '2712': await eepromFact(config, '2712') };
  const hidden = await access(config.data).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => (error.code === 'EACCES' ? config.data : undefined),
  );
  const folder = join(config.data, 'bases');
  if (hidden !== undefined) {
    return { config, status, bases: `no permission to look into ${hidden}: run it with sudo`, kit: undefined, eeproms };
  }
  const { bases } = await listBases(folder);
  const kit = await kitFact(folder, kitOf(config, bases));
  return { config, status, bases: bases.map(({ name }) => name), kit, eeproms };
}

/** As the daemon chooses it. */
function kitOf({ images }: Config, bases: readonly BaseRecord[]): BaseRecord | undefined {
  const wanted = images.kit ?? images.default;
  if (wanted === undefined) return bases.length === 1 ? bases[0] : undefined;
  return bases.find(({ name, id }) => name === wanted || id === wanted);
}

async function kitFact(folder: string, record: BaseRecord | undefined): Promise<DoctorFacts['kit']> {
  const base = record && (await openBase(join(folder, record.id)));
  if (base?.ok !== true) return undefined;
  const files = await listBootFiles(base.value);
  await base.value.close();
  return files.ok ? { name: base.value.name, missing: kitGaps(files.value.map(({ path }) => path)) } : undefined;
}

async function eepromFact({ data }: Config, chip: EepromChip): Promise<EepromFact> {
  const eeprom = await readEeprom(join(data, 'eeprom'), chip);
  if (!eeprom.ok) return { is: 'bad', detail: eeprom.error.detail };
  if (eeprom.value === undefined) return { is: 'none' };
  return { is: 'there', config: eeprom.value.config, hasRecovery: eeprom.value.recovery !== undefined };
}

const marks: Readonly<Record<Finding['level'], readonly [string, Colour | undefined]>> = {
  well: ['ok', 'green'],
  note: ['note', undefined],
  wrong: ['WRONG', 'red'],
};

function doctorText(found: readonly Finding[], terminal: Terminal): string {
  const paint = painter(terminal);
  const indented = (head: string, width: number, text: string): string => {
    const [first, ...more] = wrapped(harmless(text), terminal.columns - width);
    return [`${head}${first}`, ...more.map((line) => ' '.repeat(width) + line)].map((line) => `${line}\n`).join('');
  };
  const lines = found.map(({ level, about, text }) => {
    const [mark, colour] = marks[level];
    return indented(`${paint(mark.padEnd(7), colour)}${about.padEnd(10)}`, 17, text);
  });
  const needs = models.map((model) => indented(model.padEnd(7), 7, factoryFresh[model]));
  return `${lines.join('')}\nWhat a factory-fresh board needs once:\n${needs.join('')}`;
}
