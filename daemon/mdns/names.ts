/** The names that the master publishes, from the wish to the announcement: who has them, what is said when. Pure. */
import { after, type Instant, type Ipv4, type Millis, millis, minutes, seconds } from '../../config/values.ts';
import { type Announcer, announceAgain, publish, silentAnnouncer } from './announcer.ts';
import {
  type Claims,
  contest,
  countContest,
  defer,
  isHeld,
  lose,
  noClaims,
  release,
  startOver,
  stateOf,
  step,
  want,
} from './claims.ts';
import {
  identity,
  isReverse,
  type MdnsRecord,
  nextName,
  ownerAddress,
  renamed,
  sameName,
  uniqueNames,
} from './records.ts';
import { type Contradiction, contradictions, rightlyClaimed } from './responder.ts';
import { compareClaims } from './tiebreak.ts';
import type { Heard } from './truncated.ts';

export type Names = {
  /** The master's: names of this host get another number when somebody else has them, all others are left to him. */
  readonly ownAddress: Ipv4;
  readonly wanted: readonly MdnsRecord[];
  /** From the wanted name in lower case to the one that was free. */
  readonly renames: ReadonlyMap<string, string>;
  readonly claims: Claims;
  readonly announcer: Announcer;
  /** Conflicts that were told, by wanted name in lower case: what the other host says. */
  readonly told: ReadonlyMap<string, string>;
};

export type NameEvent =
  /** `newName`: what we are called instead of `name`, for the master's own. For others we are silent while it lasts. */
  | { readonly kind: 'conflict'; readonly name: string; readonly theirs: MdnsRecord; readonly newName?: string }
  /** The other host is gone and the name is ours, or we do not want it any more. */
  | { readonly kind: 'conflict-over'; readonly name: string };

export type NamesStep = {
  readonly names: Names;
  /** To be multicast, goodbyes among them. */
  readonly say: readonly MdnsRecord[];
  /** To be probed for: all of these for their names. */
  readonly probe: readonly MdnsRecord[];
  readonly events: readonly NameEvent[];
};

/** How long a name is left to another host before we ask whether it still has it. */
const recheck = minutes(5);
const recheckOwnerMin = seconds(10);

export const noNames = (ownAddress: Ipv4): Names => ({
  ownAddress,
  wanted: [],
  renames: new Map(),
  claims: noClaims,
  announcer: silentAnnouncer,
  told: new Map(),
});

/** All records under the names they have now, whether these are ours yet or not. */
export const currentRecords = ({ wanted, renames }: Names): readonly MdnsRecord[] => renamed(wanted, renames);

/** What may be answered: unique names once they are ours, pointers to them likewise. */
export function heldRecords(names: Names): readonly MdnsRecord[] {
  const current = currentRecords(names);
  const unique = uniqueNames(current);
  return current.filter((record) => {
    if (record.unique) return isHeld(names.claims, record.name);
    return record.type !== 'PTR' || !unique.has(record.target.toLowerCase()) || isHeld(names.claims, record.target);
  });
}

/** From now on these records and no others; `delay` is the random wait before the first probe. */
export function wantRecords(names: Names, wanted: readonly MdnsRecord[], now: Instant, delay: Millis): NamesStep {
  const next = reclaimed({ ...names, wanted }, now, delay);
  const over = [...names.told.keys()].filter((name) => !next.told.has(name));
  return { ...published(next, now), events: over.map((name) => ({ kind: 'conflict-over', name })) };
}

/** The network may be another one now (RFC 6762 section 8): everything from the start, also the names we gave way on. */
export function restart(names: Names, ownAddress: Ipv4, now: Instant, delay: Millis): Names {
  const fresh = { ...names, ownAddress, renames: new Map(), announcer: silentAnnouncer };
  return { ...fresh, claims: startOver(reclaimed(fresh, now, delay).claims, now, delay) };
}

/** To be called when `nextClaim` or `announcer.again` is due; earlier is no harm. */
export function tick(names: Names, now: Instant): NamesStep {
  const { claims, probe, won } = step(names.claims, now);
  const over = won.filter((name) => names.told.has(name));
  const told = new Map([...names.told].filter(([name]) => !over.includes(name)));
  const { names: next, say } =
    won.length === 0 ? quiet({ ...names, claims, told }) : published({ ...names, claims, told }, now);
  const { again } = names.announcer;
  const due = again !== undefined && again.at <= now ? again.records : [];
  // The news takes along what is due again, so that it is said once.
  const announcer =
    due.length > 0 && next.announcer.again === again ? announceAgain(next.announcer).announcer : next.announcer;
  const said = new Set(say.map(identity));
  return {
    names: { ...next, announcer },
    say: [...say, ...due.filter((record) => !said.has(identity(record)) && isHeldRecord(next, record))],
    probe: currentRecords(next).filter(
      (record) => record.unique && record.type !== 'NSEC' && probe.includes(record.name.toLowerCase()),
    ),
    events: over.map((name) => ({ kind: 'conflict-over', name })),
  };
}

/** Another host answers or announces: for a name of ours (RFC 6762 section 9), or that it has one no longer. */
export function hearResponse(names: Names, heard: Heard, now: Instant): NamesStep {
  const gone = heard.message.answers.filter(({ ttl }) => ttl === 0);
  const claims = gone.reduce((left, { name }) => release(left, name, now), names.claims);
  return contradictedBy(contradictions(heard, currentRecords(names)), names, { ...names, claims }, now);
}

/**
 * Another host probes: for a name that we probe for (RFC 6762 8.2), or a board for one of its own. That gets it before it
 * has to hear anything else from us.
 */
export function hearProbe(names: Names, heard: Heard, now: Instant): NamesStep {
  if (heard.message.authorities.length === 0) return quiet(names);
  const current = currentRecords(names);
  const contested = heard.message.authorities.filter(({ name }) => stateOf(names.claims, name) === 'probing');
  const right = contested.length === 0 ? new Set() : rightlyClaimed(heard, current);
  const lost = [...new Set(contested.map(({ name }) => name.toLowerCase()))].filter((name) => {
    const theirs = contested.filter((record) => sameName(record.name, name));
    const ours = current.filter((record) => record.unique && sameName(record.name, name));
    return !right.has(name) && compareClaims(ours, theirs) < 0;
  });
  const claims = lost.reduce((left, name) => defer(left, name, now), names.claims);
  const byOwner = contradictions(heard, current).filter((one) => one.byOwner);
  return contradictedBy(byOwner, names, { ...names, claims }, now);
}

function contradictedBy(all: readonly Contradiction[], before: Names, start: Names, now: Instant): NamesStep {
  let names = start;
  const events: NameEvent[] = [];
  for (const contradiction of all) {
    const decided = contradicted(names, contradiction, now);
    names = decided.names;
    events.push(...decided.events);
  }
  const same = names.claims === before.claims && names.renames === before.renames;
  return { ...(same ? quiet(names) : published(names, now)), events };
}

function contradicted(
  names: Names,
  { theirs, byOwner }: Contradiction,
  now: Instant,
): Pick<NamesStep, 'names' | 'events'> {
  const name = theirs.name.toLowerCase();
  const lost = (wait: Millis): Names => ({ ...names, claims: lose(names.claims, name, after(now, wait)) });
  if (byOwner) return { names: lost(millis(Math.max(theirs.ttl, recheckOwnerMin))), events: [] };
  const state = stateOf(names.claims, name);
  if (state === 'held') return { names: { ...names, claims: contest(names.claims, name, now) }, events: [] };
  if (state === 'lost') return { names: lost(recheck), events: [] };
  if (ownerAddress(name, currentRecords(names)) === names.ownAddress && !isReverse(name)) {
    const newName = nextName(theirs.name);
    const original = [...names.renames].find(([, used]) => sameName(used, name))?.[0] ?? name;
    const renames = new Map(names.renames).set(original, newName);
    const told = new Map(names.told).set(original, identity(theirs));
    const { counted, wait } = countContest(names.claims, now);
    const next = reclaimed({ ...names, renames, told, claims: counted }, now, wait);
    return { names: next, events: [{ kind: 'conflict', name: original, theirs, newName }] };
  }
  // Told once, not at each check.
  const news = names.told.get(name) !== identity(theirs);
  const told = new Map(names.told).set(name, identity(theirs));
  return { names: { ...lost(recheck), told }, events: news ? [{ kind: 'conflict', name, theirs }] : [] };
}

function reclaimed(names: Names, now: Instant, delay: Millis): Names {
  const wanted = uniqueNames(names.wanted);
  const told = new Map([...names.told].filter(([name]) => wanted.has(name)));
  return { ...names, told, claims: want(names.claims, uniqueNames(currentRecords(names)), now, delay) };
}

function published(names: Names, now: Instant): NamesStep {
  // A name that is still wanted and not held is another's, or about to be; and so is what points to it.
  const isTheirs = (name: string): boolean => stateOf(names.claims, name) !== undefined && !isHeld(names.claims, name);
  const goodbyeLess = (record: MdnsRecord): boolean =>
    isTheirs(record.unique || record.type !== 'PTR' ? record.name : record.target);
  const { announcer, say } = publish(names.announcer, heldRecords(names), now, goodbyeLess);
  return { ...quiet({ ...names, announcer }), say };
}

const quiet = (names: Names): NamesStep => ({ names, say: [], probe: [], events: [] });

const isHeldRecord = (names: Names, record: MdnsRecord): boolean => !record.unique || isHeld(names.claims, record.name);
