/** The daemon's log, from where systemd keeps it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { CommandFailed, exitCodes } from './exit-codes.ts';
import type { Terminal } from './output/terminal.ts';

export type JournalQuery = { readonly lines: number; readonly follow: boolean };

/** Lines as the daemon wrote them, oldest first. Rejects with `CommandFailed` where there is no journal to ask. */
export async function* journalLines(
  { lines, follow }: JournalQuery,
  { env, signal }: Pick<Terminal, 'env' | 'signal'>,
): AsyncGenerator<string> {
  const args = ['--no-pager', '-o', 'cat', '-u', 'bramble*', '-n', String(lines), ...(follow ? ['-f'] : [])];
  const journalctl = spawn('journalctl', args, { env, signal, stdio: ['ignore', 'pipe', 'pipe'] });
  const failed = new Promise<Error | undefined>((resolve) => {
    journalctl.once('error', resolve);
    journalctl.once('close', () => resolve(undefined));
  });
  let said = '';
  journalctl.stderr.on('data', (part: Buffer) => {
    said = `${said}${part}`.slice(-2000);
  });
  for await (const line of createInterface({ input: journalctl.stdout })) {
    // What journalctl itself remarks: no entries, another boot.
    if (!/^-- .* --$/.test(line)) yield line;
  }
  const error = await failed;
  if (signal.aborted) return;
  if (error !== undefined || (journalctl.exitCode ?? 0) !== 0) {
    const why = error === undefined ? said.trim() : 'there is no journalctl on this machine';
    throw new CommandFailed(exitCodes.failure, `${why}\n${elsewhere}`);
  }
}

export const elsewhere =
  'a daemon that systemd did not start writes its log to its own standard error; with systemd: systemctl status bramble';
