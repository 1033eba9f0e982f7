/** A foreign program in a test: what it writes, when it shows something, how it ends. */
import { spawn as spawnChild } from 'node:child_process';

export type Finished = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type Running = {
  readonly pid: number;
  /** All that was written so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The match, once standard output or standard error shows it. Rejects at the deadline or when the program ended without. */
  readonly waitFor: (pattern: RegExp, deadlineMs?: number) => Promise<RegExpExecArray>;
  /** The same for whatever is read out of `stdout()` and `stderr()`: looked at again after each piece of output. */
  readonly waitUntil: <Found>(look: () => Found | undefined, what: string, deadlineMs?: number) => Promise<Found>;
  readonly exited: Promise<number>;
  /** SIGTERM, SIGKILL two seconds later; settles when it is gone. */
  readonly kill: () => Promise<void>;
};

export type SpawnOptions = { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string };
export type ExecOptions = SpawnOptions & { readonly deadlineMs?: number };

/** Waits for its end; SIGKILL at the deadline (default 30 s, code 137). */
export async function finish(program: Running, { deadlineMs = 30_000 }: ExecOptions = {}): Promise<Finished> {
  const timer = setTimeout(() => killNow(program.pid), deadlineMs);
  const code = await program.exited;
  clearTimeout(timer);
  return { code, stdout: program.stdout(), stderr: program.stderr() };
}

/** Starts it without a shell. A program that cannot be started ends with 127. */
export function startProgram(
  command: readonly string[],
  { env, cwd }: SpawnOptions = {},
  onExit: () => void = () => {},
): Running {
  const [file = '', ...args] = command;
  const child = spawnChild(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
  });
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    for (const watch of watchers) watch();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    for (const watch of watchers) watch();
  });
  let ended: number | undefined;
  const exited = new Promise<number>((resolve) => {
    const end = (code: number): void => {
      ended = code;
      onExit();
      for (const watch of watchers) watch();
      resolve(code);
    };
    child.once('error', (cause) => {
      stderr += String(cause);
      end(127);
    });
    // Its last words may still be in the pipes when it is gone. Where a child of it keeps them open, they are not waited for.
    child.once('exit', (code) => {
      const silent = setTimeout(end, 2000, code ?? 137);
      child.once('close', () => {
        clearTimeout(silent);
        end(code ?? 137);
      });
    });
  });

  const waitUntil: Running['waitUntil'] = (look, what, deadlineMs = 30_000) =>
    new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        watchers.delete(watch);
        act();
      };
      const fail = (why: string): void =>
        settle(() => reject(new Error(`${command.join(' ')}: ${why} without ${what}\n${stdout}${stderr}`)));
      const watch = (): void => {
        const found = look();
        if (found !== undefined) settle(() => resolve(found));
        else if (ended !== undefined) fail(`ended with ${ended}`);
      };
      const timer = setTimeout(() => fail(`${deadlineMs} ms went by`), deadlineMs);
      watchers.add(watch);
      watch();
    });
  const waitFor: Running['waitFor'] = (pattern, deadlineMs) =>
    waitUntil(() => pattern.exec(stdout) ?? pattern.exec(stderr) ?? undefined, String(pattern), deadlineMs);

  const pid = child.pid ?? -1;
  const kill = async (): Promise<void> => {
    if (ended !== undefined) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
    await exited;
    clearTimeout(timer);
  };
  return { pid, stdout: () => stdout, stderr: () => stderr, waitFor, waitUntil, exited, kill };
}

export function killNow(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
