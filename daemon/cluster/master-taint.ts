/**
 * The master carries nothing of the owner's: its Node is tainted as kubeadm does it and k3s does not (facts 4.3). Never cordoned,
 * which would also take it out of Services' load balancers. NoSchedule: what runs there is moved politely, not killed.
 */
import { ok, type Result } from '../../config/result.ts';
import type { Api } from './api.ts';
import type { GateProblem, NodeRef } from './gate.ts';
import type { Taint } from './nodes.ts';
import { annotationPatch, type JsonPatch, patchObject } from './patch.ts';
import { nodeTarget, withoutTaintPatch, withTaintPatch } from './taints.ts';
import { field } from './watch-event.ts';

export const masterTaint: Taint = { key: 'node-role.kubernetes.io/control-plane', value: '', effect: 'NoSchedule' };
/** On a Node that has the taint from us: one that was there before is never taken off. */
const annotation = 'bramble.dev/tainted-control-plane';

/** The patch that keeps workloads away from the Node as it was read; undefined if it has the taint, whoever put it there. */
export function taintMasterPatch(node: unknown): JsonPatch | undefined {
  const tainted = withTaintPatch(node, masterTaint);
  return tainted && [...tainted, ...(annotationPatch(node, annotation, 'true') ?? [])];
}

/** The patch that lets them in again; undefined if the taint is none of ours. */
export function freeMasterPatch(node: unknown): JsonPatch | undefined {
  const annotations = field(field(node, 'metadata'), 'annotations');
  if (field(annotations, annotation) === undefined) return undefined;
  return [...(withoutTaintPatch(node, masterTaint) ?? []), ...(annotationPatch(node, annotation, undefined) ?? [])];
}

/** Makes the Node so, and tells whether anything had to be written. */
export async function settleMaster(
  api: Pick<Api, 'request'>,
  node: NodeRef,
  mayWork: boolean,
  signal: AbortSignal,
): Promise<Result<'written' | 'so already', GateProblem>> {
  let patch: JsonPatch | undefined;
  const patchFor = (object: unknown): JsonPatch | undefined => {
    patch = mayWork ? freeMasterPatch(object) : taintMasterPatch(object);
    return patch;
  };
  const end = await patchObject(api, nodeTarget(node), patchFor, signal);
  return end.ok ? ok(patch === undefined ? 'so already' : 'written') : end;
}
