/**
 * Decide → commit → do. The only place that changes a board: events of one board are taken one after another, boards go
 * in parallel; state, event and pending effects are on disk before anything is done about them or promised to anybody.
 */
import type { Result } from '../../config/result.ts';
import { ok, type Problem, problem } from '../../config/result.ts';
import { type DeviceId, type Instant, type Mac, millis, parseDeviceId, seconds, since } from '../../config/values.ts';
import type { Clock, Log, Random } from '../ports.ts';
import type { Device, StateName } from './device.ts';
import type { Effect } from './effect.ts';
import type { LifecycleEvent } from './event.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { type ReservationRules, reserve, type Sighting } from './registry.ts';
import { type Transition, transition } from './transition.ts';

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

export type RunnerDeps = {
  readonly commit: (batch: readonly Write[]) => Promise<unknown>;
  readonly devices: readonly Device[];
  readonly pendingEffects: ReadonlyMap<DeviceId, readonly Effect[]>;
  readonly nextNumber: number;
  /** Undefined until the network of the boards is known: then nobody can be given an address. */
  readonly reservation: () => Omit<ReservationRules, 'nextNumber'> | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Idempotent. Returns the event that ends the effect, or undefined if the end is seen elsewhere (a Node gets Ready). */
  readonly execute: Readonly<
    Record<Effect, (device: Device, signal: AbortSignal) => Promise<LifecycleEvent | undefined>>
  >;
  /** After each commit. Called once per change, in order for one board. */
  readonly onChange: (change: Change) => void;
};

export type Change = { readonly before: Device | undefined; readonly after: Device | undefined };

export type Runner = {
  readonly fleet: Fleet;
  /** A packet of a board, known or not. Settles when its reservation is on disk. */
  readonly sight: (sighting: Sighting) => Promise<Result<Device, Problem>>;
  readonly dispatch: (id: DeviceId, event: LifecycleEvent) => Promise<Result<Transition, Problem<'DEVICE_GONE'>>>;
  /** Goes on where the last process ended; settles when the signal is aborted and nothing is under way any more. */
  readonly run: () => Promise<void>;
};

/** Pause before an effect that threw is tried again. */
const EFFECT_PAUSE = seconds(3);

export function createRunner(deps: RunnerDeps): Runner {
  const { clock, log, signal } = deps;
  const fleet = createFleet(deps.devices);
  const queues = new Map<DeviceId, Promise<unknown>>();
  const running = new Map<DeviceId, AbortController>();
  const underWay = new Set<Promise<void>>();
  const sightings = new Map<Mac, Promise<Result<Device, Problem>>>();
  /** Reserved but not yet on disk: nobody else may get the same name or address. */
  const claimed = new Map<DeviceId, Device>();
  let nextNumber = deps.nextNumber;
  let deadlinesChanged = new AbortController();

  function dispatch(id: DeviceId, event: LifecycleEvent) {
    const turn = (queues.get(id) ?? Promise.resolve()).then(() => step(id, event));
    const settled = turn.catch(() => undefined);
    queues.set(id, settled);
    void settled.then(() => queues.get(id) === settled && queues.delete(id));
    return turn;
  }

  async function step(id: DeviceId, event: LifecycleEvent): Promise<Result<Transition, Problem<'DEVICE_GONE'>>> {
    const before = fleet.byId(id);
    if (before === undefined) return problem('DEVICE_GONE', `${id} is not known any more`);
    const decided = transition(before, event, clock.now());
    if (decided.outcome === 'nothing' || decided.outcome === 'refused') return ok(decided);
    const after = decided.device;
    const writes: Write[] = [{ write: 'put-device', device: after }];
    if (decided.outcome === 'moved') {
      writes.push(
        {
          write: 'append-event',
          device: id,
          at: after.since,
          event,
          from: before.state.name,
          to: after.state.name,
          reason: decided.reason,
        },
        { write: 'set-effects', device: id, effects: decided.effects },
      );
    }
    await deps.commit(writes);
    fleet.put(after);
    deps.onChange({ before, after });
    if (decided.outcome === 'moved') {
      const { name, since: from } = before;
      const spent = since(from, after.since);
      log.info('board moved', {
        name,
        from: before.state.name,
        to: after.state.name,
        after: spent,
        reason: decided.reason,
      });
      deadlinesChanged.abort();
      carryOut(after, decided.effects);
    }
    return ok(decided);
  }

  async function sight(sighting: Sighting): Promise<Result<Device, Problem>> {
    const known = fleet.byMac(sighting.mac);
    if (known === undefined) return firstSight(sighting);
    const { mac, serial, model } = sighting;
    const event = { event: 'dhcp-seen', mac, ...(serial && { serial }), ...(model && { model }) } as const;
    const result = await dispatch(known.id, event);
    return result.ok ? ok(result.value.device) : sight(sighting);
  }

  function firstSight(sighting: Sighting): Promise<Result<Device, Problem>> {
    const same = sightings.get(sighting.mac);
    if (same !== undefined) return same;
    const turn = register(sighting).finally(() => sightings.delete(sighting.mac));
    sightings.set(sighting.mac, turn);
    return turn;
  }

  async function register(sighting: Sighting): Promise<Result<Device, Problem>> {
    const rules = deps.reservation();
    if (rules === undefined) return problem('NO_NETWORK', 'the network of the boards is not known yet');
    const now = clock.now();
    const all = [...fleet.all(), ...claimed.values()];
    const reserved = reserve(sighting, newId(), all, { ...rules, nextNumber }, now);
    if (!reserved.ok) return reserved;
    const { device, dropped, number } = reserved.value;
    nextNumber = number + 1;
    claimed.set(device.id, device);
    try {
      await deps.commit([
        ...(dropped === undefined ? [] : [{ write: 'delete-device', device: dropped.id } as const]),
        { write: 'put-device', device },
        {
          write: 'append-event',
          device: device.id,
          at: now,
          event: { event: 'dhcp-seen', mac: sighting.mac },
          from: 'seen',
          to: 'seen',
          reason: `first seen; ${device.name} and ${device.address} are its own from now on`,
        },
        { write: 'put-setting', key: 'names.next', value: String(nextNumber) },
      ]);
    } finally {
      claimed.delete(device.id);
    }
    if (dropped !== undefined) forget(dropped);
    fleet.put(device);
    deps.onChange({ before: undefined, after: device });
    log.info('board first seen', { name: device.name, mac: sighting.mac, address: device.address });
    return ok(device);
  }

  function forget(device: Device): void {
    running.get(device.id)?.abort();
    fleet.remove(device.id);
    deps.onChange({ before: device, after: undefined });
    log.warn('board dropped: too many that nobody accepted', { name: device.name });
  }

  function newId(): DeviceId {
    const hex = Buffer.from(deps.random.bytes(6)).toString('hex');
    const id = parseDeviceId(`d-${hex}`);
    if (!id.ok) throw new Error(id.error.detail);
    return id.value;
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
    while (!stop.aborted) {
      try {
        const end = await deps.execute[effect](device, stop);
        if (end !== undefined && !stop.aborted) await dispatch(device.id, end);
        return;
      } catch (error) {
        if (stop.aborted) return;
        log.error('effect failed, will be tried again', { name: device.name, effect, error: String(error) });
        await clock.sleep(EFFECT_PAUSE, stop).catch(() => undefined);
      }
    }
  }

  async function run(): Promise<void> {
    for (const device of fleet.all()) carryOut(device, deps.pendingEffects.get(device.id) ?? []);
    while (!signal.aborted) {
      const now = clock.now();
      const deadlines = fleet
        .all()
        .flatMap((device) => (device.deadline === undefined ? [] : [{ device, at: device.deadline }]));
      for (const { device, at } of deadlines) if (at <= now) await dispatch(device.id, { event: 'deadline-passed' });
      const next = Math.min(...deadlines.map(({ at }) => at).filter((at) => at > now), now + 60_000);
      deadlinesChanged = new AbortController();
      await clock.sleep(millis(next - now), AbortSignal.any([signal, deadlinesChanged.signal])).catch(() => undefined);
    }
    await Promise.all([...underWay, ...queues.values()]);
  }

  return { fleet, sight, dispatch, run };
}
