/** Patches for a Node as it was read; undefined where it is as it should be. Pure. */
import { cordonAnnotation } from './nodes.ts';
import { annotationPatch, isItself, isUntouched, type JsonPatch } from './patch.ts';
import { field, list } from './watch-event.ts';

const isCordoned = (node: unknown): boolean => field(field(node, 'spec'), 'unschedulable') === true;
const cordonedBy = (node: unknown): unknown => field(field(field(node, 'metadata'), 'annotations'), cordonAnnotation);

/** What somebody else cordoned stays his. */
export function cordonPatch(node: unknown, by: string): JsonPatch | undefined {
  if (isCordoned(node)) return undefined;
  const marked = annotationPatch(node, cordonAnnotation, by) ?? [isItself(node), isUntouched(node)];
  return [...marked, { op: 'add', path: '/spec/unschedulable', value: true }];
}

/** Only what carries our annotation; where somebody uncordoned it meanwhile, just that goes. */
export function uncordonPatch(node: unknown): JsonPatch | undefined {
  if (cordonedBy(node) === undefined) return undefined;
  const unmarked = annotationPatch(node, cordonAnnotation, undefined) ?? [];
  return isCordoned(node) ? [...unmarked, { op: 'remove', path: '/spec/unschedulable' }] : unmarked;
}

/** Only the annotation, and only of a Node that is not cordoned any more. */
export const disownPatch = (node: unknown): JsonPatch | undefined =>
  isCordoned(node) ? undefined : annotationPatch(node, cordonAnnotation, undefined);

/** Its condition Ready is Unknown for this reason; `now` in RFC 3339 without fractions. */
export function unknownPatch(
  node: unknown,
  { reason, message, now }: { readonly reason: string; readonly message: string; readonly now: string },
): JsonPatch | undefined {
  const conditions = list(field(field(node, 'status'), 'conditions'));
  const index = conditions.findIndex((condition) => field(condition, 'type') === 'Ready');
  const ready = conditions[index];
  if (field(ready, 'status') === 'Unknown' && field(ready, 'reason') === reason) return undefined;
  const moment = field(ready, 'status') === 'Unknown' ? field(ready, 'lastTransitionTime') : now;
  const value = {
    ...{ type: 'Ready', status: 'Unknown', reason, message, lastTransitionTime: moment },
    lastHeartbeatTime: field(ready, 'lastHeartbeatTime') ?? now,
  };
  if (conditions.length === 0)
    return [isItself(node), isUntouched(node), { op: 'add', path: '/status/conditions', value: [value] }];
  if (ready === undefined)
    return [isItself(node), isUntouched(node), { op: 'add', path: '/status/conditions/-', value }];
  // A kubelet that is alive after all may have said so in between: then it is read again.
  return [
    isItself(node),
    { op: 'test', path: `/status/conditions/${index}`, value: ready },
    { op: 'replace', path: `/status/conditions/${index}`, value },
  ];
}
