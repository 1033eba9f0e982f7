/** Lines of the daemon's log for people, and which of them are about a board. Pure. */
import { harmless } from './terminal.ts';

/** `12:00:01 warn  nobody answers  mac=dc:a6:… service=join`; what is no line of ours stays as it is. */
export function logText(line: string): string {
  const entry = parsed(line);
  if (entry === undefined) return `${harmless(line)}\n`;
  const { time, level, message, ...fields } = entry;
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`);
  const head = [String(time).slice(11, 19), String(level).padEnd(5), String(message)].join(' ');
  return `${harmless([head, ...rest].join('  '))}\n`;
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    const isOurs = typeof entry === 'object' && entry !== null && 'message' in entry && 'level' in entry;
    return isOurs ? { ...entry } : undefined;
  } catch {
    return undefined;
  }
}

const shown = (value: unknown): string =>
  typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);

/** Whether a line has one of these words in it: `worker-kube1` is none of `worker-kube10`. */
export function isAbout(words: readonly string[]): (line: string) => boolean {
  const quoted = words.filter((word) => word !== '').map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const any = new RegExp(`(?<![\\w.-])(?:${quoted.join('|')})(?![\\w-])`, 'i');
  return (line) => quoted.length > 0 && any.test(line);
}
