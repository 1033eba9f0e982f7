/** Whose a name is: probed for before it is used, defended, lost (RFC 6762 sections 8.1, 8.2, 9). Pure. */
import { after, type Instant, type Millis, millis, seconds, since } from '../../config/values.ts';
import { earliest } from './alarm.ts';

export type Claim =
  /** `at`: the next probe is due, or, after the third one, the name is ours. */
  | { readonly state: 'probing'; readonly sent: number; readonly at: Instant }
  | { readonly state: 'held' }
  /** Another host has it. `at`: we ask again whether it still does. */
  | { readonly state: 'lost'; readonly at: Instant };

export type Claims = {
  /** By name in lower case. */
  readonly byName: ReadonlyMap<string, Claim>;
  /** When names were contested: the last fifteen times. */
  readonly contests: readonly Instant[];
};

export const noClaims: Claims = { byName: new Map(), contests: [] };

const probeInterval = millis(250);
const probeCount = 3;
/** RFC 6762 8.1: a random wait before the first probe, so that after a power cut not all machines ask at once. */
export const probeDelayMax = millis(250);
/** 8.2: the loser of a tie asks again. */
const tieDelay = seconds(1);
/** 8.1: fifteen conflicts within ten seconds, and there is at least five seconds before each further attempt. */
const contestsMax = 15;
const contestsWindow = seconds(10);
const contestsDelay = seconds(5);

/** These names and no others are wanted. New ones are probed for, from `delay` on. */
export function want(claims: Claims, names: ReadonlySet<string>, now: Instant, delay: Millis): Claims {
  const at = after(now, delay);
  const byName = new Map<string, Claim>();
  for (const name of names) byName.set(name, claims.byName.get(name) ?? { state: 'probing', sent: 0, at });
  return { ...claims, byName };
}

export type ClaimStep = {
  readonly claims: Claims;
  /** To be probed for, now. */
  readonly probe: readonly string[];
  /** Have just become ours. */
  readonly won: readonly string[];
};

/** To be called when `nextClaim` is due; earlier is no harm. */
export function step(claims: Claims, now: Instant): ClaimStep {
  const probe: string[] = [];
  const won: string[] = [];
  const byName = new Map<string, Claim>();
  for (const [name, claim] of claims.byName) {
    if (claim.state === 'held' || claim.at > now) byName.set(name, claim);
    else if (claim.state === 'lost') {
      probe.push(name);
      byName.set(name, { state: 'probing', sent: 1, at: after(now, probeInterval) });
    } else if (claim.sent < probeCount) {
      probe.push(name);
      byName.set(name, { state: 'probing', sent: claim.sent + 1, at: after(now, probeInterval) });
    } else {
      won.push(name);
      byName.set(name, { state: 'held' });
    }
  }
  return { claims: { ...claims, byName }, probe, won };
}

/** When `step` has something to do. */
export const nextClaim = (claims: Claims): Instant | undefined =>
  earliest(Array.from(claims.byName.values(), (claim) => (claim.state === 'held' ? undefined : claim.at)));

export const isHeld = (claims: Claims, name: string): boolean => stateOf(claims, name) === 'held';

export const stateOf = (claims: Claims, name: string): Claim['state'] | undefined =>
  claims.byName.get(name.toLowerCase())?.state;

/** Somebody else answers for a name that we hold: we ask who has it, and say nothing meanwhile (RFC 6762 section 9). */
export function contest(claims: Claims, name: string, now: Instant): Claims {
  if (!isHeld(claims, name)) return claims;
  const { counted, wait } = countContest(claims, now);
  return set(counted, name, { state: 'probing', sent: 0, at: after(now, wait) });
}

/** How long to wait before the next attempt: an answer to every probe must not make us ask without end. */
export function countContest(claims: Claims, now: Instant): { readonly counted: Claims; readonly wait: Millis } {
  const isRecent = (at: Instant): boolean => since(at, now) < contestsWindow;
  const last = claims.contests.at(-1);
  // "Each successive" attempt: it goes on until nobody has objected for as long as that.
  const goesOn = claims.contests.length >= contestsMax && last !== undefined && isRecent(last);
  const recent = goesOn ? claims.contests : claims.contests.filter(isRecent);
  const wait = recent.length >= contestsMax ? contestsDelay : millis(0);
  return { counted: { ...claims, contests: [...recent, now].slice(-contestsMax) }, wait };
}

/** Another host has answered our probe, or a board speaks for itself. */
export const lose = (claims: Claims, name: string, again: Instant): Claims =>
  set(claims, name, { state: 'lost', at: again });

/** Another host probes at the same time, and its records come later in the order. */
export const defer = (claims: Claims, name: string, now: Instant): Claims =>
  set(claims, name, { state: 'probing', sent: 0, at: after(now, tieDelay) });

/** The host that had the name said goodbye. */
export const release = (claims: Claims, name: string, now: Instant): Claims =>
  stateOf(claims, name) === 'lost' ? defer(claims, name, now) : claims;

/** After a cable, an address or an interface came back, nobody knows who has which name (RFC 6762 section 8). */
export function startOver(claims: Claims, now: Instant, delay: Millis): Claims {
  return want(noClaims, new Set(claims.byName.keys()), now, delay);
}

function set(claims: Claims, name: string, claim: Claim): Claims {
  const key = name.toLowerCase();
  if (!claims.byName.has(key)) return claims;
  return { ...claims, byName: new Map(claims.byName).set(key, claim) };
}
