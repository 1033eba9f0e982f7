/** The three kinds of PATCH, as far as a join needs them: pure. */
import { isDeepStrictEqual } from 'node:util';
import { StatusError } from './status.ts';

type Json = { [field: string]: unknown };
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 7386: null removes, objects merge, everything else (lists too) replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  return merge(target, patch, () => undefined);
}

/** Lists that Kubernetes merges by a key. Every other list is replaced, and `spec.taints` of a Node is such a list. */
const mergeKeys: Readonly<Record<string, string>> = {
  conditions: 'type',
  addresses: 'type',
  containerStatuses: 'name',
  initContainerStatuses: 'name',
  ownerReferences: 'uid',
};

export function strategicMergePatch(target: unknown, patch: unknown): unknown {
  return merge(target, patch, (field) => mergeKeys[field]);
}

function merge(target: unknown, patch: unknown, keyOf: (field: string) => string | undefined): unknown {
  if (!isObject(patch)) return patch;
  const result: Json = isObject(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    const key = keyOf(field);
    const before = result[field];
    if (value === null) delete result[field];
    else if (key !== undefined && Array.isArray(value) && Array.isArray(before)) {
      result[field] = mergeLists(before, value, key);
    } else result[field] = merge(before, value, keyOf);
  }
  return result;
}

function mergeLists(before: readonly unknown[], patch: readonly unknown[], key: string): unknown[] {
  const named = (item: unknown): unknown => (isObject(item) ? item[key] : undefined);
  const changed = before.map((item) => {
    const change = patch.find((other) => named(other) === named(item));
    return change === undefined ? item : { ...(item as Json), ...(change as Json) };
  });
  return [...changed, ...patch.filter((item) => !before.some((other) => named(other) === named(item)))];
}

type Operation = { readonly op: string; readonly path: string; readonly value?: unknown };

/** RFC 6902, without `move` and `copy`. A `test` that fails is 422, as the API server has it. */
export function jsonPatch(target: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations)) throw new StatusError(400, 'BadRequest', 'a JSON patch is a list of operations');
  const result = structuredClone(target);
  for (const operation of operations as Operation[]) apply(result, operation);
  return result;
}

function apply(root: unknown, { op, path, value }: Operation): void {
  const steps = path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = steps.pop() ?? '';
  let parent = root;
  for (const step of steps) parent = child(parent, step);
  const impossible = new StatusError(
    422,
    'Invalid',
    `the server rejected our request: ${op} of ${path} does not apply`,
  );
  if (parent === undefined) throw impossible;
  const exists = child(parent, last) !== undefined;
  if (op === 'test') {
    if (!isDeepStrictEqual(child(parent, last), value)) throw impossible;
  } else if (op === 'add') {
    if (Array.isArray(parent)) parent.splice(last === '-' ? parent.length : Number(last), 0, value);
    else (parent as Json)[last] = value;
  } else if (op === 'replace' && exists) {
    (parent as Json)[last] = value;
  } else if (op === 'remove' && exists) {
    if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else delete (parent as Json)[last];
  } else {
    throw impossible;
  }
}

/** Lists are addressed by number, which JavaScript takes as a field name as well. */
const child = (parent: unknown, step: string): unknown =>
  typeof parent === 'object' && parent !== null ? (parent as Json)[step] : undefined;
