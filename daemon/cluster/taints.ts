/**
 * Changing a Node's taints. The list has no merge key: a merge patch would replace the whole of it and wipe the taints of
 * others (facts 5.4). So it is a JSON patch that applies to exactly the list that was read, or not at all.
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Api, ApiProblem } from './api.ts';
import { type NodeFacts, nodesPath, readTaint, type Taint } from './nodes.ts';
import { isItself, isUntouched, type JsonPatch, type PatchTarget, patchObject } from './patch.ts';
import { field, list } from './watch-event.ts';

export const quarantine = { key: 'bramble.dev/quarantine', effect: 'NoSchedule' } as const;

/** Held gone by `failover`: pods go elsewhere at once, and none comes. */
export const fence = { key: 'bramble.dev/unreachable', effect: 'NoExecute' } as const;

export const isFenced = ({ taints }: Pick<NodeFacts, 'taints'>): boolean =>
  taints.some(({ key, effect }) => key === fence.key && effect === fence.effect);

type PlacedTaint = Pick<Taint, 'key' | 'effect'> & { readonly value?: string; readonly timeAdded?: string };

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
    isItself(node),
    { op: 'test', path: '/spec/taints', value: taints },
    rest.length === 0 ? { op: 'remove', path: '/spec/taints' } : { op: 'replace', path: '/spec/taints', value: rest },
  ];
}

/**
 * The patch that puts a taint on the Node as it was read; undefined if it carries it. A list that is not there cannot be
 * tested for: whoever made one in between changed the resourceVersion.
 */
export function withTaintPatch(node: unknown, taint: PlacedTaint): JsonPatch | undefined {
  const taints = list(field(field(node, 'spec'), 'taints'));
  if (taints.map(readTaint).some(({ key, effect }) => key === taint.key && effect === taint.effect)) return undefined;
  return taints.length === 0
    ? [isItself(node), isUntouched(node), { op: 'add', path: '/spec/taints', value: [taint] }]
    : [
        isItself(node),
        { op: 'test', path: '/spec/taints', value: taints },
        { op: 'add', path: '/spec/taints/-', value: taint },
      ];
}

type PatchEnd = Result<void, ApiProblem | Problem<'NODE_REPLACED'>>;

/** Takes our quarantine off the Node with this uid; does nothing if it is off already. */
export const releaseQuarantine = (api: Api, name: string, uid: string, signal: AbortSignal): Promise<PatchEnd> =>
  quarantineEnd(patchObject(api, nodeTarget({ name, uid }), (node) => withoutTaintPatch(node, quarantine), signal));

/** Puts it on the Node with this uid; does nothing if it is there. */
export const putQuarantine = (api: Api, name: string, uid: string, signal: AbortSignal): Promise<PatchEnd> =>
  quarantineEnd(patchObject(api, nodeTarget({ name, uid }), (node) => withTaintPatch(node, quarantine), signal));

/** A Node, to be patched. */
export const nodeTarget = ({ name, uid }: { readonly name: string; readonly uid: string }): PatchTarget => ({
  ...{ path: `${nodesPath}/${encodeURIComponent(name)}`, uid, title: `Node ${name}` },
});

async function quarantineEnd(patching: ReturnType<typeof patchObject>): Promise<PatchEnd> {
  const end = await patching;
  if (end.ok) return end;
  const { code, detail } = end.error;
  return problem(code === 'REPLACED' || code === 'CHANGED' ? 'NODE_REPLACED' : code, detail);
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
