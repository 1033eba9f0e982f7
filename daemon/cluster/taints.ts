/**
 * Changing a Node's taints. The list has no merge key: a merge patch would replace the whole of it and wipe the taints of
 * others (facts 5.4). So it is a JSON patch that applies to exactly the list that was read, or not at all.
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Api, ApiProblem } from './api.ts';
import { nodesPath, readTaint } from './nodes.ts';
import { field, list, text } from './watch-event.ts';

export const quarantine = { key: 'bramble.dev/quarantine', effect: 'NoSchedule' } as const;

export type JsonPatch = readonly {
  readonly op: 'test' | 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}[];

/**
 * The patch that takes a taint off the Node as it was read; undefined if it does not carry it. Heartbeats change the
 * resourceVersion all the time and do not matter here, so the test is on the uid and on the taints themselves.
 */
export function withoutTaintPatch(node: unknown, taint: { key: string; effect: string }): JsonPatch | undefined {
  const taints = list(field(field(node, 'spec'), 'taints'));
  const rest = taints.filter((entry) => {
    const { key, effect } = readTaint(entry);
    return key !== taint.key || effect !== taint.effect;
  });
  if (rest.length === taints.length) return undefined;
  return [
    { op: 'test', path: '/metadata/uid', value: text(field(field(node, 'metadata'), 'uid')) },
    { op: 'test', path: '/spec/taints', value: taints },
    rest.length === 0 ? { op: 'remove', path: '/spec/taints' } : { op: 'replace', path: '/spec/taints', value: rest },
  ];
}

/**
 * The patch that puts a taint on the Node as it was read; undefined if it carries it. A list that is not there cannot be
 * tested for: whoever made one in between changed the resourceVersion.
 */
export function withTaintPatch(node: unknown, taint: { key: string; effect: string }): JsonPatch | undefined {
  const [metadata, taints] = [field(node, 'metadata'), list(field(field(node, 'spec'), 'taints'))];
  if (taints.map(readTaint).some(({ key, effect }) => key === taint.key && effect === taint.effect)) return undefined;
  const isItself = { op: 'test', path: '/metadata/uid', value: text(field(metadata, 'uid')) } as const;
  const version = text(field(metadata, 'resourceVersion'));
  return taints.length === 0
    ? [
        isItself,
        { op: 'test', path: '/metadata/resourceVersion', value: version },
        { op: 'add', path: '/spec/taints', value: [taint] },
      ]
    : [
        isItself,
        { op: 'test', path: '/spec/taints', value: taints },
        { op: 'add', path: '/spec/taints/-', value: taint },
      ];
}

const attempts = 5;

type PatchEnd = Result<void, ApiProblem | Problem<'NODE_REPLACED'>>;

/** Takes our quarantine off the Node with this uid; does nothing if it is off already. */
export const releaseQuarantine = (api: Api, name: string, uid: string, signal: AbortSignal): Promise<PatchEnd> =>
  patchTaints(api, { name, uid }, (node) => withoutTaintPatch(node, quarantine), signal);

/** Puts it on the Node with this uid; does nothing if it is there. */
export const putQuarantine = (api: Api, name: string, uid: string, signal: AbortSignal): Promise<PatchEnd> =>
  patchTaints(api, { name, uid }, (node) => withTaintPatch(node, quarantine), signal);

async function patchTaints(
  api: Api,
  { name, uid }: { readonly name: string; readonly uid: string },
  patchFor: (node: unknown) => JsonPatch | undefined,
  signal: AbortSignal,
): Promise<PatchEnd> {
  const path = `${nodesPath}/${encodeURIComponent(name)}`;
  for (let attempt = 1; ; attempt += 1) {
    const node = await api.request('GET', path, { signal });
    if (!node.ok) return node;
    if (field(field(node.value, 'metadata'), 'uid') !== uid)
      return problem('NODE_REPLACED', `Node ${name} is another one by now`);
    const patch = patchFor(node.value);
    if (patch === undefined) return ok(undefined);
    const patched = await api.request('PATCH', path, { body: patch, signal });
    if (patched.ok) return ok(undefined);
    // Somebody changed the taints in between: 422 for a failed test, 409 for a lost race. Read again.
    const race = patched.error.code === 'API_CONFLICT' || patched.error.code === 'API_INVALID';
    if (!race || attempt === attempts) return patched;
  }
}

/** Deletes the Node with this uid, no other of that name. Gone or replaced by another is a success. */
export async function deleteNode(
  api: Api,
  name: string,
  uid: string,
  signal: AbortSignal,
): Promise<Result<void, ApiProblem>> {
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } };
  const end = await api.request('DELETE', `${nodesPath}/${encodeURIComponent(name)}`, { body, signal });
  const gone = end.ok || end.error.code === 'API_NOT_FOUND' || end.error.code === 'API_CONFLICT';
  return gone ? ok(undefined) : end;
}
