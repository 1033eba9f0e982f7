/**
 * When a fenced board is back for good: it looks well without a break for a while, and longer each time it was fenced again
 * shortly after. Pure; moments are counts of rests.
 */
import { type Millis, millis, minutes, seconds } from '../../../config/values.ts';
import { LASTS, LEASE_OLD, type Sight, type Suspicion } from './suspicion.ts';

/** Of one fenced board. `well`: since when it looks well without a break. */
export type Steadiness = { readonly well: Millis | undefined };

/** A Lease is renewed at least once in it, so that it is never taken for well on what was heard before. */
export const STEADY = seconds(15);
export const STEADY_MAX = minutes(5);
/** A board that is fenced again within this time of its return is flapping. */
const FLAPS_WITHIN = minutes(10);

export function looksWell({ path, lease, power, ready }: Sight, { since }: Suspicion, now: Millis): boolean {
  // One lost packet is none.
  const isSilent = path === 'silent' && since.path !== undefined && now - since.path >= LASTS;
  return ready && !isSilent && power !== 'off' && lease !== undefined && lease < LEASE_OLD;
}

export const steady = (
  before: Steadiness | undefined,
  { sight, suspicion }: { readonly sight: Sight; readonly suspicion: Suspicion },
  now: Millis,
): Steadiness => ({ well: looksWell(sight, suspicion, now) ? (before?.well ?? now) : undefined });

export const isSteady = ({ well }: Steadiness, now: Millis, needed: Millis): boolean =>
  well !== undefined && now - well >= needed;

/** Returns of one board, for the next one. */
export type Returns = { readonly needed: Millis; readonly at: Millis };

/** How long it has to look well this time. `last`: of its last return. */
export function steadyTime(last: Returns | undefined, fenced: Millis): Millis {
  if (last === undefined || fenced - last.at > FLAPS_WITHIN) return STEADY;
  return millis(Math.min(last.needed * 2, STEADY_MAX));
}
