/** What the API sends in a list and on a watch, as far as every kind has it in common. Pure. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';

export type Json = Readonly<Record<string, unknown>>;

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const field = (value: unknown, name: string): unknown => (isJson(value) ? value[name] : undefined);
export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
/** What is text in a map of texts: labels, annotations. */
export const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(isJson(value) ? value : {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
/** How an object is called among all of its kind: `namespace/name` in a namespace. */
export function nameOf(object: unknown): string | undefined {
  const metadata = field(object, 'metadata');
  const [name, namespace] = [text(field(metadata, 'name')), text(field(metadata, 'namespace'))];
  return name === undefined || namespace === undefined ? name : `${namespace}/${name}`;
}

export type WatchEvent =
  | { readonly type: 'upsert' | 'delete'; readonly object: Json; readonly version: string }
  | { readonly type: 'bookmark'; readonly version: string };
export type WatchProblem = Problem<'WATCH_EXPIRED' | 'WATCH_FAILED' | 'WATCH_GARBAGE'>;

/** One line of a watch. 410 comes as an ERROR event, too: then the version is too old, and only a list helps. */
export function readWatchLine(line: string): Result<WatchEvent, WatchProblem> {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    return problem('WATCH_GARBAGE', `no JSON: ${line.slice(0, 60)}`);
  }
  const object = field(event, 'object');
  const version = text(field(field(object, 'metadata'), 'resourceVersion'));
  switch (field(event, 'type')) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      if (!isJson(object) || version === undefined) return problem('WATCH_GARBAGE', 'an event without an object');
      return ok({ type: field(event, 'type') === 'DELETED' ? 'delete' : 'upsert', object, version });
    }
    case 'BOOKMARK':
      return version === undefined
        ? problem('WATCH_GARBAGE', 'a bookmark without a version')
        : ok({ type: 'bookmark', version });
    case 'ERROR': {
      const detail = text(field(object, 'message')) ?? '';
      return field(object, 'code') === 410
        ? problem('WATCH_EXPIRED', detail)
        : problem('WATCH_FAILED', detail.slice(0, 200));
    }
    default:
      return problem('WATCH_GARBAGE', `an event of type ${String(field(event, 'type')).slice(0, 20)}`);
  }
}

export type ListPage = {
  readonly items: readonly unknown[];
  readonly version: string;
  readonly next: string | undefined;
};

export function readListPage(body: unknown): Result<ListPage, WatchProblem> {
  const metadata = field(body, 'metadata');
  const version = text(field(metadata, 'resourceVersion'));
  const items = field(body, 'items');
  // An empty list of some servers is null.
  if (version === undefined || (items !== null && !Array.isArray(items))) return problem('WATCH_GARBAGE', 'not a list');
  return ok({ items: list(items), version, next: text(field(metadata, 'continue')) || undefined });
}
