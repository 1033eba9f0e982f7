/**
 * Carrying a plan out, as data: which of its moves may begin now, what those under way want next, and what comes of them. One
 * move per owner, few in all, each judged when it has ended; a run that does not make anything better ends itself (facts 4.5).
 * Pure; moments are elapsed rests.
 */
import type { Result } from '../../../config/result.ts';
import { type Millis, seconds } from '../../../config/values.ts';
import type { GateProblem } from '../gate.ts';
import type { PodFacts, World } from '../workloads/facts.ts';
import {
  type Cooldown,
  type CooldownLimits,
  cooldownLimits,
  heldUntil,
  landed,
  left,
  missed,
  noCooldown,
  rested,
} from './cooldown.ts';
import { afterEviction, beginEviction, type Eviction, stepEviction } from './eviction.ts';
import { type Deed, type FlightEnd, type FlightLimits, flightLimits, podsByOwner } from './flight.ts';
import { falls, isBetter } from './objective.ts';
import type { Move, Plan, SkipCode } from './plan.ts';
import { afterSurge, beginSurge, type LeftSurge, resumeSurge, type Surge, stepSurge } from './surge.ts';

export type Flight = Eviction | Surge;

export type RunLimits = {
  readonly cooldown: CooldownLimits;
  readonly flight: FlightLimits;
  /** In a row, before the run ends itself. */
  readonly misses: number;
};
export const runLimits: RunLimits = { cooldown: cooldownLimits, flight: flightLimits, misses: 3 };

export type Run = {
  readonly reason: string;
  /** Moves that were begun, and how many may be. */
  readonly begun: number;
  readonly most: number;
  readonly landed: number;
  /** In a row. */
  readonly misses: number;
  /** When a move last began or ended. */
  readonly stirred: Millis;
};

export type Moving = {
  readonly flights: readonly Flight[];
  readonly cooldown: Cooldown;
  readonly run: Run | undefined;
};

export const nothingMoving: Moving = { flights: [], cooldown: noCooldown, run: undefined };

/** Twice what the first plan needs, since others change the world meanwhile, and a few. */
export const beginRun = (reason: string, first: Plan, now: Millis): Run => ({
  ...{ reason, begun: 0, landed: 0, misses: 0, stirred: now },
  most: 2 * first.moves.length + 10,
});

export type Choice = {
  readonly begin: readonly Flight[];
  /** Moves that wait for a cool-down. */
  readonly held: readonly { readonly move: Move; readonly until: Millis }[];
};

/** At most so many moves are under way. */
export const atOnce = (nodes: number): number => Math.max(1, Math.floor(nodes / 10));

/** Which moves of the plan begin now. `nodes`: how many there are to move between. */
export function choose(
  plan: Plan,
  world: World,
  moving: Moving,
  { now, nodes, limits }: { readonly now: Millis; readonly nodes: number; readonly limits: RunLimits },
): Choice {
  const begin: Flight[] = [];
  const held: { move: Move; until: Millis }[] = [];
  const [owners, budgets] = [
    new Set(moving.flights.map(ownerOf)),
    new Set(moving.flights.map(({ move }) => move.budget)),
  ];
  const { run } = moving;
  const allowed = run === undefined || run.misses >= limits.misses ? 0 : run.most - run.begun;
  const room = Math.min(atOnce(nodes) - underWay(moving), allowed);
  const seen = new Set<string>();
  for (const move of isBetter(plan) ? plan.moves : []) {
    // What follows is on top of this one.
    if (seen.has(move.owner)) break;
    seen.add(move.owner);
    const until = heldUntil(moving.cooldown, move, now);
    if (until !== undefined) {
      held.push({ move, until });
      continue;
    }
    if (begin.length >= room) break;
    if (owners.has(move.owner) || (move.budget !== undefined && budgets.has(move.budget))) continue;
    const flight = beginning(move, world, now);
    if (flight === undefined) continue;
    owners.add(move.owner);
    budgets.add(move.budget);
    begin.push(flight);
  }
  return { begin, held };
}

/** Only what it put on is still to be taken off: no pod waits for it. */
const isTidying = (flight: Flight): boolean => flight.method === 'surge' && flight.stage.name === 'let-stand';
const underWay = ({ flights }: Moving): number => flights.filter((flight) => !isTidying(flight)).length;
/** A plan is worth making. */
export const hasRoom = (moving: Moving, nodes: number): boolean => underWay(moving) < atOnce(nodes);
/** Nothing was done yet. */
const isNew = ({ stage }: Flight): boolean => stage.name === 'ask' || stage.name === 'grow';
const ownerOf = ({ move }: Flight): string => move.owner;

function beginning(move: Move, world: World, now: Millis): Flight | undefined {
  if (move.method === 'evict') return beginEviction(move, now);
  const owner = world.owners.get(move.owner);
  return owner?.deployment && beginSurge(move, owner.deployment, owner.replicas, now);
}

export const began = ({ flights, cooldown, run }: Moving, begin: readonly Flight[], now: Millis): Moving => ({
  flights: [...flights, ...begin],
  cooldown,
  run: run && { ...run, begun: run.begun + begin.length, stirred: begin.length === 0 ? run.stirred : now },
});

/** With those surges that an earlier daemon left. */
export const resumed = (moving: Moving, left: readonly LeftSurge[], world: World, now: Millis): Moving => ({
  ...moving,
  flights: [...moving.flights, ...left.map((one) => resumeSurge(one, world.pods.get(one.note.pod), now))],
});

export type Step = { readonly flight?: Flight; readonly deed?: Deed; readonly end?: FlightEnd };
export type Moment = {
  readonly now: Millis;
  /** Nothing new is to be begun. */
  readonly halted: boolean;
  readonly limits: FlightLimits;
};

/** What each of them wants next, in their order. */
export function stepAll(flights: readonly Flight[], world: World, moment: Moment): readonly Step[] {
  const surging = new Set(flights.flatMap((one) => (one.method === 'surge' ? one.deployment.uid : [])));
  const replicaSets = [...(surging.size === 0 ? [] : world.owners.values())].filter(
    ({ deployment }) => deployment !== undefined && surging.has(deployment.uid),
  );
  const owners = new Set([...flights.map(ownerOf), ...replicaSets.map(({ uid }) => uid)]);
  const pods = podsByOwner(world, owners);
  const podsOf = (uid: string): readonly PodFacts[] => pods.get(uid) ?? [];
  return flights.map((flight): Step => {
    if (flight.method === 'evict') {
      const { owner } = flight.move;
      return stepEviction(flight, { ...moment, owner: world.owners.get(owner), pods: podsOf(owner) });
    }
    const own = replicaSets.filter(({ deployment }) => deployment?.uid === flight.deployment.uid);
    return stepSurge(flight, {
      ...moment,
      owners: own,
      pods: own.flatMap(({ uid }) => podsOf(uid)),
      gains: (node) => falls({ ...flight.move, to: node }, world, 'arrived'),
    });
  });
}

export const afterDeed = (
  flight: Flight,
  deed: Deed,
  result: Result<void, GateProblem>,
  context: { readonly now: Millis; readonly limits: FlightLimits; readonly fraction: number },
): Step =>
  flight.method === 'surge' ? afterSurge(flight, deed, result, context) : afterEviction(flight, result, context);

/** An end, judged: one that landed where it made nothing better has missed. */
export function judged(move: Move, end: FlightEnd, world: World): FlightEnd {
  if (end.end !== 'landed' || end.node === move.to || move.to === '') return end;
  if (falls({ ...move, to: end.node }, world, 'done')) return end;
  const where = end.node === move.from ? 'came back' : `came to ${end.node}, not to ${move.to}`;
  return { end: 'missed', why: `its new pod ${where}` };
}

/** The flight is over with this (judged) end. */
export function ended(moving: Moving, flight: Flight, end: FlightEnd, now: Millis, limits: RunLimits): Moving {
  const { owner, from } = flight.move;
  const flights = moving.flights.filter((one) => one !== flight);
  const { cooldown } = moving;
  const run = moving.run && { ...moving.run, stirred: now };
  const undone = run && { ...run, begun: run.begun - (isNew(flight) ? 1 : 0) };
  switch (end.end) {
    case 'overtaken':
      // It is looked at again when the world had time to change.
      return { flights, run: undone, cooldown: rested(cooldown, owner, now, AGAIN) };
    case 'missed':
      return {
        flights,
        cooldown: missed(cooldown, owner, now, limits.cooldown),
        run: isNew(flight) ? undone : run && { ...run, misses: run.misses + 1 },
      };
    case 'landed': {
      const gone = left(cooldown, owner, from, now, limits.cooldown);
      return {
        flights,
        cooldown: landed(gone, owner, end.node, now, limits.cooldown),
        run: run && { ...run, misses: 0, landed: run.landed + 1 },
      };
    }
  }
}

const AGAIN = seconds(5);

export type RunEnd =
  /** There is nothing more to move. */
  | { readonly end: 'even' }
  /** It makes nothing better. */
  | { readonly end: 'broke-off'; readonly why: string };

/** What passes by itself. */
const passing: readonly SkipCode[] = ['settling', 'rolling', 'budget', 'cooling'];

/** Whether the run is over, after `choose`; undefined: it goes on, or waits for what passes. */
export function runEnd(
  plan: Plan,
  { begin, held }: Choice,
  { run, flights }: Moving,
  { now, limits }: { readonly now: Millis; readonly limits: RunLimits },
): RunEnd | undefined {
  if (run === undefined || !flights.every(isTidying) || begin.length > 0) return undefined;
  if (run.misses >= limits.misses)
    return { end: 'broke-off', why: `${run.misses} moves in a row did not make anything better` };
  if (plan.moves.length === 0) {
    const waits = plan.skipped.some(({ code }) => passing.includes(code)) && now - run.stirred < limits.flight.landing;
    return waits ? undefined : { end: 'even' };
  }
  if (run.begun >= run.most)
    return { end: 'broke-off', why: `${run.begun} moves were not enough, with ${plan.moves.length} more to do` };
  if (held.length === 0) return { end: 'broke-off', why: 'the moves that are left would make nothing better' };
  return undefined;
}
