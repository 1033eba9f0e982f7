/**
 * A move of an application's only pod, so that it is never without one: its Deployment is scaled up by one, and down again
 * once the new pod is ready where it was to come; the deletion cost says which of the two goes. The Deployment carries a note
 * for as long as it is one bigger, put on and taken off in the same patch as the number: whoever finds one ends the matter.
 * A number that somebody else wrote meanwhile stands. Pure; moments are elapsed rests.
 */
import type { Result } from '../../../config/result.ts';
import { type Millis, millis } from '../../../config/values.ts';
import type { GateProblem, SurgeNote } from '../gate.ts';
import type { OwnerFacts, PodFacts } from '../workloads/facts.ts';
import {
  askAgainAfter,
  type Common,
  type Deed,
  type FlightEnd,
  type FlightLimits,
  isSteady,
  type PodName,
  seenReady,
} from './flight.ts';
import type { Move } from './plan.ts';

/** Lower than anybody's own. */
export const GOES_FIRST = -1000;

type Stage =
  /** Nothing is done yet. */
  | { readonly name: 'grow' }
  /** It is one bigger, and the new pod is waited for. */
  | { readonly name: 'await'; readonly since: Millis }
  | { readonly name: 'mark' }
  | { readonly name: 'shrink' }
  /** It has its number again, and the old pod is going. */
  | { readonly name: 'leave'; readonly since: Millis }
  /** Back to how it was, with the old pod. */
  | { readonly name: 'undo'; readonly marked: boolean; readonly ends: FlightEnd }
  /** Somebody else said how many there are to be: only what we put on is taken off. */
  | { readonly name: 'let-stand'; readonly reset: readonly string[]; readonly ends: FlightEnd };

export type Surge = Common & {
  readonly method: 'surge';
  readonly deployment: PodName;
  readonly note: SurgeNote;
  /** Where the new pod is to come; undefined where nobody remembers: anywhere else. */
  readonly to: string | undefined;
  readonly stage: Stage;
  /** After calls that failed. */
  readonly notBefore: Millis;
  readonly tries: number;
};

export type SurgeStep = { readonly flight?: Surge; readonly deed?: Deed; readonly end?: FlightEnd };

const waiting = (now: Millis) => ({ began: now, seen: undefined, notBefore: now, tries: 0 }) as const;

export const beginSurge = (move: Move, deployment: PodName, replicas: number, now: Millis): Surge => ({
  ...waiting(now),
  ...{ method: 'surge', move, deployment, to: move.to, stage: { name: 'grow' } },
  note: { pod: move.pod.name, uid: move.pod.uid, from: replicas },
});

/** A Deployment that carries a note of ours, as an earlier daemon left it. */
export type LeftSurge = { readonly deployment: PodName; readonly replicas: number; readonly note: SurgeNote };

export function resumeSurge({ deployment, replicas, note }: LeftSurge, old: PodFacts | undefined, now: Millis): Surge {
  const move: Move = {
    ...{ owner: old?.owner?.uid ?? deployment.uid, title: `Deployment ${deployment.name}` },
    ...{ pod: { name: note.pod, uid: note.uid }, from: old?.node ?? '', to: '', goal: 'even', method: 'surge' },
    ...{
      why: 'it was begun before the daemon was started again',
      budget: undefined,
      before: { from: 1, to: 0 },
      after: { from: 0, to: 1 },
    },
  };
  const stage: Stage =
    replicas === note.from + 1 ? { name: 'await', since: now } : { name: 'let-stand', reset: [], ends: stands };
  return { ...waiting(now), method: 'surge', move, deployment, to: undefined, note, stage };
}

export type SurgeLook = {
  /** Its ReplicaSets and all their pods. */
  readonly owners: readonly OwnerFacts[];
  readonly pods: readonly PodFacts[];
  /** Whether it is any good that the new pod is on this node. */
  readonly gains: (node: string) => boolean;
  readonly halted: boolean;
  readonly now: Millis;
  readonly limits: FlightLimits;
};

export function stepSurge(flight: Surge, look: SurgeLook): SurgeStep {
  const { note, stage } = flight;
  const there = look.pods.filter(({ terminating }) => !terminating);
  const old = there.find(({ uid }) => uid === note.uid);
  const fresh = there.filter(({ uid }) => uid !== note.uid).reduce(newest, undefined);
  const seen = seenReady(flight.seen, fresh, look.now);
  const next: Surge = { ...flight, seen };
  if (flight.notBefore > look.now) return { flight: next };
  switch (stage.name) {
    case 'grow':
      return grow(next, old, look);
    case 'await':
      return awaitFresh(next, stage.since, { old, fresh }, look);
    case 'mark':
      if (old === undefined) return undo(next, overtaken('the old pod went by itself'));
      return { flight: next, deed: { deed: 'set-cost', pod: nameOf(old), cost: GOES_FIRST } };
    case 'shrink':
      if (old === undefined) return undo(next, overtaken('the old pod went by itself'));
      // Never less than one that is ready: a new pod that is not so any more is waited for again.
      if (seen === undefined) return { flight: { ...next, stage: { name: 'await', since: look.now } } };
      return { flight: next, deed: shrink(next) };
    case 'leave':
      return leave(next, stage.since, { old, fresh }, look);
    case 'undo':
      if (!stage.marked && old !== undefined && fresh !== undefined)
        return { flight: next, deed: { deed: 'set-cost', pod: nameOf(fresh), cost: GOES_FIRST } };
      return { flight: next, deed: shrink(next) };
    case 'let-stand': {
      const marked = there.find(({ uid, deletionCost }) => deletionCost === GOES_FIRST && !stage.reset.includes(uid));
      if (marked !== undefined) return { flight: next, deed: { deed: 'set-cost', pod: nameOf(marked), cost: 0 } };
      return { flight: next, deed: { deed: 'forget-surge', deployment: flight.deployment } };
    }
  }
}

type Two = { readonly old: PodFacts | undefined; readonly fresh: PodFacts | undefined };

function grow(flight: Surge, old: PodFacts | undefined, { owners, halted }: SurgeLook): SurgeStep {
  const { move, note, deployment } = flight;
  const owner = owners.find(({ uid }) => uid === move.owner);
  if (halted) return { end: overtaken('it was not begun') };
  if (owner === undefined || owner.rolling || owner.replicas !== note.from)
    return { end: overtaken('its Deployment is being changed') };
  if (owner.scaledBy !== undefined) return { end: overtaken('somebody else decides how many there are') };
  if (old === undefined || old.node !== move.from) return { end: overtaken('the pod is not there any more') };
  if (old.deletionCost !== 0) return { end: missed('its pod has a deletion cost that is not ours') };
  const deed: Deed = { deed: 'scale', deployment, from: note.from, to: note.from + 1, note };
  return { flight, deed };
}

function awaitFresh(flight: Surge, since: Millis, { old, fresh }: Two, look: SurgeLook): SurgeStep {
  const { owners, halted, now, limits, gains } = look;
  if (old === undefined) return undo(flight, overtaken('the old pod went by itself'));
  if (halted) return undo(flight, overtaken('balance was stopped'));
  const node = fresh?.node;
  if (node !== undefined && node !== flight.to && (node === old.node || (flight.to !== undefined && !gains(node))))
    return undo(flight, missed(`its new pod came to ${node}${flight.to === undefined ? '' : `, not to ${flight.to}`}`));
  const minReadySeconds = owners.find(({ uid }) => uid === fresh?.owner?.uid)?.minReadySeconds ?? 0;
  if (node !== undefined && isSteady(flight.seen, minReadySeconds, now))
    return stepSurge({ ...flight, stage: { name: 'mark' } }, look);
  if (now - since >= limits.landing)
    return undo(flight, missed(`its new pod was not ready within ${limits.landing / 1000} s`));
  return { flight };
}

function leave(flight: Surge, since: Millis, { old, fresh }: Two, { now, limits }: SurgeLook): SurgeStep {
  if (old === undefined) {
    if (fresh?.node !== undefined && fresh.ready) return { end: { end: 'landed', node: fresh.node } };
    return now - since >= limits.landing ? { end: overtaken('both pods went') } : { flight };
  }
  // Before Kubernetes 1.22 nobody reads the cost, and the newest goes.
  const wrong = fresh === undefined ? 'the new pod went, and not the old one' : undefined;
  const late = now - since >= limits.landing ? 'neither pod went' : undefined;
  const why = wrong ?? late;
  if (why === undefined) return { flight };
  return { flight: { ...flight, stage: { name: 'let-stand', reset: [], ends: missed(why) } }, end: missed(why) };
}

/** What came of the deed that `flight` wanted. `fraction`: 0 to 1, by chance. */
export function afterSurge(
  flight: Surge,
  deed: Deed,
  result: Result<void, GateProblem>,
  { now, limits, fraction }: Pick<SurgeLook, 'now' | 'limits'> & { readonly fraction: number },
): SurgeStep {
  const { stage } = flight;
  const to = (next: Stage): SurgeStep => ({ flight: { ...flight, stage: next, tries: 0, notBefore: now } });
  const code = result.ok ? undefined : result.error.code;
  const isAnother = code === 'REPLACED' || code === 'API_NOT_FOUND';
  if (deed.deed === 'set-cost') {
    // One that is there no more needs none.
    if (!result.ok && !isAnother) return again();
    if (stage.name === 'mark') return to({ name: result.ok ? 'shrink' : 'await', since: now });
    if (stage.name === 'undo') return to({ ...stage, marked: true });
    return stage.name === 'let-stand' ? to({ ...stage, reset: [...stage.reset, deed.pod.uid] }) : { flight };
  }
  if (isAnother) return { end: overtaken('its Deployment is another one by now') };
  if (stage.name === 'let-stand') return result.ok ? { end: stage.ends } : again();
  if (stage.name === 'grow') {
    if (result.ok) return to({ name: 'await', since: now });
    if (code === 'CHANGED') return { end: overtaken('its Deployment is being changed') };
    if (code === 'API_FORBIDDEN' || code === 'API_INVALID') return { end: missed(result.error.detail) };
    // It may have been done, for all we know.
    return to({ name: 'undo', marked: false, ends: missed(result.error.detail) });
  }
  if (result.ok) return stage.name === 'undo' ? { end: stage.ends } : to({ name: 'leave', since: now });
  return code === 'CHANGED' ? to({ name: 'let-stand', reset: [], ends: stands }) : again();

  function again(): SurgeStep {
    const pause = askAgainAfter(flight.tries, undefined, fraction, limits);
    return { flight: { ...flight, tries: flight.tries + 1, notBefore: millis(now + pause) } };
  }
}

const shrink = ({ deployment, note }: Surge): Deed => ({
  ...{ deed: 'scale', deployment, from: note.from + 1, to: note.from, note: null },
});
const undo = (flight: Surge, ends: FlightEnd): SurgeStep => ({
  flight: { ...flight, stage: { name: 'undo', marked: false, ends } },
});
const newest = (a: PodFacts | undefined, b: PodFacts): PodFacts => (a === undefined || b.created >= a.created ? b : a);
const nameOf = ({ name, uid }: PodFacts): PodName => ({ name, uid });
const stands: FlightEnd = { end: 'overtaken', why: 'its replicas were changed meanwhile: that stands' };
const overtaken = (why: string): FlightEnd => ({ end: 'overtaken', why });
const missed = (why: string): FlightEnd => ({ end: 'missed', why });
