/**
 * Decide → commit → do. The only place that changes a board: events of one board are taken one after another, boards go
 * in parallel; state, event and pending effects are on disk before anything is done about them or promised to anybody.
 */
import type { Result } from '../../config/result.ts';
import { ok, type Problem, problem } from '../../config/result.ts';
import { type DeviceId, type Hostname, type Instant, millis, seconds, since } from '../../config/values.ts';
import type { Clock, Log, Random } from '../ports.ts';
import { type ArrivalRules, createArrivals } from './arrivals.ts';
import type { Device, StateName } from './device.ts';
import type { Effect } from './effect.ts';
import type { LifecycleEvent } from './event.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { createPatience } from './patience.ts';
import type { Sighting } from './registry.ts';
import { type Transition, transition } from './transition.ts';
import { createTwoBoards, type TwoBoards } from './two-boards.ts';

/** What the runner asks of the store; see `daemon/store/`. */
export type Write =
  | { readonly write: 'put-device'; readonly device: Device }
  | {
      readonly write: 'append-event';
      readonly device: DeviceId;
      readonly at: Instant;
      readonly event: LifecycleEvent;
      readonly from: StateName;
      readonly to: StateName;
      readonly reason: string;
    }
  | { readonly write: 'set-effects'; readonly device: DeviceId; readonly effects: readonly Effect[] }
  | { readonly write: 'delete-device'; readonly device: DeviceId }
  | { readonly write: 'put-setting'; readonly key: string; readonly value: string };

/** Idempotent. Returns the event that ends the effect, or undefined if the end is seen elsewhere (a Node gets Ready). */
export type Execute = Readonly<
  Record<Effect, (device: Device, signal: AbortSignal) => Promise<LifecycleEvent | undefined>>
>;

export type RunnerDeps = {
  readonly commit: (batch: readonly Write[]) => Promise<unknown>;
  readonly devices: readonly Device[];
  readonly pendingEffects: ReadonlyMap<DeviceId, readonly Effect[]>;
  readonly nextNumber: number;
  /** Undefined until the network of the boards is known: then nobody can be given an address. */
  readonly reservation: () => ArrivalRules | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly execute: Execute;
  /** After each commit. Called once per change, in order for one board. What it throws is logged: the change stands. */
  readonly onChange: (change: Change) => void;
  /** At each turn of `run`, every minute at least: it has not got stuck. */
  readonly onTurn?: () => void;
};

export type Change = { readonly before: Device | undefined; readonly after: Device | undefined };

export type Runner = TwoBoards & {
  readonly fleet: Fleet;
  /** A packet of a board, known or not. Settles when its reservation is on disk. */
  readonly sight: (sighting: Sighting) => Promise<Result<Device, Problem>>;
  /** These three: see `Arrivals`. */
  readonly expect: (name: Hostname, by: string) => Promise<Result<Device, Problem>>;
  readonly drop: (id: DeviceId) => Promise<boolean>;
  readonly readdress: (id: DeviceId) => Promise<Result<Device, Problem>>;
  readonly dispatch: (id: DeviceId, event: LifecycleEvent) => Promise<Result<Transition, Problem<'DEVICE_GONE'>>>;
  /** Goes on where the last process ended; settles when the signal is aborted and nothing is under way any more. */
  readonly run: () => Promise<void>;
};

/** Pause before an effect that threw, or whose end could not be written, is tried again; doubled each time up to the second. */
const EFFECT_PAUSE = seconds(3);
const EFFECT_PAUSE_MAX = seconds(30);
/** Between two looks at the deadlines, which are minutes. */
const TURN = seconds(5);

export function createRunner(deps: RunnerDeps): Runner {
  const { clock, log, signal } = deps;
  const fleet = createFleet(deps.devices);
  const queues = new Map<DeviceId, Promise<unknown>>();
  const running = new Map<DeviceId, AbortController>();
  const underWay = new Set<Promise<void>>();
  const patience = createPatience();
  let elapsed = millis(0);
  const arrivals = createArrivals({ ...deps, fleet, inTurn, tell, forget, elapsed: () => elapsed });

  const twoBoards = createTwoBoards({ ...deps, fleet, inTurn, tell, carryOut, forget });

  function dispatch(id: DeviceId, event: LifecycleEvent) {
    const isItself = event.event === 'installer-reported' || event.event === 'boot-file-served';
    if (isItself) arrivals.heardOf(id);
    return inTurn(id, () => step(id, event));
  }

  /** One thing at a time for each board. */
  function inTurn<T>(id: DeviceId, job: () => Promise<T>): Promise<T> {
    const turn = (queues.get(id) ?? Promise.resolve()).then(job);
    const settled = turn.catch(() => undefined);
    queues.set(id, settled);
    void settled.then(() => queues.get(id) === settled && queues.delete(id));
    return turn;
  }

  async function step(id: DeviceId, event: LifecycleEvent): Promise<Result<Transition, Problem<'DEVICE_GONE'>>> {
    const before = fleet.byId(id);
    if (before === undefined) return problem('DEVICE_GONE', `${id} is not known any more`);
    const now = clock.now();
    const decided = transition(before, event, now);
    if (decided.outcome === 'nothing' || decided.outcome === 'refused') return ok(decided);
    const after = decided.device;
    const [from, to] = [before.state.name, after.state.name];
    const entry: Write = { write: 'append-event', device: id, at: now, event, from, to, reason: decided.reason };
    const writes: Record<typeof decided.outcome, readonly Write[]> = {
      learned: [{ write: 'put-device', device: after }],
      noted: [entry],
      moved: [
        { write: 'put-device', device: after },
        entry,
        { write: 'set-effects', device: id, effects: decided.effects },
      ],
      // Its events and effects go with it.
      dropped: [{ write: 'delete-device', device: id }],
    };
    await deps.commit(writes[decided.outcome]);
    if (decided.outcome === 'dropped') {
      forget(before, decided.reason);
      return ok(decided);
    }
    fleet.put(after);
    tell({ before, after });
    if (decided.outcome === 'moved') {
      const spent = since(before.since, now);
      log.info('board moved', { name: before.name, from, to, after: spent, reason: decided.reason });
      carryOut(after, decided.effects);
    }
    return ok(decided);
  }

  async function sight(sighting: Sighting): Promise<Result<Device, Problem>> {
    const known = fleet.byMac(sighting.mac) ?? fleet.awaited(sighting.hostname ?? '');
    if (known === undefined) return arrivals.welcome(sighting);
    arrivals.heardOf(known.id);
    const { mac, serial, model } = sighting;
    const event = { event: 'dhcp-seen', mac, ...(serial && { serial }), ...(model && { model }) } as const;
    // A packet moves no board. What it tells of the board can be told again; name and address are on disk.
    await dispatch(known.id, event).catch((cause: unknown) =>
      log.warn('what a packet tells of a board is not written', { name: known.name, cause }),
    );
    const device = fleet.byId(known.id);
    if (device === undefined) return sight(sighting);
    // Once more: its lease is the one of the state that it is in by now.
    arrivals.heardOf(known.id);
    return arrivals.addressed(device);
  }

  /** Those who look on must not hold up what was committed. */
  function tell(change: Change): void {
    try {
      deps.onChange(change);
    } catch (error) {
      log.error('a committed change was not shown', { name: (change.after ?? change.before)?.name, error });
    }
  }

  function forget(device: Device, why: string): void {
    running.get(device.id)?.abort();
    running.delete(device.id);
    fleet.remove(device.id);
    arrivals.forgotten(device.id);
    tell({ before: device, after: undefined });
    log.warn('board dropped', { name: device.name, why });
  }

  /** Ends what the board's last state wanted, and starts what this one wants. */
  function carryOut(device: Device, effects: readonly Effect[]): void {
    running.get(device.id)?.abort();
    running.delete(device.id);
    if (effects.length === 0 || signal.aborted) return;
    const mine = new AbortController();
    running.set(device.id, mine);
    const both = AbortSignal.any([signal, mine.signal]);
    for (const effect of effects) {
      const work = untilDone(device, effect, both).finally(() => underWay.delete(work));
      underWay.add(work);
    }
  }

  async function untilDone(device: Device, effect: Effect, stop: AbortSignal): Promise<void> {
    for (let pause = EFFECT_PAUSE; !stop.aborted; pause = millis(Math.min(pause * 2, EFFECT_PAUSE_MAX))) {
      try {
        const end = await deps.execute[effect](device, stop);
        if (end !== undefined && !stop.aborted) await dispatch(device.id, end);
        return;
      } catch (error) {
        if (stop.aborted) return;
        log.error('effect failed, will be tried again', { name: device.name, effect, error: String(error) });
        await clock.sleep(pause, stop).catch(() => undefined);
      }
    }
  }

  async function run(): Promise<void> {
    for (const device of fleet.all()) carryOut(device, deps.pendingEffects.get(device.id) ?? []);
    while (!signal.aborted) {
      deps.onTurn?.();
      await clock.sleep(TURN, signal).catch(() => undefined);
      if (signal.aborted) break;
      elapsed = millis(elapsed + TURN);
      for (const device of patience.rested(TURN, fleet.all())) await passDeadline(device);
    }
    await Promise.all([...underWay, ...queues.values()]);
  }

  /** What cannot be written now is tried again at the next turn: a full disk passes, and the deadline is still there. */
  async function passDeadline({ id, name, since: from }: Device): Promise<void> {
    await dispatch(id, { event: 'deadline-passed', since: from }).catch((error: unknown) =>
      log.error('deadline not written, will be tried again', { name, error: String(error) }),
    );
  }

  const { expect, drop, readdress } = arrivals;
  return { fleet, sight, expect, drop, readdress, ...twoBoards, dispatch, run };
}
