/** `bramble` in this process: what a person types, and what is printed. */
import type { Terminal } from '../../cli/output/terminal.ts';
import { run } from '../../cli/program.ts';

export type Ended = { readonly code: number; readonly out: string; readonly err: string };

/** `env` names the socket and the configuration; `more` takes the place of what this terminal is otherwise. */
export async function runBramble(
  args: readonly string[],
  env: Terminal['env'],
  more: Partial<Terminal> = {},
): Promise<Ended> {
  let [out, err] = ['', ''];
  const terminal: Terminal = {
    isTerminal: false,
    columns: 80,
    env,
    now: () => Date.parse('2026-01-01T12:00:00Z'),
    user: 'anna',
    signal: new AbortController().signal,
    ...more,
    out: (text) => {
      out += text;
      more.out?.(text);
    },
    err: (text) => {
      err += text;
      more.err?.(text);
    },
  };
  const code = await run(args, { terminal, version: '0.1.0' });
  return { code, out, err };
}
