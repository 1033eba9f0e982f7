/** The last words of a program that failed on a board, for people: `output` of a `StepProblem`. */
import { type Err, err } from '../../config/result.ts';
import type { RunResult, StepProblem } from './driver.ts';

const mostLines = 50;
const mostBytes = 4096;

/** The last 50 lines and 4 KiB of what it wrote, without control characters; each secret is `…`. */
export function lastWords({ stdout, stderr }: Omit<RunResult, 'code'>, secrets: readonly string[] = []): string {
  const written = [stdout.trim(), stderr.trim()].filter((text) => text !== '').join('\n');
  const masked = secrets
    .filter((secret) => secret !== '')
    .reduce((text, secret) => text.replaceAll(secret, '…'), written);
  // What a terminal would act upon; a line that was written over itself keeps its last state.
  const lines = masked.split(/\r?\n/).map((line) => printable(line.slice(line.lastIndexOf('\r') + 1)));
  const text = Buffer.from(lines.slice(-mostLines).join('\n'));
  if (text.length <= mostBytes) return text.toString();
  // Not in the middle of a character.
  return text
    .subarray(text.length - mostBytes)
    .toString()
    .replace(/^\ufffd+/, '');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
const unprintable = /\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]/g;
const printable = (line: string): string => line.replace(unprintable, '');

/** The problem of a step whose program ended with `end`: what it was, its exit code and its last line in one, the rest beside it. */
export function programFailed(
  code: string,
  program: string,
  end: RunResult,
  secrets: readonly string[] = [],
): Err<StepProblem> {
  const output = lastWords(end, secrets);
  const last =
    lastWords({ stdout: end.stderr.trim() || end.stdout, stderr: '' }, secrets)
      .split('\n')
      .at(-1) ?? '';
  const detail = last === '' ? `${program} ended with code ${end.code}` : `${program}: ${last.slice(-300)}`;
  return err({ code, detail, ...(output !== '' && { output }) });
}

/** A step's problem, without what must not be told; drivers do that themselves, and this is the second lock. */
export function mask({ error }: Err<StepProblem>, secrets: readonly string[]): Err<StepProblem> {
  const masked = (text: string): string => secrets.reduce((rest, secret) => rest.replaceAll(secret, '…'), text);
  const { output, ...rest } = error;
  return err({ ...rest, detail: masked(rest.detail), ...(output !== undefined && { output: masked(output) }) });
}
