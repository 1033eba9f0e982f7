/** From the text of `bramble.yaml` to a Config: every problem at once, each with its key path and line. */
import { LineCounter, parseDocument, visit } from 'yaml';
import { err, ok, type Result } from './result.ts';
import { type Config, configSchema } from './schema.ts';

/** `key` is the path as it is written in the file, `dhcp.mode`; empty for the file as a whole. */
export type ConfigProblem = { readonly key: string; readonly line?: number; readonly detail: string };

/** Exit code of a daemon whose configuration is wrong (EX_CONFIG of sysexits.h). Nothing was started. */
export const EXIT_CONFIG = 78;

/** The text of a file, or '' where there is none: no file is needed for the defaults. */
export function parseConfig(text: string): Result<Config, readonly ConfigProblem[]> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    return err(
      document.errors.map((error) => ({
        key: '',
        line: lines.linePos(error.pos[0]).line,
        detail: error.message.split('\n', 1)[0] ?? error.code,
      })),
    );
  }
  const aliases: ConfigProblem[] = [];
  visit(document, {
    // Nothing here is long enough to want them, and they are how a small file becomes a large one.
    Alias: (_, { range }) =>
      void aliases.push({
        key: '',
        ...(range ? { line: lines.linePos(range[0]).line } : {}),
        detail: 'aliases (*name) are not supported: write the value out',
      }),
  });
  if (aliases.length > 0) return err(aliases);
  const parsed = configSchema.safeParse(document.toJS() ?? {});
  if (parsed.success) return ok(deepFreeze(parsed.data));
  return err(
    parsed.error.issues.flatMap((issue) => {
      // zod reports unknown keys at their parent; the reader looks for the key itself.
      const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
      const detail = issue.code === 'unrecognized_keys' ? 'is no key of bramble.yaml' : issue.message;
      return paths.map((path) => {
        const position = positionOf(path);
        const line = position === undefined ? {} : { line: lines.linePos(position).line };
        return { key: path.join('.'), ...line, detail };
      });
    }),
  );

  function positionOf(path: readonly PropertyKey[]): number | undefined {
    // A missing key has no place of its own; the nearest parent that is there has.
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true);
      const range: unknown = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined;
      if (Array.isArray(range) && typeof range[0] === 'number') return range[0];
    }
    return undefined;
  }
}

/** One line a problem, as the daemon prints them: `bramble.yaml:3: dhcp.mode: …`. */
export const formatProblem = (file: string, { key, line, detail }: ConfigProblem): string =>
  `${file}${line === undefined ? '' : `:${line}`}: ${key === '' ? '' : `${key}: `}${detail}`;

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) deepFreeze(member);
    Object.freeze(value);
  }
  return value;
}
