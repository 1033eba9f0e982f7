/** Who is who, and which name and address a new board gets. Pure: decides over the devices that are known. */

import { nameFromPattern } from '../../config/keys/network.ts';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import {
  type AddressRange,
  addressesFrom,
  type DeviceId,
  type Hostname,
  type Instant,
  type Ipv4,
  inSubnet,
  ipv4FromNumber,
  ipv4Number,
  type Mac,
  type Millis,
  type Model,
  minutes,
  type Serial,
  type Subnet,
} from '../../config/values.ts';
import type { Addressing, Device } from './device.ts';

/** A board's packet, before anybody knows whose it is. */
export type Sighting = {
  readonly mac: Mac;
  readonly serial?: Serial | undefined;
  readonly model?: Model | undefined;
  /** What it calls itself (option 12): tells only whose card it was started from, if we made one and wait for that board. */
  readonly hostname?: string | undefined;
};

export type Reservation = {
  readonly sighting: Sighting;
  readonly device: Device;
  /** The number in its name; the next new board counts on from it. */
  readonly number: number;
  /** A board that nobody accepted and that has to give way (`pending.max`). */
  readonly dropped: Device | undefined;
};

export type ReservationRules = {
  /** Undefined: the router gives the addresses. */
  readonly range: AddressRange | undefined;
  /** The boards' network. */
  readonly subnet: Subnet;
  /** We are the DHCP server: whoever has no address of ours gets none at all. Otherwise its own configuration says it. */
  readonly leases: boolean;
  /** Addresses inside the range that are not for boards: the master's own, the gateway's, one that another host was found to use. */
  readonly isTaken: (address: Ipv4) => boolean;
  /** The search for a free one goes on here, round the range: what was given up just now is not given to the next board. */
  readonly lastAddress: Ipv4 | undefined;
  readonly pattern: string;
  /** Of this host, which answers to it on the boards' network. */
  readonly masterName?: Hostname;
  /** The number after the last one used. Names are never used twice, so it is kept. */
  readonly nextNumber: number;
  readonly pendingMax: number;
};

/** The boards that are known, those among them whose reservation is only on its way to the disk. */
export type KnownBoards = {
  readonly byName: (name: Hostname) => Device | undefined;
  readonly byAddress: (address: Ipv4) => Device | undefined;
  /** How many nobody decided about. */
  readonly undecided: number;
  /** Those of them whose `provisionalLease` is over: nobody relies on their address any more. */
  readonly silent: () => Iterable<Device>;
};

/**
 * How long a board that is not installed may use its address without asking again. Until that is over it gives way to
 * nobody: its address would be in use twice, and every forged hardware address would cost a write of the disk. Shorter while
 * there was nothing but a packet, so that after a flood of forged ones there is room again soon.
 */
export const provisionalLease = ({ state }: Device): Millis =>
  state.name === 'seen' ? minutes(2) : longestProvisionalLease;
export const longestProvisionalLease = minutes(5);

/**
 * A name and an address for a board that was never seen before, for ever.
 * Fails with `ADDRESSES_EXHAUSTED` if the range is used up by boards that are ours, with `PENDING_FULL` if `pendingMax`
 * boards that nobody decided about are here and none of them is silent.
 */
export function reserve(
  sighting: Sighting,
  id: DeviceId,
  known: KnownBoards,
  rules: ReservationRules,
  now: Instant,
): Result<Reservation, Problem<'ADDRESSES_EXHAUSTED' | 'PENDING_FULL' | 'INVALID_VALUE'>> {
  const isFull = known.undecided >= rules.pendingMax;
  const dropped = isFull ? [...known.silent()].sort(givesWayFirst)[0] : undefined;
  if (isFull && dropped === undefined) {
    return problem(
      'PENDING_FULL',
      `${known.undecided} boards wait to be accepted, more than that are not taken in: accept or reject some, or raise \`pending.max\``,
    );
  }
  const named = firstFreeName(rules, known);
  if (!named.ok) return named;
  const addressing = addressFor(known, rules, dropped);
  if (!addressing.ok) return addressing;
  const device: Device = {
    id,
    name: named.value.name,
    ...addressing.value,
    macs: [sighting.mac],
    serials: sighting.serial === undefined ? [] : [sighting.serial],
    model: sighting.model === undefined ? undefined : { model: sighting.model, final: false },
    disk: undefined,
    firstSeen: now,
    state: { name: 'seen' },
    since: now,
    deadline: undefined,
  };
  return ok({ sighting, device, number: named.value.number, dropped });
}

/** Nobody decided about it, and it has nothing of ours. */
export const isUndecided = (device: Device): boolean =>
  device.state.name === 'seen' || device.state.name === 'booting' || hasReported(device);

/** Nothing but a name that the owner gave: no packet of it was seen. */
export const isOnlyExpected = (device: Device): boolean =>
  device.macs.length === 0 &&
  (isUndecided(device) ||
    device.state.name === 'rejected' ||
    (device.state.name === 'starting' && !!device.state.card));

/** One that never reported may be nothing but a forged packet; among equals the oldest. */
const givesWayFirst = (a: Device, b: Device): number =>
  Number(hasReported(a)) - Number(hasReported(b)) || a.firstSeen - b.firstSeen;
/** Nobody decided about it, and its installer runs. */
export const hasReported = ({ state }: Device): boolean =>
  state.name === 'reported' || state.name === 'pending' || (state.name === 'held' && state.report !== undefined);

/** It means another host than a board, everywhere or on this network. */
export const isHostsOwn = (name: Hostname, { masterName }: Pick<ReservationRules, 'masterName'>): boolean =>
  name === 'localhost' || name === masterName;

function firstFreeName(
  rules: Pick<ReservationRules, 'pattern' | 'nextNumber' | 'masterName'>,
  { byName }: KnownBoards,
) {
  for (let number = rules.nextNumber; ; number++) {
    const name = nameFromPattern(rules.pattern, number);
    if (!name.ok) return name;
    if (byName(name.value) === undefined && !isHostsOwn(name.value, rules)) return ok({ name: name.value, number });
  }
}

/**
 * The network gives addresses otherwise than when this board came, or is another one. What is written into its own configuration stays: it
 * takes another address by DHCP only, and only before there is an image of it may the address become one of the image.
 */
export const isMisaddressed = (
  device: Device,
  { range, subnet, leases }: Pick<ReservationRules, 'range' | 'subnet' | 'leases'>,
): boolean =>
  device.addressing === 'reserved'
    ? isUndecided(device) && (range === undefined || !inSubnet(subnet, device.address))
    : range !== undefined && (leases || isUndecided(device));

export function addressFor(
  known: Pick<KnownBoards, 'byAddress'>,
  rules: Pick<ReservationRules, 'range' | 'lastAddress' | 'isTaken'>,
  dropped: Device | undefined,
): Result<Addressing, Problem<'ADDRESSES_EXHAUSTED'>> {
  if (rules.range === undefined) return ok({ addressing: 'heard', address: undefined });
  const address = nextAddress(known, rules.range, rules, dropped);
  return address.ok ? ok({ addressing: 'reserved', address: address.value }) : address;
}

/** The first free one from the last one on. `leaving`: gives way to whoever gets it. */
export function nextAddress(
  { byAddress }: Pick<KnownBoards, 'byAddress'>,
  range: AddressRange,
  { lastAddress, isTaken }: Pick<ReservationRules, 'lastAddress' | 'isTaken'>,
  leaving?: Device,
): Result<Ipv4, Problem<'ADDRESSES_EXHAUSTED'>> {
  for (const address of addressesFrom(range, lastAddress)) {
    const holder = byAddress(address);
    if ((holder === undefined || holder === leaving) && !isTaken(address)) return ok(address);
  }
  return problem(
    'ADDRESSES_EXHAUSTED',
    `no address is left in ${range.first}-${range.last}: widen \`addresses\` in bramble.yaml; boards that are gone keep theirs`,
  );
}

/** The permanent addresses if the owner named none: the upper half of the interface's own subnet, at most 100 of it. */
export function defaultRange(network: Ipv4, prefix: number): AddressRange {
  const size = 2 ** (32 - prefix);
  const first = ipv4Number(network) + Math.floor(size / 2);
  const last = Math.min(first + 99, ipv4Number(network) + size - 2);
  return { first: ipv4FromNumber(Math.min(first, last)), last: ipv4FromNumber(last) };
}
