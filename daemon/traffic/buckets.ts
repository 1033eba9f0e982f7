/** Token buckets by sender, in bounded memory. Pure. */
import { ticksPerSecond } from './ticks.ts';

/** `burst` at once, and `perSecond` in the long run. */
export type Allowance = { readonly burst: number; readonly perSecond: number };

export type Buckets<Sender> = {
  /** Without taking anything: would there be a token? */
  readonly isEmpty: (sender: Sender) => boolean;
  /** Takes a token; `false` if there is none. A sender for whom there is no room has all tokens, each time. */
  readonly take: (sender: Sender) => boolean;
  /** Senders that are remembered. */
  readonly size: () => number;
};

type Bucket = { tokens: number; tick: number };

/**
 * Senders are remembered in two generations of `sendersMax` at most. A generation lasts as long as an empty bucket needs to
 * be full, so who is forgotten with one had a full bucket anyway. `now` counts ticks.
 */
export function createBuckets<Sender>(allowance: Allowance, sendersMax: number, now: () => number): Buckets<Sender> {
  const perTick = allowance.perSecond / ticksPerSecond;
  const lifetime = Math.ceil(allowance.burst / perTick);
  let young = new Map<Sender, Bucket>();
  let old = new Map<Sender, Bucket>();
  let since = now();

  function turnOver(tick: number): void {
    if (tick - since < lifetime) return;
    old = tick - since < 2 * lifetime ? young : new Map();
    young = new Map();
    since = tick;
  }

  function find(sender: Sender, tick: number): Bucket | undefined {
    turnOver(tick);
    const bucket = young.get(sender) ?? old.get(sender);
    if (bucket === undefined) return undefined;
    bucket.tokens = Math.min(allowance.burst, bucket.tokens + (tick - bucket.tick) * perTick);
    bucket.tick = tick;
    return bucket;
  }

  return {
    isEmpty: (sender) => {
      const bucket = find(sender, now());
      return bucket !== undefined && bucket.tokens < 1;
    },
    take: (sender) => {
      const tick = now();
      const bucket = find(sender, tick) ?? { tokens: allowance.burst, tick };
      if (bucket.tokens < 1) return false;
      bucket.tokens -= 1;
      if (young.size < sendersMax || young.has(sender)) young.set(sender, bucket);
      return true;
    },
    size: () => young.size + old.size,
  };
}
