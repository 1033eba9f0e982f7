/** One log line. Whatever the fields hold, this never throws, stays one line and shows no secret. */
import type { Instant } from '../../config/values.ts';
import type { LogFields } from '../ports.ts';

export type LogEntry = {
  readonly at: Instant;
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
};

const longestText = 4096;
const deepest = 5;
const mostItems = 100;

/** `joinToken`, `ssh_password`, `privateKey`, `key`; not `keyPath` or `monkey`. */
const secretName = /(token|password|passphrase|secret|private[-_]?key|host[-_]?key|api[-_]?key|cluster[-_]?key|^key)$/i;

const isSecretName = (name: string): boolean => secretName.test(name);

export function jsonLine(entry: LogEntry): string {
  const { at, level, message, fields } = entry;
  const own = { time: new Date(at).toISOString(), level, message: cut(message) };
  // First to be read, last to count.
  return JSON.stringify({ ...own, ...plainFields(fields, 0), ...own });
}

export function humanLine(entry: LogEntry): string {
  const fields = Object.entries(plainFields(entry.fields, 0)).map(([name, value]) => `${name}=${shown(value)}`);
  const time = new Date(entry.at).toISOString().slice(11, 23);
  return printable([time, entry.level.toUpperCase().padEnd(5), cut(entry.message), ...fields].join(' '));
}

const shown = (value: unknown): string =>
  typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);

/** Names and reasons come from the network: a terminal must not act on control characters in them. */
const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);

const cut = (text: string): string => (text.length > longestText ? `${text.slice(0, longestText)}…` : text);

function plainFields(fields: object, depth: number): Record<string, unknown> {
  const pairs = Object.entries(fields)
    .slice(0, mostItems)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, isSecretName(name) ? '«redacted»' : plain(value, depth)] as const);
  return Object.fromEntries(pairs);
}

/** Something JSON can show, cut to a sensible size; cycles end at the greatest depth. */
function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cut(value);
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return cut(String(value));
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= deepest) return '…';
  if (value instanceof Error) return plainError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Uint8Array) return cut(Buffer.from(value.subarray(0, longestText)).toString('hex'));
  if (value instanceof Map) return plainFields(Object.fromEntries(value), depth + 1);
  if (value instanceof Set) return plain([...value], depth);
  if (Array.isArray(value)) return value.slice(0, mostItems).map((item) => plain(item, depth + 1));
  return plainFields(value, depth + 1);
}

function plainError(error: Error, depth: number): Record<string, unknown> {
  return {
    name: error.name,
    ...('code' in error ? { code: plain(error.code, depth + 1) } : {}),
    message: cut(error.message),
    ...(error.stack === undefined ? {} : { stack: cut(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: plain(error.cause, depth + 1) }),
  };
}
