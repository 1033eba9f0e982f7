/** Who may have which address: boards, guests, and others that use one of ours all the same. */
import type { Config } from '../../../config/schema.ts';
import { type AddressRange, addressesFrom, type Ipv4, inRange, type Mac, type Subnet } from '../../../config/values.ts';
import { guestLease } from '../../dhcp/guests.ts';
import type { DhcpRequest, GivenUp, Lease } from '../../dhcp/server.ts';
import type { Device } from '../../lifecycle/device.ts';
import { hasReported, isUndecided } from '../../lifecycle/registry.ts';
import type { Change, Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';
import { createRests, REST } from '../../rests.ts';
import type { Store } from '../../store/store.ts';
import type { AddressCheck } from './address-check.ts';
import { createAddressSurvey, foreignAdvice, type Housed, rivalAdvice } from './address-survey.ts';
import type { DhcpStandings } from './dhcp-standing.ts';
import { type Guest, type GuestDesk, guestDesk, guestRange } from './guests.ts';
import type { Site } from './site.ts';

export type Addresses = {
  /** Not for a board: the network needs it, a guest has it, or somebody else uses it. */
  readonly isTaken: (address: Ipv4) => boolean;
  /** What a machine that is no board is granted. */
  readonly leaseGuest: (request: DhcpRequest) => Promise<Lease | undefined>;
  readonly givenUp: (given: GivenUp) => void;
  /** A board was told its address: whether another device has it is looked up in the background. */
  readonly told: (board: Device & { readonly addressing: 'reserved' }) => void;
  /** Boards behind a relay agent of a subnet that is not ours asked us. */
  readonly strayRelay: (agent: Ipv4) => void;
  readonly changed: (change: Change) => void;
  readonly guests: () => readonly Guest[];
  /** Another device answers for this board's address: it must not get into anything that lasts. */
  readonly hasRival: (board: Device) => boolean;
  /** For the owner, most important first. */
  readonly advice: () => readonly string[];
  /** Until the signal is aborted; then it settles. `check` asks on the network of `site`. */
  readonly follow: (check: AddressCheck, signal: AbortSignal) => Promise<void>;
};

type Desk = { readonly key: string; readonly guests: GuestDesk | undefined; readonly problem: string | undefined };

/** Read ahead of those that will be given out next, of boards and of guests. */
const ahead = 16;
/** More relay agents than these are a lie. */
const relaysMax = 4;

export function createAddresses(deps: {
  readonly config: Config;
  readonly site: () => Site | undefined;
  readonly standing: Pick<DhcpStandings, 'mode'>;
  readonly written: ReadonlyMap<string, Ipv4>;
  readonly commit: Store['commit'];
  readonly runner: () => Pick<Runner, 'fleet' | 'readdress'>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
}): Addresses {
  const { config, log, clock } = deps;
  const rests = createRests(clock);
  const strayRelays = new Set<Ipv4>();
  /** The search for the next board's address goes on behind it. */
  let lastGiven: Ipv4 | undefined;
  let desk: Desk | undefined;
  /** As on disk. */
  const written = new Map(deps.written);

  const fleet = () => deps.runner().fleet;
  const survey = createAddressSurvey({ upcoming, fleet, onContested, rests, log });

  /** Guests begin anew where the daemon stands on another network: every lease that is written down counts as running. */
  function guestsNow(): Desk | undefined {
    const site = deps.site();
    if (site === undefined) return desk;
    const wish = deps.standing.mode() === 'full' ? config.dhcp.guests : 'off';
    const range = guestRange(wish, site);
    const key = JSON.stringify([site.subnet, range]);
    if (key === desk?.key) return desk;
    desk = range.ok
      ? { key, guests: range.value && guestsOf(site.subnet, range.value), problem: undefined }
      : { key, guests: undefined, problem: `guests get no address: ${range.error.detail}` };
    return desk;
  }

  const guestsOf = (subnet: Subnet, range: AddressRange): GuestDesk =>
    guestDesk({
      range,
      subnet,
      written,
      elapsed: rests.elapsed,
      commit: async (batch) => {
        const revision = await deps.commit(batch);
        for (const write of batch) if (write.write === 'put-guest') remember(write.client, write.address);
        return revision;
      },
      isAllowed: (address, asking) => isNobodys(address) && !survey.isUsed(address, asking),
    });

  /** As the disk does it: whoever had the address before has none. So there are never more than addresses. */
  function remember(client: string, address: Ipv4): void {
    for (const [other, theirs] of written) if (other === client || theirs === address) written.delete(other);
    written.set(client, address);
  }

  /** Where no guest is served, some may still use what they were given before the daemon was started. */
  function hasGuest(address: Ipv4): boolean {
    const guests = guestsNow()?.guests;
    if (guests !== undefined) return guests.isLeased(address);
    return written.size > 0 && rests.elapsed() <= guestLease + REST && new Set(written.values()).has(address);
  }

  const isNobodys = (address: Ipv4): boolean =>
    deps.site()?.taken.includes(address) !== true && fleet().byAddress(address) === undefined;

  function upcoming(): readonly Ipv4[] {
    const site = deps.site();
    if (site === undefined || deps.standing.mode() === 'off') return [];
    const isFree = (address: Ipv4): boolean => isNobodys(address) && !survey.isUsed(address);
    // Beside a router they are ours only if the owner named them.
    const areOurs = config.addresses !== undefined || deps.standing.mode() === 'full';
    const boards = areOurs ? addressesFrom(site.range, lastGiven).filter(isFree).take(ahead) : [];
    const others = Iterator.from(guestsNow()?.guests?.upcoming() ?? [])
      .filter(isFree)
      .take(ahead);
    return [...boards, ...others];
  }

  function declined(request: DhcpRequest, address: Ipv4): void {
    const board = fleet().byMac(request.mac);
    if (board === undefined) {
      if (guestsNow()?.guests?.declined(request, address) !== true) return;
      log.info('a guest declines its address', { mac: request.mac, address });
      survey.quarantine(address);
    } else if (board.addressing === 'reserved' && board.address === address) survey.declined(board);
  }

  /**
   * Only a board that nobody decided about moves. Without a rival that answers us it is its word, which anybody can forge: not
   * for a board whose installer runs, since it would lose its way in the middle of an installation.
   */
  function onContested({ id, name, address }: Housed, rival: Mac | undefined): void {
    const board = fleet().byId(id);
    if (board?.address !== address || !isUndecided(board)) return;
    if (rival === undefined && hasReported(board)) return;
    if (!survey.quarantine(address, rival)) return;
    deps
      .runner()
      .readdress(id)
      .then(
        (moved) => moved.ok || log.warn('a board keeps an address that another device uses', { ...moved.error }),
        (cause: unknown) => log.error('the new address of a board is not written', { name, cause }),
      );
  }

  function released(request: DhcpRequest, address: Ipv4): void {
    if (fleet().byMac(request.mac) !== undefined) return;
    const isItsOwn = guestsNow()?.guests?.released(request, address) === true;
    if (isItsOwn) log.info('a guest gives its address back', { mac: request.mac, address });
  }

  return {
    isTaken: (address) => deps.site()?.taken.includes(address) === true || survey.isUsed(address) || hasGuest(address),
    leaseGuest: async (request) => guestsNow()?.guests?.lease(request),
    givenUp: ({ kind, request, address }) => {
      if (kind === 'decline') declined(request, address);
      else released(request, address);
    },
    told: survey.recheck,
    strayRelay: (agent) => {
      if (strayRelays.has(agent) || strayRelays.size >= relaysMax) return;
      strayRelays.add(agent);
      log.warn('a relay agent of another subnet asks for its clients: they are not served', { agent });
    },
    changed: ({ before, after }) => {
      if (after === undefined || after.address === before?.address) return;
      lastGiven = after.address;
      survey.wake();
    },
    guests: () => guestsNow()?.guests?.guests() ?? [],
    // Not by a DECLINE alone: one that is forged would keep a board from being installed.
    hasRival: (board) => survey.rivalOf(board)?.mac !== undefined,
    advice: () => {
      const site = deps.site();
      if (site === undefined) return [];
      const { range, subnet } = site;
      const problem = guestsNow()?.problem;
      const boards = fleet().all();
      return [
        ...boards.flatMap((board) => {
          const rival = survey.rivalOf(board);
          return rival === undefined ? [] : [rivalAdvice(board, rival)];
        }),
        ...foreignAdvice(survey.foreign().filter(({ address }) => inRange(range, address))),
        ...[...strayRelays].map((agent) => relayAdvice(agent, subnet)),
        ...(problem === undefined ? [] : [problem]),
      ];
    },
    follow: async (check, signal) => {
      await Promise.all([rests.follow(signal), survey.follow(check, clock, signal)]);
    },
  };
}

const relayAdvice = (agent: Ipv4, { network, prefix }: Subnet): string =>
  `boards behind the relay agent ${agent} get no address: ours are of ${network}/${prefix}, and one of those would not work there; plug them into this network`;
