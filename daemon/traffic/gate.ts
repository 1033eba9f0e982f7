/**
 * Who is listened to, before anything is read or looked up. Those we know have a lane of their own, that a flood of others
 * cannot fill: each is limited by itself only. All others share one allowance besides: a forger can be a new sender with
 * every datagram.
 */
import { type Allowance, createBuckets } from './buckets.ts';

export type Limits = {
  /** For each sender. */
  readonly each: Allowance;
  /** For all that we do not know, together. */
  readonly strangers: Allowance;
};

export type Passage = 'known' | 'stranger' | 'flood';
export type Gate<Sender> = (sender: Sender) => Passage;

/** Strangers that are remembered at a time; those beyond are held by the shared allowance alone. */
const strangersMax = 2048;
/** More than there are addresses in any network that a board may be in. */
const knownMax = 65_536;

/** `now` counts ticks. `isKnown` is asked each time, so it has to cost nothing. */
export function createGate<Sender>(
  limits: Limits,
  deps: { readonly isKnown: (sender: Sender) => boolean; readonly now: () => number },
): Gate<Sender> {
  const known = createBuckets<Sender>(limits.each, knownMax, deps.now);
  const strangers = createBuckets<Sender>(limits.each, strangersMax, deps.now);
  const together = createBuckets<'all'>(limits.strangers, 1, deps.now);
  return (sender) => {
    if (deps.isKnown(sender)) return known.take(sender) ? 'known' : 'flood';
    // One that shouts must not use up what the others share.
    if (strangers.isEmpty(sender) || !together.take('all')) return 'flood';
    strangers.take(sender);
    return 'stranger';
  };
}
