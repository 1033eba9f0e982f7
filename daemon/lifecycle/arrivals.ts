/** Boards that were never seen before: name and address are theirs, and on disk, before anybody hears of them. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import {
  type DeviceId,
  type Hostname,
  type Ipv4,
  inSubnet,
  type Mac,
  type Millis,
  millis,
  parseDeviceId,
} from '../../config/values.ts';
import type { Clock, Log, Random } from '../ports.ts';
import type { Addressing, Device } from './device.ts';
import { createFleet, type Fleet } from './fleet.ts';
import {
  addressFor,
  isHostsOwn,
  isMisaddressed,
  isOnlyExpected,
  isUndecided,
  type KnownBoards,
  longestProvisionalLease,
  nextAddress,
  provisionalLease,
  type Reservation,
  type ReservationRules,
  reserve,
  type Sighting,
} from './registry.ts';
import type { Change, Write } from './runner.ts';

const firstSeen = ({ name, address }: Device): string =>
  `first seen; ${address === undefined ? `${name} is` : `${name} and ${address} are`} its own from now on`;

/** What the owner and the network say; the rest of the rules is known here. */
export type ArrivalRules = Omit<ReservationRules, 'nextNumber' | 'lastAddress'>;

export type ArrivalDeps = {
  readonly fleet: Fleet;
  readonly commit: (batch: readonly Write[]) => Promise<unknown>;
  readonly reservation: () => ArrivalRules | undefined;
  readonly nextNumber: number;
  readonly clock: Pick<Clock, 'now'>;
  /** Time that went by, counted in rests: never more than really did. The wall clock may jump by hours. */
  readonly elapsed: () => Millis;
  readonly random: Random;
  readonly log: Log;
  /** Runs `job` when nothing else is under way for this board, and lets nothing else begin before it ends. */
  readonly inTurn: <T>(id: DeviceId, job: () => Promise<T>) => Promise<T>;
  readonly tell: (change: Change) => void;
  /** Takes a board that is gone from the disk out of everything. */
  readonly forget: (device: Device, why: string) => void;
};

export type Arrivals = {
  /** Settles when name and address are on disk; rejects if they could not be written. Once for the same address at a time. */
  readonly welcome: (sighting: Sighting) => Promise<Result<Device, Problem>>;
  /**
   * A name and an address of ours for a board that nothing was heard of, so that its image can be made: the board of that
   * name if there is one. It is as good as one that was seen: it gives way if nothing comes of it.
   */
  readonly expect: (name: Hostname, by: string) => Promise<Result<Device, Problem>>;
  /** Takes back a board that was expected and of which no packet was seen: there is nobody to refuse. False of any other. */
  readonly drop: (id: DeviceId) => Promise<boolean>;
  /** The board as it is, or with the kind of address that this network gives by now. Settles when that is on disk. */
  readonly addressed: (device: Device) => Promise<Result<Device, Problem>>;
  /**
   * Another address for a board that nobody decided about, since somebody else uses the one it has. Settles when it is on
   * disk. A board that was decided about keeps its address: it is in certificates and in its own configuration.
   */
  readonly readdress: (id: DeviceId) => Promise<Result<Device, Problem>>;
  /** It is gone from the disk. */
  readonly forgotten: (id: DeviceId) => void;
  /** A known board asked for its address, or spoke from it: it is in use. */
  readonly heardOf: (id: DeviceId) => void;
};

export function createArrivals(deps: ArrivalDeps): Arrivals {
  const { fleet, clock, log } = deps;
  const underWay = new Map<Mac, Promise<Result<Device, Problem>>>();
  /** Reserved but not yet on disk: nobody else may get the same name or address. */
  const claimed = createFleet([]);
  /** About to be dropped, and not yet gone from the disk: it counts no more, but its address is not free yet. */
  const leaving = new Set<DeviceId>();
  /**
   * Until when each board may use its address, by the longest lease that it was told: its state may want a shorter one by
   * now. Not on disk: after a restart all of them count as just told the longest one.
   */
  const heard = new Map<DeviceId, Millis>();
  let nextNumber = deps.nextNumber;
  let lastAddress: Ipv4 | undefined;

  function welcome(sighting: Sighting): Promise<Result<Device, Problem>> {
    const same = underWay.get(sighting.mac);
    if (same !== undefined) return same;
    const turn = register(sighting).finally(() => underWay.delete(sighting.mac));
    underWay.set(sighting.mac, turn);
    return turn;
  }

  async function register(sighting: Sighting): Promise<Result<Device, Problem>> {
    const rules = deps.reservation();
    if (rules === undefined) return problem('NO_NETWORK', 'the network of the boards is not known yet');
    const now = clock.now();
    const reserved = reserve(sighting, newId(), knownBoards(), { ...rules, nextNumber, lastAddress }, now);
    if (!reserved.ok) return reserved;
    const { device, dropped, number } = reserved.value;
    nextNumber = number + 1;
    lastAddress = device.address ?? lastAddress;
    claimed.put(device);
    if (dropped !== undefined) leaving.add(dropped.id);
    try {
      if (!(await settle(reserved.value))) {
        return problem('PENDING_FULL', `${dropped?.name} was to give way and was just decided about: ask again`);
      }
    } finally {
      claimed.remove(device.id);
      if (dropped !== undefined) leaving.delete(dropped.id);
    }
    fleet.put(device);
    heardOf(device.id);
    deps.tell({ before: undefined, after: device });
    log.info('board first seen', { name: device.name, mac: sighting.mac, address: device.address });
    return ok(device);
  }

  async function expect(name: Hostname, by: string): Promise<Result<Device, Problem>> {
    const known = fleet.byName(name);
    if (known !== undefined) return ok(known);
    if (claimed.byName(name) !== undefined) return problem('NAME_TAKEN', `${name} is just being given to a board`);
    const rules = deps.reservation();
    if (rules === undefined) return problem('NO_NETWORK', 'the network of the boards is not known yet');
    if (isHostsOwn(name, rules)) return problem('NAME_TAKEN', `${name} is the name of this host: choose another one`);
    if (rules.range === undefined) {
      return problem(
        'ADDRESS_UNKNOWN',
        'the router gives the addresses here: plug the board in once, so that it is known',
      );
    }
    const address = nextAddress(knownBoards(), rules.range, { ...rules, lastAddress });
    if (!address.ok) return address;
    lastAddress = address.value;
    const now = clock.now();
    const device: Device = {
      ...{ id: newId(), name, addressing: 'reserved', address: address.value },
      ...{
        macs: [],
        serials: [],
        model: undefined,
        disk: undefined,
        firstSeen: now,
        state: { name: 'seen' },
        since: now,
      },
      deadline: undefined,
    };
    const entry = { event: 'expected', by } as const;
    const reason = `expected by ${by}; ${name} and ${address.value} are its own from now on`;
    claimed.put(device);
    try {
      await deps.commit([
        { write: 'put-device', device },
        { write: 'append-event', device: device.id, at: now, event: entry, from: 'seen', to: 'seen', reason },
      ]);
    } finally {
      claimed.remove(device.id);
    }
    fleet.put(device);
    deps.tell({ before: undefined, after: device });
    log.info('board expected', { name, address: address.value });
    return ok(device);
  }

  const drop = (id: DeviceId): Promise<boolean> =>
    deps.inTurn(id, async () => {
      const device = fleet.byId(id);
      if (device === undefined || !isOnlyExpected(device)) return false;
      await deps.commit([{ write: 'delete-device', device: id }]);
      heard.delete(id);
      deps.forget(device, 'it was expected, and is no longer');
      return true;
    });

  const readdress = (id: DeviceId): Promise<Result<Device, Problem>> =>
    deps.inTurn(id, async () => {
      const [before, rules] = [fleet.byId(id), deps.reservation()];
      if (rules?.range === undefined) return problem('NO_NETWORK', 'there are no addresses to give here');
      if (before === undefined || !isUndecided(before)) {
        return problem('DECIDED', `${before?.name ?? id} was decided about: it keeps its address`);
      }
      const address = nextAddress(knownBoards(), rules.range, { ...rules, lastAddress });
      if (!address.ok) return address;
      const why = `another device uses ${before.address}`;
      return ok(await move(before, { addressing: 'reserved', address: address.value }, why));
    });

  async function addressed(device: Device): Promise<Result<Device, Problem>> {
    const rules = deps.reservation();
    if (rules === undefined || !isMisaddressed(device, rules)) return ok(device);
    return deps.inTurn(device.id, async () => {
      const before = fleet.byId(device.id);
      if (before === undefined || !isMisaddressed(before, rules)) return ok(before ?? device);
      const addressing = addressFor(knownBoards(), { ...rules, lastAddress }, undefined);
      if (!addressing.ok) return addressing;
      const isElsewhere = before.address !== undefined && !inSubnet(rules.subnet, before.address);
      const why = isElsewhere
        ? `${before.address} is of another network`
        : 'this network gives addresses in another way';
      return ok(await move(before, addressing.value, why));
    });
  }

  /** Within its turn. */
  async function move(before: Device, addressing: Addressing, why: string): Promise<Device> {
    const after: Device = { ...before, ...addressing };
    const { id, name, state, macs } = after;
    const where =
      after.address === undefined ? 'its address is the router’s' : `${after.address} is its own from now on`;
    const told = macs.slice(0, 1).map(
      (mac): Write => ({
        write: 'append-event',
        device: id,
        at: clock.now(),
        event: { event: 'dhcp-seen', mac },
        from: state.name,
        to: state.name,
        reason: `${why}; ${where}`,
      }),
    );
    lastAddress = after.address ?? lastAddress;
    claimed.put(after);
    try {
      await deps.commit([{ write: 'put-device', device: after }, ...told]);
    } finally {
      claimed.remove(id);
    }
    fleet.put(after);
    deps.tell({ before, after });
    log.info('board has another address', { name, before: before.address, address: after.address });
    return after;
  }

  function knownBoards(): KnownBoards {
    const undecided = fleet.undecided();
    // More than its lease: it may have been heard of just before the last rest was over.
    const isSilent = ({ id }: Device) => deps.elapsed() > (heard.get(id) ?? longestProvisionalLease);
    return {
      byName: (name) => fleet.byName(name) ?? claimed.byName(name),
      byAddress: (address) => fleet.byAddress(address) ?? claimed.byAddress(address),
      undecided: undecided.size - [...leaving].filter((id) => undecided.has(id)).length + claimed.undecided().size,
      silent: () => undecided.values().filter((device) => !leaving.has(device.id) && isSilent(device)),
    };
  }

  /** False if the one that was to give way is not to be dropped any more. */
  async function settle(reservation: Reservation): Promise<boolean> {
    const { dropped } = reservation;
    if (dropped === undefined) return write(reservation);
    // In its own turn: the owner may accept it at this very moment, and then it stays.
    return deps.inTurn(dropped.id, async () => {
      const current = fleet.byId(dropped.id);
      return current !== undefined && isUndecided(current) && (await write(reservation));
    });
  }

  async function write({ device, dropped, sighting }: Reservation): Promise<true> {
    await deps.commit([
      ...(dropped === undefined ? [] : [{ write: 'delete-device', device: dropped.id } as const]),
      { write: 'put-device', device },
      {
        write: 'append-event',
        device: device.id,
        at: device.firstSeen,
        event: { event: 'dhcp-seen', mac: sighting.mac },
        from: 'seen',
        to: 'seen',
        reason: firstSeen(device),
      },
      { write: 'put-setting', key: 'names.next', value: String(nextNumber) },
    ]);
    if (dropped !== undefined) {
      heard.delete(dropped.id);
      deps.forget(dropped, 'too many that nobody accepted');
    }
    return true;
  }

  function heardOf(id: DeviceId): void {
    const device = fleet.byId(id);
    if (device === undefined) return;
    heard.set(id, millis(Math.max(heard.get(id) ?? 0, deps.elapsed() + provisionalLease(device))));
  }

  function newId(): DeviceId {
    const hex = Buffer.from(deps.random.bytes(6)).toString('hex');
    const id = parseDeviceId(`d-${hex}`);
    if (!id.ok) throw new Error(id.error.detail);
    return id.value;
  }

  const forgotten = (id: DeviceId): void => void heard.delete(id);

  return { welcome, expect, drop, addressed, readdress, forgotten, heardOf };
}
