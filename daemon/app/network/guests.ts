/** Machines that are no boards: a laptop on the same switch gets an address, and never a boot. Off unless the owner wants it. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import {
  type AddressRange,
  type Hostname,
  type Ipv4,
  inSubnet,
  ipv4FromNumber,
  ipv4Number,
  type Mac,
  type Millis,
  parseHostname,
  rangesOverlap,
  type Subnet,
} from '../../../config/values.ts';
import { createGuestPool, type GuestPool, guestKey, guestLease } from '../../dhcp/guests.ts';
import type { DhcpRequest, Lease } from '../../dhcp/server.ts';
import type { Store } from '../../store/store.ts';

/** A guest whose lease runs. What it calls itself and its hardware address are known once it was heard in this process. */
export type Guest = { readonly address: Ipv4; readonly mac: Mac | undefined; readonly hostname: Hostname | undefined };

export type GuestDesk = {
  /** What this machine is granted; on disk before it settles. Rejects if it could not be written. */
  readonly lease: (request: DhcpRequest) => Promise<Lease | undefined>;
  /** True if it was this guest's, and its lease ran. */
  readonly released: (request: DhcpRequest, address: Ipv4) => boolean;
  /** True if it was this guest's; it gets another one. */
  readonly declined: (request: DhcpRequest, address: Ipv4) => boolean;
  readonly isLeased: (address: Ipv4) => boolean;
  /** Those that will be given out next. */
  readonly upcoming: () => Iterable<Ipv4>;
  readonly guests: () => readonly Guest[];
};

export type GuestDeskDeps = {
  readonly range: AddressRange;
  readonly subnet: Subnet;
  readonly written: ReadonlyMap<string, Ipv4>;
  readonly elapsed: () => Millis;
  readonly commit: Store['commit'];
  /** Nobody else uses this address, and no board has it. `asking`: that machine itself may use it. */
  readonly isAllowed: (address: Ipv4, asking: Mac) => boolean;
};

type Face = { readonly mac: Mac; readonly hostname: Hostname | undefined };

export function guestDesk(deps: GuestDeskDeps): GuestDesk {
  const { commit } = deps;
  const pool: GuestPool = createGuestPool(deps);
  /** Of those whose lease runs: as many as there are addresses. */
  const faces = new Map<string, Face>();

  const granted = (address: Ipv4): Lease => ({ address, leaseTime: guestLease, boot: false });

  async function bound(request: DhcpRequest, wanted: Ipv4): Promise<Lease | undefined> {
    const client = guestKey(request);
    const isAllowed = (address: Ipv4): boolean => deps.isAllowed(address, request.mac);
    const outcome = pool.bind(client, wanted, isAllowed);
    // It has to choose again: it is told so by a NAK, since this is not the address that it asks for.
    if (outcome === 'refused') return offered(request);
    if (outcome === 'to-write') {
      await commit([{ write: 'put-guest', client, address: wanted }]);
      pool.written(client, wanted);
    }
    remember(client, request);
    return granted(wanted);
  }

  function offered(request: DhcpRequest): Lease | undefined {
    const isAllowed = (address: Ipv4): boolean => deps.isAllowed(address, request.mac);
    const address = pool.offer(guestKey(request), request.requestedAddress, isAllowed);
    return address === undefined ? undefined : granted(address);
  }

  function remember(client: string, { mac, hostname }: DhcpRequest): void {
    const name = parseHostname(hostname?.toLowerCase() ?? '');
    const running = new Set(Array.from(pool.leases(), (one) => one.client));
    for (const known of faces.keys()) if (!running.has(known)) faces.delete(known);
    faces.set(client, { mac, hostname: name.ok ? name.value : undefined });
  }

  async function lease(request: DhcpRequest): Promise<Lease | undefined> {
    const { kind, ciaddr, requestedAddress } = request;
    const own = pool.addressOf(guestKey(request));
    switch (kind) {
      case 'discover':
        return offered(request);
      case 'request-selecting': {
        const wanted = requestedAddress ?? ciaddr;
        return wanted === undefined ? undefined : bound(request, wanted);
      }
      case 'request-init-reboot':
        if (requestedAddress === undefined) return undefined;
        // RFC 2131 4.3.2: about a client that it has no record of, a server is silent, but for an address of another network.
        if (own === undefined) return inSubnet(deps.subnet, requestedAddress) ? undefined : offered(request);
        return own === requestedAddress ? bound(request, own) : offered(request);
      case 'request-renewing':
      case 'request-rebinding':
        if (own === undefined || ciaddr === undefined) return undefined;
        return own === ciaddr ? bound(request, own) : offered(request);
      case 'inform':
        return ciaddr !== undefined && inSubnet(deps.subnet, ciaddr) ? granted(ciaddr) : undefined;
      case 'decline':
      case 'release':
        return undefined;
    }
  }

  return {
    lease,
    released: (request, address) => {
      const isItsOwn = pool.addressOf(guestKey(request)) === address && pool.isLeased(address);
      pool.release(guestKey(request), address);
      return isItsOwn;
    },
    declined: (request, address) => pool.decline(guestKey(request), address),
    isLeased: pool.isLeased,
    upcoming: pool.upcoming,
    guests: () =>
      Array.from(pool.leases(), ({ client, address }) => {
        const face = faces.get(client);
        return { address, mac: face?.mac, hostname: face?.hostname };
      }),
  };
}

const guestsMax = 100;

/**
 * Undefined: there are to be none. `on` is what lies right below the boards' range, so that the first addresses of the
 * subnet, where people put what they number by hand, are left alone.
 */
export function guestRange(
  wish: 'off' | 'on' | AddressRange,
  { subnet, range }: { readonly subnet: Subnet; readonly range: AddressRange },
): Result<AddressRange | undefined, Problem<'GUESTS_NONE' | 'GUESTS_OUTSIDE' | 'GUESTS_OVERLAP'>> {
  if (wish === 'off') return ok(undefined);
  if (wish === 'on') {
    const last = ipv4Number(range.first) - 1;
    const first = Math.max(ipv4Number(subnet.network) + 1, last - guestsMax + 1);
    if (first > last) {
      return problem('GUESTS_NONE', `nothing is left below the boards’ range: write \`dhcp.guests: FIRST-LAST\``);
    }
    return ok({ first: ipv4FromNumber(first), last: ipv4FromNumber(last) });
  }
  const own = `${wish.first}-${wish.last}`;
  if (!inSubnet(subnet, wish.first) || !inSubnet(subnet, wish.last)) {
    return problem('GUESTS_OUTSIDE', `dhcp.guests ${own} is not in ${subnet.network}/${subnet.prefix}`);
  }
  if (rangesOverlap(wish, range)) {
    return problem('GUESTS_OVERLAP', `dhcp.guests ${own} overlaps the boards’ range ${range.first}-${range.last}`);
  }
  return ok(wish);
}
