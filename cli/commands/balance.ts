import { setTimeout as pause } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { BalanceRunView, BalanceView } from '../../daemon/http/wire.ts';
import type { Client } from '../client.ts';
import { CommandFailed, type ExitCode, exitCodes } from '../exit-codes.ts';
import { moveText, planText, stateText } from '../output/balance.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import { harmless, painter, type Terminal } from '../output/terminal.ts';
import { spanUpTo } from '../span.ts';

type BalanceCommandDeps = {
  readonly client: () => Client;
  readonly terminal: Terminal;
  readonly done: (end: ExitCode) => void;
};
type Flags = { readonly dryRun?: true; readonly output: Format };

/** `balance` makes replicas even now; `--dry-run` says what that would be; `pause` and `resume` are for the daemon's own runs. */
export function addBalance(parent: Command, deps: BalanceCommandDeps): void {
  const balance = parent
    .command('balance')
    .description('make replicas even over the boards, now; the daemon does it when a board joins or returns')
    .option('--dry-run', 'only say what would be moved and what would not, each with its reason')
    .addOption(formatOption(['table', 'json', 'yaml']))
    .addHelpText('after', help)
    .action(async (flags: Flags) => (flags.dryRun === true ? await show(flags, deps) : await runNow(flags, deps)));
  const { client, terminal } = deps;
  const say = (view: BalanceView): void => terminal.out(`${stateText(view)}\n`);
  balance
    .command('pause')
    .description('move nothing until `balance resume`, or for a while')
    .addOption(new Option('--for <time>', 'how long: 90s, 10m, 2h').argParser(spanUpTo(30 * 24)))
    .action(async (given: { readonly for?: number }) => {
      const span = given.for === undefined ? {} : { seconds: given.for };
      say(await client().askBalance({ action: 'pause', by: terminal.user, ...span }));
    });
  balance
    .command('resume')
    .description('end a pause')
    .action(async () => say(await client().askBalance({ action: 'resume', by: terminal.user })));
}

const help = `
Pods go through the Eviction API, so PodDisruptionBudgets hold. A Deployment
of one replica gets its second before the first goes. A pod or Deployment with
the annotation bramble.dev/balance: "false" stays where it is.`;

async function show({ output }: Flags, { client, terminal }: BalanceCommandDeps): Promise<void> {
  const plan = await client().balancePlan();
  if (output === 'json' || output === 'yaml') return terminal.out(document(plan, output, false));
  const width = terminal.isTerminal ? terminal.columns : 0;
  terminal.out(planText(plan, { width, paint: painter(terminal) }));
}

const POLL_MS = 500;
/** For which nobody sits and waits: a cool-down may take hours. */
const WAITING_MOST_MS = 60_000;

/** Says each move as it begins and as it ends, until the run is over; ctrl-C leaves it to the daemon. */
async function runNow({ output }: Flags, { client, terminal, done }: BalanceCommandDeps): Promise<void> {
  const api = client();
  const isForPeople = output === 'table';
  const before = (await api.balance()).run?.number ?? 0;
  await api.askBalance({ action: 'run', by: terminal.user });
  const told = new Map<number, string>();
  let waited = 0;
  for (let last = ''; ; ) {
    const view = await api.balance();
    const run = view.run !== null && view.run.number > before ? view.run : undefined;
    if (isForPeople && run !== undefined) for (const line of news(run, told)) terminal.out(`${line}\n`);
    if (run?.end != null) {
      if (output === 'json' || output === 'yaml') terminal.out(document(run, output, false));
      else terminal.out(`${harmless(run.end === 'even' ? run.detail : `balance stopped: ${run.detail}`)}\n`);
      if (run.end === 'stopped') done(exitCodes.failure);
      return;
    }
    if (view.state === 'paused') throw new CommandFailed(exitCodes.failure, stateText(view));
    const state = stateText(view);
    waited = view.state === 'waiting' ? waited + POLL_MS : 0;
    if (waited >= WAITING_MOST_MS)
      throw new CommandFailed(exitCodes.timedOut, `${state}; the daemon goes on by itself`);
    if (isForPeople && view.state !== 'running' && state !== last) terminal.err(`${state}\n`);
    last = state;
    await pause(POLL_MS, undefined, { signal: terminal.signal }).catch(() => {
      throw new CommandFailed(exitCodes.failure, 'interrupted; the daemon goes on: bramble balance pause stops it');
    });
  }
}

function news({ moves }: BalanceRunView, told: Map<number, string>): readonly string[] {
  const fresh = moves.filter(({ number, outcome }) => told.get(number) !== outcome);
  for (const { number, outcome } of fresh) told.set(number, outcome);
  return fresh.map(moveText);
}
