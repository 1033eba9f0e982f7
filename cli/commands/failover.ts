import { type Command, Option } from 'commander';
import type { FailoverView } from '../../daemon/http/wire.ts';
import type { Client } from '../client.ts';
import { failoverText } from '../output/failover.ts';
import { document, type Format, formatOption } from '../output/format.ts';
import { painter, type Terminal } from '../output/terminal.ts';
import { spanUpTo } from '../span.ts';

type Deps = { readonly client: () => Client; readonly terminal: Terminal };
type Flags = { readonly output: Format };
type PauseFlags = Flags & { readonly for?: number };

/** `failover` shows what is seen of each board; `failover pause [--for 1h]`, `failover resume`. */
export function addFailover(parent: Command, deps: Deps): void {
  const { terminal } = deps;
  const show = (view: FailoverView, { output }: Flags): void => {
    const forPrograms = output === 'json' || output === 'yaml';
    const look = { width: terminal.isTerminal ? terminal.columns : 0, paint: painter(terminal) };
    terminal.out(forPrograms ? document(view, output, false) : failoverText(view, look));
  };
  const format = () => formatOption(['table', 'json', 'yaml']);
  const failover = parent
    .command('failover')
    .description('what is seen of boards, and which of them are held gone')
    .addOption(format())
    .addHelpText('after', help)
    .action(async (flags: Flags) => show(await deps.client().failover(), flags));
  failover
    .command('pause')
    .description('fence no board for a while; boards that are back are let in all the same')
    .addOption(
      new Option('--for <time>', 'how long: 90s, 10m, 2h (default: until resume)').argParser(spanUpTo(30 * 24)),
    )
    .addOption(format())
    .action(async ({ for: seconds, ...flags }: PauseFlags) => {
      const asked = { action: 'pause', by: terminal.user, ...(seconds !== undefined && { seconds }) } as const;
      show(await deps.client().askFailover(asked), flags);
    });
  failover
    .command('resume')
    .description('end the pause')
    .addOption(format())
    .action(async (flags: Flags) =>
      show(await deps.client().askFailover({ action: 'resume', by: terminal.user }), flags),
    );
}

const help = `
A board is held gone on two signs that last: the master hears nothing of it, no
other board reaches it, its kubelet renews no Lease, its power is off. Then its
Node is fenced, and its pods run on other boards.`;
