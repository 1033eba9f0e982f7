/** `bramble doctor`: what keeps boards from being installed, and what each model needs once. */
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { additionFileMax } from '../../config/additions.ts';
import type { Config } from '../../config/schema.ts';
import { models } from '../../config/values.ts';
import {
  type BaseRecord,
  chooseBase,
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
    const bases = `no permission to look into ${hidden}: run it with sudo`;
    return { config, status, bases, unread: [], kit: undefined, eeproms };
  }
  const { bases } = await listBases(folder);
  const kit = await kitFact(folder, config, bases);
  return { config, status, bases, unread: await unreadAdditions(config), kit, eeproms };
}

async function kitFact(folder: string, { images }: Config, bases: readonly BaseRecord[]): Promise<DoctorFacts['kit']> {
  const record = chooseBase(bases, images.kit ?? images.default);
  const base = record.ok && (await openBase(join(folder, record.value.id)));
  if (base === false || !base.ok) return undefined;
  const files = await listBootFiles(base.value);
  await base.value.close();
  return files.ok ? { name: base.value.name, missing: kitGaps(files.value.map(({ path }) => path)) } : undefined;
}

/** Files of `images.additions` that would keep boards from an image, with the reason. */
async function unreadAdditions({ images }: Config): Promise<DoctorFacts['unread']> {
  const unread: string[] = [];
  for (const { from } of images.additions.flatMap(({ files }) => files)) {
    const why = await stat(from).then(
      (about) =>
        about.isFile()
          ? about.size > additionFileMax && `has more than ${additionFileMax} bytes: let the board fetch it (runcmd)`
          : 'is no file',
      (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? 'is not there' : `cannot be read: ${error.message}`),
    );
    if (why !== false) unread.push(`${from} ${why}`);
  }
  return unread;
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
