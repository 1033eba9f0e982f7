/** Runs a program of the board to its end. */
import { spawn } from 'node:child_process';

export type RunOptions = {
  readonly signal: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Called for every whole line of standard output and standard error. */
  readonly onLine?: (line: string) => void;
  /** Exit codes that are no failure; default: 0 only. */
  readonly accept?: 'any';
};
export type Ran = { readonly code: number; readonly output: string };

/** Rejects, with what the program said, unless its exit code is accepted. */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  const child = spawn(program, args, {
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: options.env === undefined ? process.env : { ...process.env, ...options.env },
    cwd: options.cwd,
    signal: options.signal,
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', reject);
  child.once('close', (code) => resolve(code ?? 128));
  let output = '';
  let line = '';
  const take = (chunk: string): void => {
    output += chunk;
    const lines = `${line}${chunk}`.split('\n');
    line = lines.pop() ?? '';
    for (const whole of lines) options.onLine?.(whole);
  };
  child.stdout?.setEncoding('utf8').on('data', take);
  child.stderr?.setEncoding('utf8').on('data', take);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.stdin);
  const code = await promise;
  if (line !== '') options.onLine?.(line);
  if (code !== 0 && options.accept !== 'any') {
    throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${output.trim().slice(-2000)}`);
  }
  return { code, output };
}
