/** Programs and files over one connection. */
import { Readable } from 'node:stream';
import type { NodeSSH } from 'node-ssh';
import type { ClientChannel } from 'ssh2';
import { ok, problem, type Result } from '../../config/result.ts';
import { seconds } from '../../config/values.ts';
import type { RunOptions, RunResult, SshProblem, SshSession } from './driver.ts';
import { quoteWords } from './quote.ts';
import { isTimeout, messageOf } from './ssh-errors.ts';
import { chunksOf, putFile, putTime } from './ssh-files.ts';

const defaultRunTimeout = seconds(60);
/** A board is not trusted to stop talking. */
const outputLimit = 256 * 1024;

export function openSession(ssh: NodeSSH, closed: Promise<void>, ended: () => SshProblem): SshSession {
  const run = async (
    program: string,
    args: readonly string[],
    { stdin, timeout = defaultRunTimeout }: RunOptions = {},
  ): Promise<Result<RunResult, SshProblem>> => {
    const command = quoteWords([program, ...args]);
    const input =
      stdin === undefined || typeof stdin === 'string' ? stdin : Readable.from(stdin, { objectMode: false });
    // What cannot be read ends the program, whose word then counts.
    if (typeof input === 'object') input.on('error', () => channel?.close());
    let channel: ClientChannel | undefined;
    let received = 0;
    // node-ssh decodes each chunk by itself, which breaks a character that was cut in two.
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    const keepIn =
      (chunks: Buffer[]) =>
      (chunk: Buffer): void => {
        received += chunk.length;
        if (received <= outputLimit) chunks.push(chunk);
        // Asked to close its channel it may go on for ever, and node-ssh keeps all of it beside us.
        else ssh.connection?.destroy();
      };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeout);
    });
    const executing = ssh.execCommand(command, {
      ...{ onStdout: keepIn(stdout), onStderr: keepIn(stderr) },
      ...(input !== undefined && { stdin: input }),
      onChannel: (opened) => {
        channel = opened;
        // Writing to a program that has ended is its business; the exit code tells.
        opened.on('error', () => undefined);
      },
    });
    try {
      const end = await Promise.race([executing, late, closed.then(() => 'closed' as const)]);
      if (end === 'late') {
        channel?.close();
        return problem('SSH_TIMEOUT', `${program} did not end within ${timeout} ms`);
      }
      if (received > outputLimit) return problem('SSH_CLOSED', `${program} wrote more than ${outputLimit} bytes`);
      if (end === 'closed') return { ok: false, error: ended() };
      if (end.code === null && end.signal === null) return { ok: false, error: ended() };
      const [out, errors] = [Buffer.concat(stdout).toString('utf8'), Buffer.concat(stderr).toString('utf8')];
      return ok({ code: end.code ?? 255, stdout: out, stderr: errors });
    } catch (error) {
      return problem(isTimeout(error) ? 'SSH_TIMEOUT' : ended().code, messageOf(error));
    } finally {
      clearTimeout(timer);
      if (typeof input === 'object') input.destroy();
      executing.catch(() => undefined);
    }
  };
  return {
    run,
    putFile: (path, content, mode) =>
      putFile(run, { path, mode, bytes: Buffer.byteLength(content), content }, seconds(20)),
    putBytes: (path, source, mode) =>
      putFile(run, { path, mode, bytes: source.size, content: chunksOf(source) }, putTime(source.size)),
  };
}
