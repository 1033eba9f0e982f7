/** A move by eviction: asked for until the budgets allow it, then waited for until the replacement is ready (facts 4.5). Pure. */
import type { Result } from '../../../config/result.ts';
import { type Millis, millis } from '../../../config/values.ts';
import type { GateProblem } from '../gate.ts';
import type { OwnerFacts, PodFacts } from '../workloads/facts.ts';
import {
  askAgainAfter,
  type Common,
  type Deed,
  type FlightEnd,
  type FlightLimits,
  isSteady,
  seenReady,
} from './flight.ts';
import type { Move } from './plan.ts';

export type Eviction = Common & {
  readonly method: 'evict';
  readonly stage:
    | { readonly name: 'ask'; readonly notBefore: Millis; readonly tries: number; readonly known: ReadonlySet<string> }
    /** `known`: the owner's pods when it was asked for; the replacement is none of them. */
    | { readonly name: 'land'; readonly asked: Millis; readonly known: ReadonlySet<string> };
};

export type EvictionStep = {
  readonly flight?: Eviction;
  readonly deed?: Deed;
  readonly end?: FlightEnd;
};

export const beginEviction = (move: Move, now: Millis): Eviction => ({
  ...{ method: 'evict', move, began: now, seen: undefined },
  stage: { name: 'ask', notBefore: now, tries: 0, known: new Set() },
});

/** `halted`: nothing new is to be begun; what was begun is watched to its end. */
export type Look = {
  readonly owner: OwnerFacts | undefined;
  readonly pods: readonly PodFacts[];
  readonly halted: boolean;
  readonly now: Millis;
  readonly limits: FlightLimits;
};

export function stepEviction(flight: Eviction, look: Look): EvictionStep {
  const { owner } = look;
  if (owner === undefined || owner.replicas === 0) return overtaken('its owner is another one by now');
  return flight.stage.name === 'ask' ? ask(flight, flight.stage, look) : land(flight, look, owner, flight.stage);
}

type Asking = Extract<Eviction['stage'], { name: 'ask' }>;

function ask(flight: Eviction, stage: Asking, { pods, halted, now, limits, owner }: Look): EvictionStep {
  const { move, began } = flight;
  if (halted) return overtaken('it was not begun');
  const pod = pods.find(({ uid }) => uid === move.pod.uid);
  if (pod === undefined || pod.terminating || pod.node !== move.from) return overtaken('the pod is not there any more');
  if (owner?.rolling) return overtaken('its owner is being changed');
  // Between the plan and now one of the others may have become unready.
  if (pod.ready && pods.length > 1 && !pods.some((one) => one.uid !== pod.uid && one.ready && !one.terminating))
    return overtaken('no other pod of its owner is ready');
  if (now - began >= limits.budget) return missed('its PodDisruptionBudget did not allow it');
  if (stage.notBefore > now) return { flight };
  // Before it is asked for: the replacement may be there sooner than the answer.
  const known = new Set(pods.map(({ uid }) => uid));
  return { flight: { ...flight, stage: { ...stage, known } }, deed: { deed: 'evict', pod: move.pod } };
}

/** What came of the eviction that was asked for; `fraction`: 0 to 1, by chance. */
export function afterEviction(
  flight: Eviction,
  result: Result<void, GateProblem>,
  { now, limits, fraction }: Pick<Look, 'now' | 'limits'> & { readonly fraction: number },
): EvictionStep {
  const { stage } = flight;
  if (stage.name !== 'ask') return { flight };
  if (result.ok) return { flight: { ...flight, stage: { name: 'land', asked: now, known: stage.known } } };
  const { error } = result;
  switch (error.code) {
    case 'BUDGET': {
      const retryAfter = 'retryAfter' in error ? error.retryAfter : undefined;
      const notBefore = millis(now + askAgainAfter(stage.tries, retryAfter, fraction, limits));
      return { flight: { ...flight, stage: { ...stage, notBefore, tries: stage.tries + 1 } } };
    }
    case 'REPLACED':
    case 'CHANGED':
    case 'API_NOT_FOUND':
    case 'API_CONFLICT':
      return overtaken(error.detail);
    case 'SEVERAL_BUDGETS':
      return missed('several PodDisruptionBudgets cover it, which the Eviction API cannot do');
    default:
      return missed(`the API refused: ${error.detail}`);
  }
}

function land(
  flight: Eviction,
  { pods, now, limits }: Look,
  owner: OwnerFacts,
  { asked, known }: Extract<Eviction['stage'], { name: 'land' }>,
): EvictionStep {
  const there = pods.filter(({ terminating }) => !terminating);
  const fresh = there.filter(({ uid }) => !known.has(uid));
  const replacement = fresh.find(({ uid }) => uid === flight.seen?.uid) ?? fresh.find(({ ready }) => ready);
  const seen = seenReady(flight.seen, replacement, now);
  if (replacement?.node !== undefined && isSteady(seen, owner.minReadySeconds, now))
    return { end: { end: 'landed', node: replacement.node } };
  const isGone = !pods.some(({ uid }) => uid === flight.move.pod.uid);
  if (isGone && fresh.length === 0 && there.length >= owner.replicas)
    return overtaken('its owner wants fewer pods now');
  if (now - asked >= limits.landing) return missed(`its replacement was not ready within ${limits.landing / 1000} s`);
  return { flight: { ...flight, seen } };
}

const overtaken = (why: string): EvictionStep => ({ end: { end: 'overtaken', why } });
const missed = (why: string): EvictionStep => ({ end: { end: 'missed', why } });
