/** The command line as a function: `main.ts` runs it in a process, tests run it in theirs. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { type Client, defaultSocket, openClient } from './client.ts';
import { addBackup } from './commands/backup.ts';
import { addBalance } from './commands/balance.ts';
import { addCluster } from './commands/cluster.ts';
import { addCompletion } from './commands/completion.ts';
import { addConfig } from './commands/config.ts';
import { addConfirmOff } from './commands/confirm-off.ts';
import { addDecisions, addLosses } from './commands/decide.ts';
import { addDescribe } from './commands/describe.ts';
import { addDoctor } from './commands/doctor.ts';
import { addDrain, addUncordon } from './commands/drain.ts';
import { addEvents } from './commands/events.ts';
import { addFailover } from './commands/failover.ts';
import { addImage } from './commands/image.ts';
import { addKubeconfig } from './commands/kubeconfig.ts';
import { addLogin } from './commands/login.ts';
import { addLogs } from './commands/logs.ts';
import { addOpen } from './commands/open.ts';
import { addReplace } from './commands/replace.ts';
import { addRestore } from './commands/restore.ts';
import { addSetup } from './commands/setup.ts';
import { addShutdown } from './commands/shutdown.ts';
import { addStartup } from './commands/startup.ts';
import { addStatus } from './commands/status.ts';
import { addSupport } from './commands/support.ts';
import { addVersion } from './commands/version.ts';
import { CommandFailed, type ExitCode, exitCodes } from './exit-codes.ts';
import { harmless, type Terminal } from './output/terminal.ts';
import { examples } from './reference/examples.ts';
import { leaves } from './reference/tree.ts';

/** What help shows first. */
const daily: readonly string[] = [
  'setup',
  'status',
  'describe',
  'accept',
  'reinstall',
  'replace',
  'shutdown',
  'doctor',
];

export type ProgramDeps = { readonly terminal: Terminal; readonly version: string };

/** Runs `args` (without node and script); settles with the exit code, rejects only for our own mistakes. */
export async function run(args: readonly string[], deps: ProgramDeps): Promise<ExitCode> {
  let code: ExitCode = exitCodes.well;
  const program = commandTree(deps, (end) => {
    code = end;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    return failed(error, deps.terminal);
  }
}

/** Every command, with its help and examples. */
export function commandTree({ terminal, version }: ProgramDeps, done: (end: ExitCode) => void): Command {
  const program = new Command('bramble')
    .description('Raspberry Pis that become Kubernetes nodes by being plugged in')
    .option('--socket <path>', `the daemon's socket (or BRAMBLE_SOCKET; ${defaultSocket})`)
    .option('--timeout <seconds>', 'how long to wait for an answer', wholeSeconds, 30)
    .exitOverride()
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.err,
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText(
      'after',
      '\nExit codes: 0 well, 1 failure, 2 degraded, 3 daemon not reachable, 4 not found, 5 timed out, 64 usage',
    );
  const client = (): Client => {
    const flags = program.opts<{ readonly socket?: string; readonly timeout: number }>();
    const socket = flags.socket ?? terminal.env['BRAMBLE_SOCKET'] ?? defaultSocket;
    return openClient({ socket, timeoutMs: flags.timeout * 1000, signal: terminal.signal });
  };
  addSetup(program, { client, terminal });
  addStatus(program, { client, terminal, done });
  addDescribe(program, { client, terminal });
  addEvents(program, { client, terminal });
  addDecisions(program, { client, terminal });
  addLosses(program, { client, terminal });
  addLogin(program, { client, terminal });
  addOpen(program, { client, terminal });
  addBalance(program, { client, terminal, done });
  addFailover(program, { client, terminal });
  addConfirmOff(program, { client, terminal });
  addReplace(program, { client, terminal });
  addDrain(program, { client, terminal });
  addUncordon(program, { client, terminal });
  addShutdown(program, { client, terminal });
  addStartup(program, { client, terminal });
  addImage(program, { client, terminal });
  addCluster(program, { client, terminal, done });
  addKubeconfig(program, { client, terminal });
  addBackup(program, { terminal, version });
  addRestore(program, { terminal });
  addDoctor(program, { client, terminal, done });
  addVersion(program, { client, terminal, version });
  addConfig(program, { terminal, done });
  addLogs(program, { client, terminal });
  addSupport(program, { client, terminal, version });
  addCompletion(program, { terminal });
  // Sub-commands made by `command()` inherit exitOverride and configureOutput.
  addExamples(program);
  for (const command of program.commands) if (!daily.includes(command.name())) command.helpGroup('More:');
  return program;
}

/** Behind all other help. */
function addExamples(program: Command): void {
  for (const { path, command } of leaves(program)) {
    const lines = (examples[path] ?? []).map(([line, does]) => `  ${line}\n      ${does}\n`);
    if (lines.length > 0) command.addHelpText('after', `\nExamples:\n${lines.join('')}`);
  }
}

function failed(error: unknown, terminal: Terminal): ExitCode {
  if (error instanceof CommandFailed) {
    for (const line of error.message.split('\n')) terminal.err(`bramble: ${harmless(inPlainWords(line))}\n`);
    return error.exitCode;
  }
  // Commander has said what is wrong; help and version that were asked for end with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.well : exitCodes.usage;
  throw error;
}

/** What Node says of a file that is not there. */
const inPlainWords = (line: string): string =>
  line.replace(/ENOENT: no such file or directory, \w+ '([^']+)'/, 'there is no such file or folder: $1');

function wholeSeconds(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('a number of seconds, 1 or more');
  return Number(text);
}
