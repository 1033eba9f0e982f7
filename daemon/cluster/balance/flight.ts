/**
 * A move under way, as data, and what the world says of it. Nothing is done here: what is to be done comes back as a `Deed`,
 * what came of it goes into `after…`. Moments are elapsed rests. Pure.
 */
import { type Millis, millis, minutes, seconds } from '../../../config/values.ts';
import type { SurgeNote } from '../gate.ts';
import type { PodFacts, World } from '../workloads/facts.ts';
import type { Move } from './plan.ts';

export type PodName = { readonly name: string; readonly uid: string };

/** One call of the gate. */
export type Deed =
  | { readonly deed: 'evict'; readonly pod: PodName }
  | { readonly deed: 'set-cost'; readonly pod: PodName; readonly cost: number }
  | {
      readonly deed: 'scale';
      readonly deployment: PodName;
      readonly from: number;
      readonly to: number;
      readonly note: SurgeNote | null;
    }
  /** Takes the note off, and leaves the number as it is. */
  | { readonly deed: 'forget-surge'; readonly deployment: PodName };

/**
 * `landed`: its replacement is ready on `node`. `overtaken`: somebody else changed what it was about; there is nothing to judge.
 * `missed`: it came to nothing, `why` says how.
 */
export type FlightEnd =
  | { readonly end: 'landed'; readonly node: string }
  | { readonly end: 'overtaken'; readonly why: string }
  | { readonly end: 'missed'; readonly why: string };

export type FlightLimits = {
  /** From the eviction, or the scaling up, until the replacement is ready. */
  readonly landing: Millis;
  /** How long a PodDisruptionBudget is waited for in all; asked again after 5 s to 2 min (facts 4.5). */
  readonly budget: Millis;
  readonly askAgain: { readonly least: Millis; readonly most: Millis };
};
export const flightLimits: FlightLimits = {
  landing: minutes(5),
  budget: minutes(15),
  askAgain: { least: seconds(5), most: minutes(2) },
};

/** Ready for as long as its owner wants, by our own count: the API's clock may be another. */
export type Seen = { readonly uid: string; readonly at: Millis };

export type Common = {
  readonly move: Move;
  readonly began: Millis;
  /** The replacement, once it is ready. */
  readonly seen: Seen | undefined;
};

/** The pods of some owners, for one look: the world may hold tens of thousands. */
export function podsByOwner(world: World, owners: ReadonlySet<string>): ReadonlyMap<string, readonly PodFacts[]> {
  const found = new Map<string, PodFacts[]>([...owners].map((uid) => [uid, []]));
  if (owners.size > 0) for (const pod of world.pods.values()) found.get(pod.owner?.uid ?? '')?.push(pod);
  return found;
}

/** How long a ready pod has been seen ready; starts anew with another pod, or once it was not ready. */
export const seenReady = (before: Seen | undefined, pod: PodFacts | undefined, now: Millis): Seen | undefined =>
  pod?.ready !== true ? undefined : before?.uid === pod.uid ? before : { uid: pod.uid, at: now };

export const isSteady = (seen: Seen | undefined, minReadySeconds: number, now: Millis): boolean =>
  seen !== undefined && now - seen.at >= minReadySeconds * 1000;

/** 5 s to 2 min, doubled per try; of that at least half, so that several come apart. What the server named is kept to. */
export function askAgainAfter(
  tries: number,
  retryAfter: Millis | undefined,
  fraction: number,
  { askAgain: { least, most } }: FlightLimits,
): Millis {
  const ceiling = Math.min(most, 2 * least * 2 ** Math.min(tries, 20));
  const own = Math.max(least, ceiling / 2 + (ceiling / 2) * fraction);
  return millis(Math.round(Math.max(own, Math.min(retryAfter ?? 0, most))));
}
