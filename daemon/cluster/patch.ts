/** Changing one object by JSON patch (RFC 6902), tied to what it was when it was read. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Api, ApiProblem } from './api.ts';
import { field, isJson } from './watch-event.ts';

export type JsonPatch = readonly {
  readonly op: 'test' | 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}[];

export type PatchTarget = {
  readonly path: string;
  readonly uid: string;
  /** For people: `Node worker-kube1`. */
  readonly title: string;
  readonly subresource?: '/status';
};
/** `CHANGED`: what was to be changed is not so any more. A conflict stands for somebody who was quicker five times. */
type PatchEnd = Result<void, ApiProblem | Problem<'REPLACED' | 'CHANGED'>>;

const attempts = 5;

/**
 * Does to the object with this uid what `patchFor` says for it as it is read, and again as often as somebody is quicker. Undefined: it
 * is as it should be. A patch has to test what it relies on.
 */
export async function patchObject(
  api: Pick<Api, 'request'>,
  { path, uid, title, subresource }: PatchTarget,
  patchFor: (object: unknown) => JsonPatch | 'changed' | undefined,
  signal: AbortSignal,
): Promise<PatchEnd> {
  for (let attempt = 1; ; attempt += 1) {
    const read = await api.request('GET', path, { signal });
    if (!read.ok) return read;
    if (field(field(read.value, 'metadata'), 'uid') !== uid)
      return problem('REPLACED', `${title} is another one by now`);
    const patch = patchFor(read.value);
    if (patch === undefined) return ok(undefined);
    if (patch === 'changed') return problem('CHANGED', `${title} was changed by somebody else`);
    const patched = await api.request('PATCH', `${path}${subresource ?? ''}`, { body: patch, signal });
    if (patched.ok) return ok(undefined);
    // Somebody changed it in between: 422 for a failed test, 409 for a lost race. Read again.
    if (!isRace(patched.error) || attempt === attempts) return patched;
  }
}

export const isRace = ({ code }: Problem): boolean => code === 'API_CONFLICT' || code === 'API_INVALID';

type Test = { readonly op: 'test'; readonly path: string; readonly value: unknown };
const testOf =
  (part: 'uid' | 'resourceVersion') =>
  (object: unknown): Test => ({ op: 'test', path: `/metadata/${part}`, value: field(field(object, 'metadata'), part) });
/** It is the object that was read; heartbeats may have gone on. */
export const isItself = testOf('uid');
/** Nobody wrote it since: for what is not there, and so cannot be tested for. */
export const isUntouched = testOf('resourceVersion');

/** Puts an annotation on the object as it was read, or takes it off; undefined if it is so already. */
export function annotationPatch(object: unknown, key: string, value: string | undefined): JsonPatch | undefined {
  const annotations = field(field(object, 'metadata'), 'annotations');
  const path = `/metadata/annotations/${pointer(key)}`;
  const before = field(annotations, key);
  if (before === value) return undefined;
  const are = isJson(annotations) ? [] : [{ op: 'add', path: '/metadata/annotations', value: {} } as const];
  const change = value === undefined ? ({ op: 'remove', path } as const) : ({ op: 'add', path, value } as const);
  return [isItself(object), isUntouched(object), ...are, change];
}

/** RFC 6901. */
export const pointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');
