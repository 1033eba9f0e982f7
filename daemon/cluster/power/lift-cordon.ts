/** Makes a Node schedulable, whoever cordoned it: on the owner's explicit word only. The keepers go through `Gate`, which does not. */
import { ok, type Result } from '../../../config/result.ts';
import type { Api, ApiProblem } from '../api.ts';
import { cordonAnnotation, type NodeFacts, nodesPath } from '../nodes.ts';
import type { JsonPatch } from '../patch.ts';

/** `/` in a key, as a JSON pointer has it (RFC 6901). */
const annotation = `/metadata/annotations/${cordonAnnotation.replace('/', '~1')}`;

export async function liftCordon(
  api: Pick<Api, 'request'>,
  { name, uid, cordonedBy }: Pick<NodeFacts, 'name' | 'uid' | 'cordonedBy'>,
  signal: AbortSignal,
): Promise<Result<void, ApiProblem>> {
  const body: JsonPatch = [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'add', path: '/spec/unschedulable', value: false },
    ...(cordonedBy === undefined ? [] : [{ op: 'remove', path: annotation } as const]),
  ];
  const end = await api.request('PATCH', `${nodesPath}/${encodeURIComponent(name)}`, { body, signal });
  return end.ok ? ok(undefined) : end;
}
