/** The Gate on the Kubernetes API. */
import { err, ok, problem, type Result } from '../../config/result.ts';
import type { Clock, Log } from '../ports.ts';
import type { Api, ApiProblem } from './api.ts';
import type { Gate, GateProblem, NodeRef, PodRef, SurgeNote } from './gate.ts';
import { cordonPatch, disownPatch, uncordonPatch, unknownPatch } from './node-patches.ts';
import { annotationPatch, isItself, isRace, type JsonPatch, type PatchTarget, patchObject } from './patch.ts';
import { nodeTarget, withoutTaintPatch, withTaintPatch } from './taints.ts';
import { field } from './watch-event.ts';

export const surgeAnnotation = 'bramble.dev/surge';
export const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

type End = Result<void, GateProblem>;

export function createGate(api: Pick<Api, 'request'>, { clock, log }: { clock: Pick<Clock, 'now'>; log: Log }): Gate {
  const now = (): string => timestamp(clock.now());
  const onNode = async (
    node: NodeRef,
    patchFor: (object: unknown) => JsonPatch | undefined,
    signal: AbortSignal,
    part?: Pick<PatchTarget, 'subresource'>,
  ): Promise<End> => patchEnd(await patchObject(api, { ...nodeTarget(node), ...part }, patchFor, signal));

  return {
    evict: async (pod, signal) => {
      const [namespace, name] = split(pod.name);
      const body = {
        ...{ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
        deleteOptions: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: pod.uid } },
      };
      const end = await api.request('POST', `${pathOf(pod.name)}/eviction`, { body, signal });
      return end.ok ? ok(undefined) : evictionEnd(end.error, pod);
    },
    forceDelete: async (pod, signal) => {
      const preconditions = { uid: pod.uid };
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions };
      const end = await api.request('DELETE', pathOf(pod.name), { body, signal });
      return end.ok ? ok(undefined) : goneEnd(end.error, pod);
    },
    putTaint: (node, taint, signal) => {
      const placed = taint.effect === 'NoExecute' ? { ...taint, timeAdded: now() } : taint;
      return onNode(node, (object) => withTaintPatch(object, placed), signal);
    },
    removeTaint: (node, taint, signal) => onNode(node, (object) => withoutTaintPatch(object, taint), signal),
    cordon: (node, by, signal) => onNode(node, (object) => cordonPatch(object, by), signal),
    uncordon: (node, signal) => onNode(node, uncordonPatch, signal),
    disownCordon: (node, signal) => onNode(node, disownPatch, signal),
    markUnknown: (node, reason, message, signal) =>
      onNode(node, (object) => unknownPatch(object, { reason, message, now: now() }), signal, {
        subresource: '/status',
      }),
    scale: async ({ name, uid }, from, to, note, signal) => {
      const path = pathOf(name, '/apis/apps/v1', 'deployments');
      const scaled = (object: unknown): JsonPatch | 'changed' | undefined => scalePatch(object, from, to, note);
      return patchEnd(await patchObject(api, { path, uid, title: `Deployment ${name}` }, scaled, signal));
    },
    setDeletionCost: async ({ name, uid }, cost, signal) => {
      const annotated = (object: unknown): JsonPatch | undefined =>
        annotationPatch(object, deletionCostAnnotation, String(cost));
      const end = await patchObject(api, { path: pathOf(name), uid, title: `Pod ${name}` }, annotated, signal);
      return !end.ok && end.error.code === 'API_NOT_FOUND' ? problem('REPLACED', `Pod ${name} is gone`) : patchEnd(end);
    },
    note: async ({ name, uid }, { type, reason, message }, signal) => {
      const moment = now();
      const body = {
        ...{ apiVersion: 'v1', kind: 'Event', metadata: { generateName: `${name}.`, namespace: 'default' } },
        ...{ involvedObject: { apiVersion: 'v1', kind: 'Node', name, uid }, type, reason },
        message: message.slice(0, 1000),
        ...{ source: { component: 'bramble' }, reportingComponent: 'bramble', reportingInstance: 'brambled' },
        ...{ firstTimestamp: moment, lastTimestamp: moment, count: 1 },
      };
      const end = await api.request('POST', '/api/v1/namespaces/default/events', { body, signal });
      if (!end.ok)
        log.warn('the Node has no Event of it', { node: name, reason, code: end.error.code, detail: end.error.detail });
    },
  };
}

/** The API's own timestamps have whole seconds. */
const timestamp = (moment: number): string => new Date(moment).toISOString().replace(/\.\d+Z$/, 'Z');

const split = (name: string): readonly [namespace: string, name: string] => {
  const slash = name.indexOf('/');
  return [name.slice(0, slash), name.slice(slash + 1)];
};
const pathOf = (whole: string, collection = '/api/v1', resource = 'pods'): string => {
  const [namespace, name] = split(whole);
  return `${collection}/namespaces/${encodeURIComponent(namespace)}/${resource}/${encodeURIComponent(name)}`;
};

function patchEnd(end: Awaited<ReturnType<typeof patchObject>>): End {
  return !end.ok && isRace(end.error) ? problem('CHANGED', end.error.detail) : end;
}

/** What facts 4.5 has of the Eviction API's answers. */
function evictionEnd(error: ApiProblem, pod: PodRef): End {
  if (error.code === 'API_BUSY' && error.causes?.includes('DisruptionBudget')) {
    const { detail, retryAfter } = error;
    return err({ code: 'BUDGET', detail, ...(retryAfter !== undefined && { retryAfter }) });
  }
  if (/more than one PodDisruptionBudget/.test(error.detail)) return problem('SEVERAL_BUDGETS', error.detail);
  return goneEnd(error, pod);
}

/** 409 is a precondition that does not hold. */
function goneEnd(error: ApiProblem, { name }: PodRef): End {
  if (error.code === 'API_NOT_FOUND') return ok(undefined);
  return error.code === 'API_CONFLICT' ? problem('REPLACED', `Pod ${name} is another one by now`) : err(error);
}

function scalePatch(
  object: unknown,
  from: number,
  to: number,
  note: SurgeNote | null,
): JsonPatch | 'changed' | undefined {
  const replicas = field(field(object, 'spec'), 'replicas');
  const annotated = annotationPatch(object, surgeAnnotation, note === null ? undefined : JSON.stringify(note));
  // The number may be somebody else's: only with our note on it is it ours.
  if (replicas === to) return note !== null && annotated !== undefined && from !== to ? 'changed' : annotated;
  if (replicas !== from) return 'changed';
  return [
    ...(annotated ?? [isItself(object)]),
    { op: 'test', path: '/spec/replicas', value: from },
    { op: 'replace', path: '/spec/replicas', value: to },
  ];
}
