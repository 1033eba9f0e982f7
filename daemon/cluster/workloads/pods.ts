/** The slim copy of a pod. Pure, but for sharing what pods have in common. */
import { type Instant, instant } from '../../../config/values.ts';
import { field, list, nameOf, text, textsOf } from '../watch-event.ts';
import type { OwnerRef, PodFacts, PodPhase, PodShape } from './facts.ts';
import { readShape } from './shapes.ts';
import { createShared } from './shared.ts';
import { readWish } from './wishes.ts';

const phases: readonly string[] = ['Pending', 'Running', 'Succeeded', 'Failed'];
const isPhase = (value: unknown): value is PodPhase => typeof value === 'string' && phases.includes(value);

/** Pods that say the same of themselves get the same `shape`, `labels` and `owner`. */
export function createPodReader(): (object: unknown) => PodFacts | undefined {
  const shareShape = createShared<PodShape>();
  const shareLabels = createShared<PodFacts['labels']>();
  const shareOwner = createShared<OwnerRef>();
  return (object) => {
    const [metadata, spec, status] = [field(object, 'metadata'), field(object, 'spec'), field(object, 'status')];
    const [name, uid] = [nameOf(object), text(field(metadata, 'uid'))];
    if (name === undefined || uid === undefined) return undefined;
    const labels = shareLabels(textsOf(field(metadata, 'labels')));
    const owner = readController(metadata);
    const ready = list(field(status, 'conditions')).find((condition) => field(condition, 'type') === 'Ready');
    const phase = field(status, 'phase');
    const source = { spec, labels, namespace: text(field(metadata, 'namespace')) ?? '' };
    return {
      ...{ name, uid },
      node: text(field(spec, 'nodeName')) || undefined,
      owner: owner && shareOwner(owner),
      phase: isPhase(phase) ? phase : 'Unknown',
      ready: field(ready, 'status') === 'True',
      readySince: momentOf(field(ready, 'lastTransitionTime')),
      terminating: field(metadata, 'deletionTimestamp') !== undefined,
      created: momentOf(field(metadata, 'creationTimestamp')) ?? instant(0),
      labels,
      shape: shareShape(readShape({ ...source, pod: text(field(metadata, 'name')) ?? '' })),
      wish: readWish(metadata),
      deletionCost: costOf(field(field(metadata, 'annotations'), 'controller.kubernetes.io/pod-deletion-cost')),
      mirror: field(field(metadata, 'annotations'), 'kubernetes.io/config.mirror') !== undefined,
    };
  };
}

/** At most one owner is the controller. */
export function readController(metadata: unknown): OwnerRef | undefined {
  const reference = list(field(metadata, 'ownerReferences')).find((one) => field(one, 'controller') === true);
  const [kind, uid, name] = ['kind', 'uid', 'name'].map((part) => text(field(reference, part)));
  return kind === undefined || uid === undefined || name === undefined ? undefined : { kind, uid, name };
}

const momentOf = (value: unknown): Instant | undefined => {
  const moment = Date.parse(text(value) ?? '');
  return Number.isNaN(moment) ? undefined : instant(moment);
};

/** The API lets through what is no int32, and its controllers take that for 0. */
const costOf = (value: unknown): number => (/^-?\d{1,10}$/.test(text(value) ?? '') ? Number(value) : 0);
