/** A session to a board that answers each of the driver's scripts by rule, and writes down what was asked of it (double). */
import { ok, problem, type Result } from '../../../config/result.ts';
import type { RunResult, SshProblem, SshSession } from '../../../daemon/join/driver.ts';
import { boardFactsScript } from '../../../daemon/join/k3s-requirements.ts';
import {
  fetchScript,
  giveUpScript,
  journalScript,
  leaveScript,
  probeScript,
  startScript,
  waitScript,
} from '../../../daemon/join/k3s-scripts.ts';

const scripts = {
  facts: boardFactsScript,
  probe: probeScript,
  fetch: fetchScript,
  start: startScript,
  wait: waitScript,
  journal: journalScript,
  giveUp: giveUpScript,
  leave: leaveScript,
};
type Script = keyof typeof scripts;

/** What a script writes; an object is the whole end. `undefined`: the connection is lost. */
type Said = string | Partial<RunResult> | undefined;
export type Answers = { readonly [Name in Script]?: (args: readonly string[]) => Said };

export const goodFacts = 'arch=aarch64\nkernel=6.12.25+rpt-rpi-v8\nmemory=on\nsystemd=yes\nserver=no\n';

export function k3sSession(answers: Answers) {
  const calls: string[] = [];
  const files = new Map<string, { readonly content: string; readonly mode: number }>();
  const session: SshSession = {
    run: async (program, args): Promise<Result<RunResult, SshProblem>> => {
      const [dashC, text, _zero, ...rest] = args;
      const name = (Object.keys(scripts) as Script[]).find((known) => scripts[known] === text);
      if (program !== 'sh' || dashC !== '-c' || name === undefined)
        throw new Error(`not asked for: ${program} ${args}`);
      calls.push([name, ...rest].join(' ').trim());
      const said =
        answers[name]?.(rest) ?? (name === 'facts' ? goodFacts : answers[name] === undefined ? '' : undefined);
      if (said === undefined) return problem('SSH_CLOSED', 'gone');
      return ok({ code: 0, stdout: '', stderr: '', ...(typeof said === 'string' ? { stdout: said } : said) });
    },
    putFile: async (path, content, mode) => {
      calls.push(`put ${path} ${mode.toString(8)}`);
      files.set(path, { content, mode });
      return ok(undefined);
    },
    putBytes: async (path, source, mode) => {
      calls.push(`bytes ${path} ${mode.toString(8)} ${source.size}`);
      return ok(undefined);
    },
  };
  return { session, calls, files };
}
