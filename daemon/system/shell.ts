/** Runs programs: no shell, a process group of its own, bounded in time and output. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Shell, ShellResult } from '../ports.ts';

/** What is beyond it is read and dropped. */
export const outputLimit = 2 ** 20;

/** As timeout(1) says it. */
export const timedOutCode = 124;

/** How long a group that got SIGTERM has before SIGKILL, in milliseconds. */
const grace = 2000;

/** As a shell does: 128 and the signal's number. */
const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 };

/**
 * Settles once the program is gone and its output closed. After the timeout the code is 124; after an abort it is that of
 * the signal the program got (143). Rejects if the program cannot be started, or if the signal was aborted before that.
 */
export const systemShell: Shell = (program, args, options) =>
  new Promise<ShellResult>((resolve, reject) => {
    options.signal.throwIfAborted();
    // LC_ALL: what programs say is parsed in places, and must not depend on the owner's language.
    const env = { ...process.env, LC_ALL: 'C.UTF-8' };
    const child = spawn(program, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'], env });
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    // A program may well end without reading its input.
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');

    let timedOut = false;
    let killTimer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      signalGroup(child, 'SIGTERM');
      killTimer ??= setTimeout(() => signalGroup(child, 'SIGKILL'), grace);
    };
    const timer = setTimeout(() => {
      timedOut = true;
      stop();
    }, options.timeout);
    options.signal.addEventListener('abort', stop, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      options.signal.removeEventListener('abort', stop);
    };

    child.once('error', (error) => {
      if (child.pid !== undefined) return;
      settle();
      reject(new Error(`cannot start ${program}: ${error.message}`, { cause: error }));
    });
    child.once('close', (code, signal) => {
      settle();
      const own = code ?? 128 + (signalNumbers[signal ?? ''] ?? 0);
      resolve({ code: timedOut ? timedOutCode : own, stdout: stdout(), stderr: stderr() });
    });
  });

function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    const taken = chunk.subarray(0, outputLimit - size);
    if (taken.length > 0) chunks.push(taken);
    size += taken.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

/** The program may be gone while something it started lives on and holds the output open: so always the group. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: all of them are gone.
  }
}
