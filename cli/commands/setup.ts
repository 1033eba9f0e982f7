/** `bramble setup`: a machine becomes a master. */
import { homedir } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { formatProblem, parseConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { type AddressRange, parseAddressRange, parseIpv4 } from '../../config/values.ts';
import type { InterfaceAddress } from '../../daemon/system/interface-choice.ts';
import { readSurroundings } from '../../daemon/system/surroundings.ts';
import type { Client } from '../client.ts';
import { openChanges } from '../cluster/changes.ts';
import { defaultReleaseUrl } from '../cluster/release.ts';
import { configFile, configOption } from '../config-file.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { harmless, painter, type Terminal } from '../output/terminal.ts';
import { choose, type Topology } from '../setup/choice.ts';
import { imageSource } from '../setup/image-source.ts';
import { lentAddresses, managerOf, plannedFile, textOf } from '../setup/machine.ts';
import { says, settingsOf, withSettings } from '../setup/settings.ts';
import { failure, setupSteps, value } from '../setup/setup-steps.ts';
import { planSteps, runSteps, type Step } from '../setup/steps.ts';

export type SetupDeps = { readonly client: () => Client; readonly terminal: Terminal };

type SetupFlags = {
  readonly yes?: true;
  readonly dryRun?: true;
  readonly interface?: string;
  readonly topology?: Topology;
  readonly uplink?: string;
  readonly address?: InterfaceAddress;
  readonly addresses?: AddressRange;
  readonly image?: string;
  readonly sha256?: string;
  readonly releases: string;
  readonly config?: string;
};

const help = `
As root, on the master. What is done already is seen and passed over: the same
command goes on where it was. If a step fails, what this run changed
(bramble.yaml, the address, the server) is as before; what was downloaded stays
for the next run. Of files of yours that it changes a copy stays beside them
(.bramble-backup).`;

export function addSetup(parent: Command, deps: SetupDeps): void {
  parent
    .command('setup')
    .description('make this machine the master: network, image, cluster, daemon')
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'only say what would be done')
    .option('--interface <name>', 'where the boards are; default: the wired one that is not the way out')
    .addOption(
      new Option('--topology <kind>', 'default: as the network is').choices(['beside-router', 'behind-master']),
    )
    .option('--uplink <name>', 'behind the master: towards the internet; default: the one with the default route')
    .addOption(
      new Option('--address <cidr>', "the master's own on the boards' interface: 10.55.0.1/24").argParser(cidr),
    )
    .addOption(new Option('--addresses <range>', 'of the boards, such as 192.168.1.200-239').argParser(range))
    .option('--image <file>', 'base image, a file or an address; default: found here, or the current Raspberry Pi OS')
    .option('--sha256 <hex>', 'its sum')
    .addOption(new Option('--releases <base>', 'where releases of k3s are').default(defaultReleaseUrl))
    .addOption(configOption())
    .addHelpText('after', help)
    .action((flags: SetupFlags) => setup(flags, deps));
}

async function setup(flags: SetupFlags, { client, terminal }: SetupDeps): Promise<void> {
  if (flags.dryRun !== true && process.getuid?.() !== 0)
    throw failure('it changes this machine: run it with sudo (--dry-run only says what it would do)');
  const changes = openChanges();
  const path = configFile(flags.config, terminal.env);
  const before = await textOf(path);
  const surroundings = await readSurroundings();
  const facts = {
    ...surroundings,
    config: parsed(path, before),
    saysTopology: says(before, 'topology'),
    lent: await lentAddresses(),
  };
  const choice = value(choose(facts, flags));
  const after = value(withSettings(before, settingsOf(choice)));
  const index = surroundings.interfaces.find(({ name }) => name === choice.interface)?.index;
  const manager = choice.isFixed ? undefined : await managerOf(choice.interface, index);
  const config = parsed(path, after);
  const steps = setupSteps({
    ...{ choice, config, client, terminal, changes, sha256: flags.sha256, releases: flags.releases },
    settings: { path, before, after },
    network: manager === undefined ? undefined : await plannedFile(manager, choice),
    image: await imageSource(flags.image, [process.cwd(), homedir()]),
  });
  if (flags.dryRun === true || flags.yes !== true) {
    await showPlan(steps, terminal);
    if (flags.dryRun === true) return;
    await confirmed(terminal);
  }
  await carriedOut(steps, terminal, changes.undo);
  await changes.keep();
  terminal.out(`\nAdmission: ${admissionText(config)}\nReady. Plug in a Pi.\n`);
}

function parsed(path: string, text: string): Config {
  const config = parseConfig(text);
  if (config.ok) return config.value;
  throw failure(config.error.map((problem) => formatProblem(path, problem)).join('\n'));
}

async function showPlan(steps: readonly Step[], terminal: Terminal): Promise<void> {
  for (const { step, there } of await planSteps(steps))
    tick(terminal, there === undefined ? '-' : '✔', step, there ?? step.todo);
}

async function confirmed({ ask }: Terminal): Promise<void> {
  if (ask === undefined)
    throw new CommandFailed(exitCodes.usage, 'nobody is there to be asked: --yes takes these without asking');
  const answer = await ask('Type yes to go on: ');
  if (answer.trim().toLowerCase() !== 'yes') throw failure('nothing was changed');
}

async function carriedOut(steps: readonly Step[], terminal: Terminal, undo: () => Promise<void>): Promise<void> {
  const ticks = {
    done: (step: Step, text: string) => tick(terminal, '✔', step, text),
    failed: (step: Step) => tick(terminal, '✘', step, 'failed; what this run changed is taken back'),
  };
  try {
    await runSteps(steps, ticks, undo);
  } catch (error) {
    if (!terminal.signal.aborted || error instanceof CommandFailed) throw error;
    throw failure('interrupted: what was changed is as before, what was fetched stays');
  }
}

function tick(terminal: Terminal, mark: '✔' | '✘' | '-', { name }: Step, text: string): void {
  const colour = mark === '-' ? undefined : mark === '✔' ? 'green' : 'red';
  terminal.out(`${painter(terminal)(mark, colour)} ${name.padEnd(9)} ${harmless(text)}\n`);
}

function admissionText({ admission: { mode }, topology }: Config): string {
  switch (mode) {
    case 'auto':
      return topology === 'behind-master'
        ? 'auto. A board with nothing to lose on its disk is accepted by itself.'
        : 'auto. A board that was started from your join card is accepted by itself; any other waits for bramble accept.';
    case 'approve':
      return 'approve. Every board waits for bramble accept.';
    case 'allow-list':
      return 'allow-list. Only the boards of admission.allow are accepted.';
  }
}

function cidr(text: string): InterfaceAddress {
  const [first = '', bits = ''] = text.split('/');
  const address = parseIpv4(first);
  const prefix = Number(bits);
  if (!address.ok || !/^\d+$/.test(bits) || prefix < 8 || prefix > 30)
    throw new InvalidArgumentError('such as 10.55.0.1/24');
  return { address: address.value, prefix };
}

function range(text: string): AddressRange {
  const parsedRange = parseAddressRange(text);
  if (!parsedRange.ok) throw new InvalidArgumentError(parsedRange.error.detail);
  return parsedRange.value;
}
