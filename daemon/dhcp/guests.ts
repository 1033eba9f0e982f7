/**
 * The addresses of guests: machines that are no boards. Which client has which one, chosen as RFC 2131 4.3.1 recommends.
 * Decides in memory and does no IO; time is what `elapsed` says, and never the wall clock.
 */
import {
  type AddressRange,
  addressesFrom,
  type Ipv4,
  inRange,
  type Millis,
  millis,
  minutes,
  seconds,
} from '../../config/values.ts';
import type { DhcpRequest } from './request.ts';

/** What guests are told. They ask again after half of it. */
export const guestLease = minutes(60);
/** A lease is taken for running for longer than the client was told: time is counted in steps, and the ACK took its time. */
const grace = minutes(1);
/** Clients that choose take a second; a flood of made-up ones is to leave no trace for longer than this. */
const offerLasts = seconds(20);
/** Who asks and gives back again and again costs a write of the disk each time: not more than the range holds in this time. */
const releaseRests = minutes(1);

/** By what a guest is known: its client identifier, if it sends one, else its hardware address (RFC 2131 4.2). */
export const guestKey = ({ clientIdentifier, mac }: Pick<DhcpRequest, 'clientIdentifier' | 'mac'>): string =>
  clientIdentifier ?? mac;

export type GuestPool = {
  /** The one it has or had, also if it may not have it any more. */
  readonly addressOf: (client: string) => Ipv4 | undefined;
  /**
   * The address that this client shall have, kept for it for some seconds: its old one, then the one it wishes, then one that
   * nobody ever had, then the one whose lease ended first. Nothing is to be written for that.
   */
  readonly offer: (client: string, wish: Ipv4 | undefined, isAllowed: IsAllowed) => Ipv4 | undefined;
  /**
   * The lease begins, or runs on. `to-write`: it is the client's, but not on disk yet; say `written` before the client is
   * told. Nobody else gets the address meanwhile, whether it is written or not.
   */
  readonly bind: (client: string, address: Ipv4, isAllowed: IsAllowed) => 'refused' | 'to-write' | 'bound';
  readonly written: (client: string, address: Ipv4) => void;
  /** It needs the address no more; it gets it again if it comes back in time. */
  readonly release: (client: string, address: Ipv4) => void;
  /** It is not to have this address again. False if it does not have it. */
  readonly decline: (client: string, address: Ipv4) => boolean;
  /** Its lease runs, or it is offered: it is for nobody else. */
  readonly isLeased: (address: Ipv4) => boolean;
  /** Those that will be offered next, in this order. */
  readonly upcoming: () => Generator<Ipv4>;
  /** Clients whose lease runs. */
  readonly leases: () => Iterable<{ readonly client: string; readonly address: Ipv4 }>;
};

/** Whether an address of the range may be given to this client: nobody else uses it, no board has it. */
export type IsAllowed = (address: Ipv4) => boolean;

type Binding = { readonly client: string; readonly address: Ipv4; readonly ends: Millis; readonly isWritten: boolean };
type Offer = { readonly client: string; readonly address: Ipv4; readonly ends: Millis };

/**
 * `written`: what is on disk. How long those leases run nobody knows, so all of them count as just begun. Addresses outside
 * the range, from another configuration, are given to nobody but for as long as they may be in use.
 */
export function createGuestPool({
  range,
  written,
  elapsed,
}: {
  readonly range: AddressRange;
  readonly written: ReadonlyMap<string, Ipv4>;
  readonly elapsed: () => Millis;
}): GuestPool {
  const addresses = [...addressesFrom(range)];
  const byClient = new Map<string, Binding>();
  const byAddress = new Map<Ipv4, Binding>();
  /** Oldest first; one for each client and one for each address. */
  const offers = new Map<string, Offer>();
  const offered = new Map<Ipv4, Offer>();

  const inFuture = (duration: Millis): Millis => millis(elapsed() + duration);
  const isRunning = ({ ends }: Binding | Offer): boolean => ends > elapsed();

  function put(binding: Binding): void {
    const [old, other] = [byClient.get(binding.client), byAddress.get(binding.address)];
    if (old !== undefined) byAddress.delete(old.address);
    if (other !== undefined) byClient.delete(other.client);
    byClient.set(binding.client, binding);
    byAddress.set(binding.address, binding);
  }
  for (const [client, address] of written) {
    put({ client, address, ends: inFuture(millis(guestLease + grace)), isWritten: true });
  }

  function withdraw(offer: Offer | undefined): void {
    if (offer === undefined) return;
    offers.delete(offer.client);
    offered.delete(offer.address);
  }
  function withdrawOld(): void {
    for (const offer of offers.values()) {
      if (isRunning(offer)) break;
      withdraw(offer);
    }
  }

  /** No lease of another client runs on it, and it is not offered to another one. */
  function isFree(address: Ipv4, client: string): boolean {
    const [binding, offer] = [byAddress.get(address), offered.get(address)];
    const isOthers = (other: Binding | Offer | undefined): boolean =>
      other !== undefined && other.client !== client && isRunning(other);
    return !isOthers(binding) && !isOthers(offer);
  }

  function* ended(): Generator<Ipv4> {
    const all = byAddress.values().filter((binding) => !isRunning(binding) && inRange(range, binding.address));
    for (const { address } of [...all].sort((a, b) => a.ends - b.ends)) yield address;
  }
  function* neverUsed(): Generator<Ipv4> {
    for (const address of addresses) if (!byAddress.has(address)) yield address;
  }

  /** Lazily: the next one is looked for only if the one before it will not do. */
  function* candidates(client: string, wish: Ipv4 | undefined): Generator<Ipv4> {
    for (const address of [byClient.get(client)?.address, offers.get(client)?.address, wish]) {
      if (address !== undefined && inRange(range, address)) yield address;
    }
    yield* neverUsed();
    yield* ended();
  }

  const offer: GuestPool['offer'] = (client, wish, isAllowed) => {
    withdrawOld();
    const address = candidates(client, wish).find((one) => isFree(one, client) && isAllowed(one));
    withdraw(offers.get(client));
    if (address === undefined) return undefined;
    const made = { client, address, ends: inFuture(offerLasts) };
    offers.set(client, made);
    offered.set(address, made);
    return address;
  };

  const bind: GuestPool['bind'] = (client, address, isAllowed) => {
    withdrawOld();
    const old = byClient.get(client);
    // Who has an address that runs gets no second one beside it: it would hold both.
    const isMove = old !== undefined && old.address !== address && isRunning(old) && isAllowed(old.address);
    if (isMove && inRange(range, old.address)) return 'refused';
    if (!inRange(range, address) || !isFree(address, client) || !isAllowed(address)) return 'refused';
    withdraw(offers.get(client));
    withdraw(offered.get(address));
    const isWritten = old?.address === address && old.isWritten;
    put({ client, address, ends: inFuture(millis(guestLease + grace)), isWritten });
    return isWritten ? 'bound' : 'to-write';
  };

  /** Only if the client still has this address. */
  function change(client: string, address: Ipv4, to: (binding: Binding) => Binding): void {
    const binding = byClient.get(client);
    if (binding?.address === address) put(to(binding));
  }

  return {
    addressOf: (client) => byClient.get(client)?.address,
    offer,
    bind,
    written: (client, address) =>
      change(client, address, (binding) => ({
        ...binding,
        ends: inFuture(millis(guestLease + grace)),
        isWritten: true,
      })),
    release: (client, address) =>
      change(client, address, (binding) => ({
        ...binding,
        ends: millis(Math.min(binding.ends, inFuture(releaseRests))),
      })),
    decline: (client, address) => {
      if (byClient.get(client)?.address !== address) return false;
      byClient.delete(client);
      byAddress.delete(address);
      return true;
    },
    isLeased: (address) =>
      [byAddress.get(address), offered.get(address)].some((one) => one !== undefined && isRunning(one)),
    upcoming: function* () {
      for (const address of [...neverUsed(), ...ended()]) if (isFree(address, '')) yield address;
    },
    leases: () => byClient.values().filter(isRunning),
  };
}
