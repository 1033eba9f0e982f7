/**
 * What stands between a board that is held gone and its fence. Each breaker is one reason to do nothing: what looks like many
 * boards gone is nearly always one cable. Pure; moments are counts of rests.
 */
import { type Millis, minutes, seconds } from '../../../config/values.ts';
import { STALE } from '../workloads/fresh.ts';

/** What does not depend on boards. */
export type Surroundings = {
  /** Since the daemon looks. */
  readonly uptime: Millis;
  readonly mode: 'on' | 'off';
  /** Who paused it, in words. */
  readonly paused: string | undefined;
  /** How long ago the API server was last heard; undefined: never, or what it has was not read yet. */
  readonly heard: Millis | undefined;
  readonly ownLink: 'up' | 'down';
};

/** Boards by name. Planned ones are in none of these. */
export type Rack = {
  /** Workers that have a Node. */
  readonly nodes: number;
  readonly fenced: number;
  /** All that a sign has lasted of, `gone` among them; not those that are fenced. */
  readonly suspects: readonly string[];
  /** Longest gone first. */
  readonly gone: readonly string[];
  /** A Node on which their pods could run. */
  readonly isRoomElsewhere: boolean;
};

/** `since`: the last moment at which there were too many suspects. */
export type Storm = { readonly since: Millis; readonly suspects: number } | undefined;

export type HeldCode =
  | 'off'
  | 'paused'
  | 'starting'
  | 'stale'
  | 'own-link'
  | 'storm'
  | 'cool-down'
  | 'limit'
  | 'nowhere';
/** Why nothing is done though it might be; `text` in plain words, for the owner. */
export type Held = { readonly code: HeldCode; readonly text: string };

export type Decision = { readonly fence: readonly string[]; readonly held: Held | undefined; readonly storm: Storm };

/** Boards have to be seen well before they can be missed, and a master that has just started knows nothing. */
export const FIRST_MINUTE = minutes(1);
/** A switch that restarts lets its ports through one by one. */
export const COOL_DOWN = seconds(60);

/** At most a fifth of the workers is fenced at the same time, and one in any case. */
export const fenceLimit = (nodes: number): number => Math.max(1, Math.floor(nodes / 5));

export function decide(before: Storm, rack: Rack, around: Surroundings, now: Millis): Decision {
  const limit = fenceLimit(rack.nodes);
  const storm = rack.suspects.length > limit ? { since: now, suspects: rack.suspects.length } : calmed(before, now);
  const held = blanket(around) ?? stormHeld(storm, now);
  if (held !== undefined) return { fence: [], held, storm };
  if (rack.gone.length === 0) return { fence: [], held: undefined, storm };
  if (!rack.isRoomElsewhere) return { fence: [], held: nowhere, storm };
  const room = Math.max(0, limit - rack.fenced);
  const fence = rack.gone.slice(0, room);
  return { fence, held: fence.length < rack.gone.length ? limitHeld(rack, limit) : undefined, storm };
}

const calmed = (storm: Storm, now: Millis): Storm =>
  storm !== undefined && now - storm.since < COOL_DOWN ? storm : undefined;

/** What holds whichever board it is about. */
export function blanket({ mode, paused, uptime, heard, ownLink }: Surroundings): Held | undefined {
  if (mode === 'off') return { code: 'off', text: 'failover.mode is off' };
  if (paused !== undefined) return { code: 'paused', text: paused };
  if (uptime < FIRST_MINUTE)
    return { code: 'starting', text: 'the daemon has just started: its first minute it only looks' };
  if (heard === undefined) return { code: 'stale', text: 'what the cluster has was not read yet' };
  if (heard > STALE)
    return {
      code: 'stale',
      text: `the API server was last heard ${Math.round(heard / 1000)} s ago: nothing is decided on old news`,
    };
  if (ownLink === 'down')
    return { code: 'own-link', text: 'the master itself is cut off: look at its cable, or at the switch' };
  return undefined;
}

function stormHeld(storm: Storm, now: Millis): Held | undefined {
  if (storm === undefined) return undefined;
  const { since, suspects } = storm;
  if (since === now)
    return { code: 'storm', text: `${suspects} boards are silent at once: switch or master cable? Nothing is fenced` };
  const left = Math.ceil((COOL_DOWN - (now - since)) / 1000);
  return { code: 'cool-down', text: `${suspects} boards were silent at once: for ${left} s more nothing is fenced` };
}

const nowhere: Held = { code: 'nowhere', text: 'no other Node could take its pods' };

const limitHeld = ({ fenced, nodes }: Rack, limit: number): Held => ({
  code: 'limit',
  text: `${fenced} of ${nodes} workers ${fenced === 1 ? 'is' : 'are'} fenced, and ${limit} may be: pods of others are replaced when Kubernetes says so; bramble leave takes a board out that will not come back`,
});
