/** Child processes that cannot be left behind: they end with `stop()`, with the signal, and with the process itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

export type Program = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly netns?: string | undefined;
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Between SIGTERM and SIGKILL. */
  readonly patienceMs?: number;
};

export type Child = {
  readonly name: string;
  readonly pid: number;
  /** How it ended, in words. Never rejects. */
  readonly ended: Promise<string>;
  readonly stop: () => Promise<void>;
};

/** `setpriv --pdeathsig`: were this process killed outright, the kernel would end the child. */
export function commandLine({ command, args, netns }: Pick<Program, 'command' | 'args' | 'netns'>): string[] {
  const inside = netns === undefined ? [] : ['ip', 'netns', 'exec', netns];
  return [...inside, 'setpriv', '--pdeathsig', 'KILL', '--', command, ...args];
}

/** Each wrapper replaces itself, so the child's PID is the program's own. */
export async function startChild(program: Program, signal: AbortSignal): Promise<Child> {
  signal.throwIfAborted();
  mkdirSync(dirname(program.logFile), { recursive: true });
  const output = openSync(program.logFile, 'a');
  const [command = '', ...args] = commandLine(program);
  const child = spawn(command, args, { stdio: ['ignore', output, output], env: { ...process.env, ...program.env } });
  closeSync(output);
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, by) => resolve(by === null ? `exit status ${code}` : `signal ${by}`));
    child.once('error', (error) => resolve(error.message));
  });
  await Promise.race([once(child, 'spawn'), ended.then((how) => Promise.reject(new Error(`${program.name}: ${how}`)))]);
  const running = (): boolean => child.exitCode === null && child.signalCode === null;

  const stop = async (): Promise<void> => {
    signal.removeEventListener('abort', onAbort);
    if (running()) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), program.patienceMs ?? 3000);
      await ended;
      clearTimeout(timer);
    }
  };
  const onAbort = (): void => void stop();
  signal.addEventListener('abort', onAbort, { once: true });
  return { name: program.name, pid: child.pid ?? 0, ended, stop };
}

/** The last lines of a log, for an error message. */
export function tail(logFile: string, lines = 4): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}
