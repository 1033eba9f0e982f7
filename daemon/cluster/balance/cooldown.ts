/**
 * What is left in peace for a while, so that nothing goes round in circles (facts 4.4): a node that an owner's pod was just
 * put on is not emptied of it again, one that it was just taken from gets none back, and an owner whose pods do not go where
 * they were to go is left alone for longer each time. Pure; moments are elapsed rests.
 */
import { type Millis, millis, minutes } from '../../../config/values.ts';
import type { Move } from './plan.ts';

export type Cooldown = {
  /** Until when, by owner, node and which of the two. */
  readonly pairs: ReadonlyMap<string, Millis>;
  readonly owners: ReadonlyMap<string, Backoff>;
};
type Backoff = { readonly until: Millis; readonly misses: number };

export type CooldownLimits = {
  /** For a pair of owner and node. */
  readonly pair: Millis;
  /** After a first miss of an owner; doubled with each further one. */
  readonly least: Millis;
  readonly most: Millis;
};
export const cooldownLimits: CooldownLimits = { pair: minutes(5), least: minutes(5), most: minutes(6 * 60) };

export const noCooldown: Cooldown = { pairs: new Map(), owners: new Map() };

const pairKey = (owner: string, node: string, role: 'came' | 'went'): string => `${role} ${owner} ${node}`;

type Way = Pick<Move, 'owner' | 'from' | 'to'>;

/** Until when a move has to wait, if it has to. */
export function heldUntil({ pairs, owners }: Cooldown, { owner, from, to }: Way, now: Millis): Millis | undefined {
  const ends = [
    owners.get(owner)?.until,
    pairs.get(pairKey(owner, from, 'came')),
    pairs.get(pairKey(owner, to, 'went')),
  ].filter((until) => until !== undefined && until > now);
  return ends.length === 0 ? undefined : millis(Math.max(...ends.map(Number)));
}

/** A pod of the owner was asked to leave this node. */
export const left = (before: Cooldown, owner: string, node: string, now: Millis, limits: CooldownLimits): Cooldown =>
  withPair(before, pairKey(owner, node, 'went'), millis(now + limits.pair));

/** Its replacement is on this node, and that was good. */
export function landed(before: Cooldown, owner: string, node: string, now: Millis, limits: CooldownLimits): Cooldown {
  const after = withPair(before, pairKey(owner, node, 'came'), millis(now + limits.pair));
  const owners = new Map(after.owners);
  owners.delete(owner);
  return { ...after, owners };
}

/** It did not go as it was to. */
export function missed(before: Cooldown, owner: string, now: Millis, limits: CooldownLimits): Cooldown {
  const misses = (before.owners.get(owner)?.misses ?? 0) + 1;
  const pause = Math.min(limits.most, limits.least * 2 ** Math.min(misses - 1, 20));
  return { ...before, owners: new Map(before.owners).set(owner, { until: millis(now + pause), misses }) };
}

/** Left alone for a moment, which says nothing against it. */
export function rested(before: Cooldown, owner: string, now: Millis, pause: Millis): Cooldown {
  const { until = now, misses = 0 } = before.owners.get(owner) ?? {};
  const later = millis(Math.max(until, now + pause));
  return { ...before, owners: new Map(before.owners).set(owner, { until: later, misses }) };
}

/** Without what is long over, so that it does not grow. How often an owner missed is known for as long again as it may wait. */
export const pruned = ({ pairs, owners }: Cooldown, now: Millis, limits: CooldownLimits): Cooldown => ({
  pairs: new Map([...pairs].filter(([, until]) => until > now)),
  owners: new Map([...owners].filter(([, { until }]) => until + limits.most > now)),
});

const withPair = (before: Cooldown, key: string, until: Millis): Cooldown => ({
  ...before,
  pairs: new Map(before.pairs).set(key, until),
});
