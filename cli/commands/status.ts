import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { type Model, models } from '../../config/values.ts';
import type { DeviceView, StatusView } from '../../daemon/http/wire.ts';
import type { Client } from '../client.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import { inOrder, isDegraded, statusText } from '../output/status.ts';
import { harmless, painter, type Terminal } from '../output/terminal.ts';

type StatusFlags = {
  readonly output: Format;
  readonly watch?: true;
  readonly state?: readonly string[];
  readonly model?: Model;
};

/** `status [-w] [-o FORMAT]`: 0 well, 2 degraded; with `-w` until ctrl-C, then by what was last seen. */
export function addStatus(parent: Command, deps: StatusDeps): void {
  parent
    .command('status', { isDefault: true })
    .description('boards and master: what they are doing, why, and what to do next')
    .option('-w, --watch', 'show it again every two seconds')
    .addOption(formatOption(['table', 'wide', 'json', 'yaml', 'name']))
    .option('--state <state...>', 'only boards in these states: pending, ready …')
    .addOption(new Option('--model <model>', 'only boards of this model').choices(models))
    .addHelpText('after', help)
    .allowExcessArguments()
    .action(async (flags: StatusFlags, command: Command) => {
      // It is what runs without a command's name, so a word that is left over was meant as one.
      const [word] = command.args;
      if (word !== undefined) command.error(`error: unknown command '${harmless(word)}'; "bramble --help" lists them`);
      deps.done(await showStatus(deps, flags));
    });
}

const help = `
Ends with 2 when a board waits for you (it is failed, local-boot-failed,
unreachable, held or pending, needs its card or a join card, or runs a system
that accept takes in), when the cluster is away, or when boards are not served:
no usable network, a service that cannot run, another DHCP server where bramble
is to be the only one, none that could be looked for, a master that was moved
to another network.

-o wide cuts nothing, and adds hardware addresses (of guests, too), serials,
ids, and what was dropped of the network's packets. It ends with 2 likewise.`;

export type StatusDeps = {
  readonly client: () => Client;
  readonly terminal: Terminal;
  readonly done: (code: ExitCode) => void;
};

async function showStatus({ client, terminal }: StatusDeps, flags: StatusFlags): Promise<ExitCode> {
  const watch = flags.watch === true;
  const { status } = client();
  for (;;) {
    const seen = await status();
    const clear = watch && terminal.isTerminal && (flags.output === 'table' || flags.output === 'wide');
    terminal.out((clear ? '\x1b[H\x1b[2J\x1b[3J' : '') + render(seen, flags, terminal));
    const code = isDegraded(seen) ? exitCodes.degraded : exitCodes.well;
    if (!watch) return code;
    try {
      await delay(2000, undefined, { signal: terminal.signal });
    } catch {
      return code;
    }
  }
}

/** What is shown; the exit code and the next step are about all boards. */
const chosen = ({ devices }: StatusView, { state, model }: StatusFlags): readonly DeviceView[] =>
  devices.filter(
    (device) =>
      (state === undefined || state.includes(device.state)) && (model === undefined || device.model === model),
  );

function render(status: StatusView, flags: StatusFlags, terminal: Terminal): string {
  const devices = chosen(status, flags);
  switch (flags.output) {
    case 'json':
    case 'yaml':
      return document({ ...status, devices }, flags.output, flags.watch === true);
    case 'name':
      return inOrder(devices)
        .map(({ name }) => `${harmless(name)}\n`)
        .join('');
    case 'table':
    case 'wide':
      return statusText(
        status,
        { width: terminal.columns, paint: painter(terminal), wide: flags.output === 'wide' },
        devices,
      );
  }
}
