/** `bramble doctor`: what keeps boards from being installed, and what each model needs once. */
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { additionFileMax } from '../../config/additions.ts';
import type { Config } from '../../config/schema.ts';
import { type Ipv4, models, parseIpv4 } from '../../config/values.ts';
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
import { configFile, configOption, readConfig } from '../config-file.ts';
import { lookAtMaster, probeFile } from '../doctor/look.ts';
import { masterFindings, probeFindings } from '../doctor/master-findings.ts';
import { probeDaemon } from '../doctor/probe.ts';
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
with sudo: else it cannot see whose ports are taken, nor data that are not for
everybody to read. --at asks the master from another machine on its network.`;

export function addDoctor(parent: Command, { client, terminal, done }: DoctorDeps): void {
  parent
    .command('doctor')
    .description('what keeps boards from being installed, and what each model needs once')
    .addOption(configOption())
    .addOption(formatOption(['table', 'json', 'yaml']))
    .addOption(
      new Option('--at <address>', 'only fetch from the master there, and look for its name').argParser(address),
    )
    .addHelpText('after', help)
    .action(async (flags: DoctorFlags) => {
      const found =
        flags.at === undefined ? await masterSeen(flags, client(), terminal) : await seenFromAfar(flags.at, terminal);
      const { output } = flags;
      const forPrograms = output === 'json' || output === 'yaml';
      terminal.out(
        forPrograms ? document({ findings: found, factoryFresh }, output, false) : doctorText(found, terminal),
      );
      // On a machine of one's own nothing is plugged in.
      if (!forPrograms && flags.at === undefined) terminal.out(needsText(terminal));
      done(found.some(({ level }) => level === 'wrong') ? exitCodes.degraded : exitCodes.well);
    });
}

type DoctorFlags = { readonly config?: string; readonly output: Format; readonly at?: Ipv4 };

function address(text: string): Ipv4 {
  const parsed = parseIpv4(text);
  if (!parsed.ok) throw new InvalidArgumentError('such as 10.55.0.1');
  return parsed.value;
}

const seenFromAfar = async (at: Ipv4, { signal }: Terminal): Promise<readonly Finding[]> =>
  probeFindings(await probeDaemon(at, { port: 69, file: probeFile }, signal), true);

async function masterSeen(flags: DoctorFlags, client: Client, { env, signal }: Terminal): Promise<readonly Finding[]> {
  const config = await readConfig(flags.config, env);
  const facts = await lookAround(config, client);
  const master = typeof facts.status === 'string' ? undefined : facts.status.master;
  const ofMaster = masterFindings(await lookAtMaster(config, configFile(flags.config, env), master, signal));
  const [daemon, ...others] = findings(facts);
  return [...(daemon === undefined ? [] : [daemon]), ...ofMaster, ...others];
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
  well: ['✔', 'green'],
  note: ['!', 'yellow'],
  wrong: ['✘', 'red'],
};

function doctorText(found: readonly Finding[], terminal: Terminal): string {
  const paint = painter(terminal);
  const lines = found.map(({ level, about, text }) => {
    const [mark, colour] = marks[level];
    return indented(`${paint(mark, colour)} ${about.padEnd(10)}`, 12, text, terminal);
  });
  return lines.join('');
}

function needsText(terminal: Terminal): string {
  const needs = models.map((model) => indented(model.padEnd(7), 7, factoryFresh[model], terminal));
  return `\nWhat a factory-fresh board needs once:\n${needs.join('')}`;
}

function indented(head: string, width: number, text: string, { columns }: Terminal): string {
  const [first, ...more] = wrapped(harmless(text), columns - width);
  return [`${head}${first}`, ...more.map((line) => ' '.repeat(width) + line)].map((line) => `${line}\n`).join('');
}
