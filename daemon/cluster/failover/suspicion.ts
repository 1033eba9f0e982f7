/**
 * From what is seen of a board to whether it is held gone: two signs, each without a break, together for `failover.after`.
 * Whoever hears it, the master or another board, ends all suspicion. Pure; moments are counts of rests.
 */
import { type Millis, millis, seconds } from '../../../config/values.ts';
import type { Answer, PowerState } from './signs.ts';

/** In the order in which they are told. */
export const signNames = ['path', 'peer', 'lease', 'power'] as const;
export type Sign = (typeof signNames)[number];

/** What is seen of one board at one moment. */
export type Sight = {
  readonly path: Answer;
  /** Of other boards that were asked a moment ago. `peerSince`: when the first was asked that gave this answer, no other came between. */
  readonly peer: Answer;
  readonly peerSince: Millis | undefined;
  /** How long ago, by our count, its kubelet was last heard to renew its Lease; undefined: never. */
  readonly lease: Millis | undefined;
  readonly power: PowerState;
  /** The Node's condition; its kubelet sets it, or Kubernetes after 40 s. */
  readonly ready: boolean;
};

export type Suspicion = {
  /** The master's path worked, and its Node was Ready: only then something follows from silence. */
  readonly answered: boolean;
  readonly wasReady: boolean;
  /** Since when each sign is there without a break. */
  readonly since: Readonly<Partial<Record<Sign, Millis>>>;
};

/** `suspect`: a sign has lasted. `gone`: two did, long enough. */
export type Verdict = 'well' | 'suspect' | 'gone';

/** A kubelet renews every 10 s (facts 3.1), a little later on a busy board. */
export const LEASE_OLD = seconds(13);

/** Less may be one lost packet. */
export const LASTS = millis(1500);

export const nothingKnown: Suspicion = { answered: false, wasReady: false, since: {} };

export function suspect(before: Suspicion, sight: Sight, now: Millis): Suspicion {
  const began = (sign: Sign): Millis => (sign === 'peer' ? sight.peerSince : undefined) ?? now;
  return {
    answered: before.answered || sight.path === 'alive',
    wasReady: before.wasReady || sight.ready,
    since: Object.fromEntries(signsOf(sight).map((sign) => [sign, before.since[sign] ?? began(sign)])),
  };
}

function signsOf({ path, peer, lease, power }: Sight): readonly Sign[] {
  if (path === 'alive' || peer === 'alive') return [];
  const isThere: Readonly<Record<Sign, boolean>> = {
    path: path === 'silent',
    peer: peer === 'silent',
    lease: lease !== undefined && lease >= LEASE_OLD,
    power: power === 'off',
  };
  return signNames.filter((sign) => isThere[sign]);
}

export function verdictOf(suspicion: Suspicion, now: Millis, after: Millis): Verdict {
  if (!suspicion.answered || !suspicion.wasReady) return 'well';
  const [first, second] = Object.values(suspicion.since).sort((a, b) => a - b);
  if (first === undefined) return 'well';
  if (second !== undefined && now - second >= after) return 'gone';
  return now - first >= LASTS ? 'suspect' : 'well';
}

const words: Readonly<Record<Sign, string>> = {
  path: 'the master hears nothing of it',
  peer: 'no other board reaches it',
  lease: 'its kubelet does not renew its Lease',
  power: 'its power is off',
};

/** `the master hears nothing of it (for 5 s), no other board reaches it (for 4 s)`, without times if no moment is given; empty without signs. */
export function signsText({ since }: Suspicion, now?: Millis): string {
  const told = signNames.flatMap((sign) => {
    const from = since[sign];
    if (from === undefined) return [];
    return [now === undefined ? words[sign] : `${words[sign]} (for ${Math.round((now - from) / 1000)} s)`];
  });
  return told.join(', ');
}
