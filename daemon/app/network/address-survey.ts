/**
 * Which of our addresses others use all the same. Found out ahead and in the background: a Pi 3 asks five times, five
 * seconds apart, and then sleeps until somebody pulls its plug; nothing that is found out here may hold its OFFER up.
 */
import { type DeviceId, type Ipv4, type Mac, type Millis, millis, minutes, seconds } from '../../../config/values.ts';
import { ouiOf, raspberryPiOuis } from '../../dhcp/machine-identifier.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Fleet } from '../../lifecycle/fleet.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Rests } from '../../rests.ts';
import { createDoze } from '../doze.ts';
import type { AddressCheck } from './address-check.ts';

/** A board that has an address of ours. */
export type Housed = Pick<Device, 'id' | 'name' | 'macs'> & { readonly address: Ipv4 };
/** `isDeclined`: because it was just declined. */
type ToCheck = Housed & { readonly isDeclined: boolean };

/** `mac`: who answers for it. Undefined: a client found it in use and declined it, and since then nobody answered us. */
export type Foreign = { readonly address: Ipv4; readonly mac: Mac | undefined };

export type AddressSurvey = {
  /** Not for anybody but `asking`: somebody else answers for it, or it was declined of late. */
  readonly isUsed: (address: Ipv4, asking?: Mac) => boolean;
  /**
   * A client says that its address is in use (RFC 2131 4.3.3): kept out for an hour. False if that many are kept out
   * already that it may be a lie; anybody can say it. `rival`: whoever we heard answer for it; then it is kept out as long
   * as somebody does.
   */
  readonly quarantine: (address: Ipv4, rival?: Mac) => boolean;
  /** The board was given its address: looks whether another one has it. Once a minute for each board at most. */
  readonly recheck: (board: Housed) => void;
  /** The board itself says so, or somebody in its name: looks at once who answers. */
  readonly declined: (board: Housed) => void;
  /** Addresses were given out: what comes next now is looked at without waiting for the next turn. */
  readonly wake: () => void;
  /** What others use of what would be given out. */
  readonly foreign: () => readonly Foreign[];
  /** Set if another device uses this board's address. */
  readonly rivalOf: (board: Pick<Device, 'id' | 'address'>) => Foreign | undefined;
  /** Surveys until the signal is aborted, then settles. */
  readonly follow: (check: AddressCheck, clock: Pick<Clock, 'sleep'>, signal: AbortSignal) => Promise<void>;
};

/** `next`: when it is asked about again. */
type Finding = Foreign & { readonly at: Millis; readonly next: Millis };

const TURN = seconds(5);
/** A free address is believed to be free for this long. */
const freshFor = minutes(5);
/** A used one, and the address of a board, is asked about again after this. */
const againAfter = minutes(1);
const quarantineLasts = minutes(60);
const quarantined = 16;
/** A client waits ten seconds and asks again (RFC 2131 3.1); one that gave up is started again at some time. */
const declineLasts = minutes(15);
/** Asked about in one turn, of each kind; the others come after it. */
const atOnce = 16;

/** `upcoming`: the addresses that will be given out next, some dozens; read at each turn. */
export function createAddressSurvey(deps: {
  readonly upcoming: () => readonly Ipv4[];
  readonly fleet: () => Pick<Fleet, 'byId'>;
  /**
   * Another device, `rival`, answers for the address of this board. `rival` undefined: the board has just declined it, and
   * nobody answers for it, nor the board itself.
   */
  readonly onContested: (board: Housed, rival: Mac | undefined) => void;
  readonly rests: Pick<Rests, 'elapsed'>;
  readonly log: Log;
}): AddressSurvey {
  const { rests, log } = deps;
  /** Addresses of nobody that somebody uses. As many as there are in the ranges at most. */
  const used = new Map<Ipv4, Finding>();
  /** When nobody answered for them. */
  const free = new Map<Ipv4, Millis>();
  /** Boards whose address another device uses. */
  const rivals = new Map<DeviceId, Finding>();
  const toCheck = new Map<DeviceId, ToCheck>();
  const checked = new Map<DeviceId, Millis>();
  let wake = (): void => undefined;

  const after = (moment: Millis, duration: Millis): Millis => millis(moment + duration);
  const isDue = (moment: Millis): boolean => moment <= rests.elapsed();
  const finding = (address: Ipv4, mac: Mac | undefined): Finding => {
    const at = rests.elapsed();
    return { address, mac, at, next: mac === undefined ? at : after(at, againAfter) };
  };

  const quarantine = (address: Ipv4, rival?: Mac): boolean => {
    if (rival !== undefined) {
      used.set(address, finding(address, rival));
      return true;
    }
    const declined = new Set(used.values().filter(({ mac }) => mac === undefined));
    const known = used.get(address);
    if (known !== undefined && declined.has(known)) return true;
    if (declined.size >= quarantined) return false;
    used.set(address, finding(address, undefined));
    return true;
  };

  function found(address: Ipv4, mac: Mac | undefined): void {
    const before = used.get(address);
    if (mac !== undefined) {
      if (before?.mac !== mac) log.info('an address of ours is used by somebody else', { address, mac });
      used.set(address, finding(address, mac));
      return;
    }
    const end = before === undefined || before.mac !== undefined ? undefined : after(before.at, quarantineLasts);
    if (before !== undefined && end !== undefined && !isDue(end)) used.set(address, { ...before, next: end });
    else used.delete(address);
    free.set(address, rests.elapsed());
  }

  function foundOf(board: ToCheck, mac: Mac | undefined): void {
    const { id, name, address, macs } = board;
    const before = rivals.get(id);
    // One that declined has not put the address to use: if it answers for it, somebody else spoke in its name.
    const isContested = mac === undefined ? board.isDeclined : !macs.includes(mac);
    if (mac !== undefined && !macs.includes(mac)) {
      if (before?.mac !== mac) log.warn('another device uses the address of a board', { name, address, mac });
      rivals.set(id, finding(address, mac));
    } else if (before?.mac === undefined && before !== undefined && !isDue(after(before.at, declineLasts))) {
      rivals.set(id, { ...before, next: after(rests.elapsed(), againAfter) });
    } else rivals.delete(id);
    if (isContested) deps.onContested(board, mac);
  }

  /** The next ones that were not asked about of late, and those that were used a while ago. */
  function dueAddresses(): readonly Ipv4[] {
    const upcoming = new Set(deps.upcoming());
    // What is not given out next has to be looked at again before it is.
    for (const address of free.keys()) if (!upcoming.has(address)) free.delete(address);
    const isStale = (address: Ipv4): boolean => {
      const at = free.get(address);
      return at === undefined || isDue(after(at, freshFor));
    };
    const again = used.values().filter(({ next }) => isDue(next));
    return [
      ...upcoming.values().filter((address) => !used.has(address) && isStale(address)),
      ...again.map(({ address }) => address).take(atOnce),
    ];
  }

  const recheck = (board: Housed): void => {
    if (toCheck.size >= 1024 || checked.has(board.id) || toCheck.has(board.id)) return;
    toCheck.set(board.id, { ...board, isDeclined: false });
    wake();
  };

  function dueBoards(): readonly ToCheck[] {
    for (const [id, { address, next }] of rivals) {
      const board = deps.fleet().byId(id);
      if (board?.addressing !== 'reserved' || board.address !== address) rivals.delete(id);
      else if (isDue(next) && !toCheck.has(id)) toCheck.set(id, { ...board, isDeclined: false });
    }
    for (const [id, at] of checked) if (isDue(after(at, againAfter))) checked.delete(id);
    const due = [...toCheck.values().take(atOnce)];
    for (const { id } of due) {
      toCheck.delete(id);
      checked.set(id, rests.elapsed());
    }
    return due;
  }

  async function turn({ occupant }: AddressCheck, signal: AbortSignal): Promise<void> {
    const ask = (address: Ipv4, tell: (mac: Mac | undefined) => void): Promise<void> =>
      occupant(address, signal).then(tell, (cause: unknown) => {
        if (!signal.aborted) log.debug('address not checked', { address, cause });
      });
    await Promise.all([
      ...dueAddresses().map((address) => ask(address, (mac) => found(address, mac))),
      ...dueBoards().map((board) => ask(board.address, (mac) => foundOf(board, mac))),
    ]);
  }

  return {
    isUsed: (address, asking) => {
      const foreign = used.get(address);
      return foreign !== undefined && (foreign.mac === undefined || foreign.mac !== asking);
    },
    quarantine,
    recheck,
    declined: (board) => {
      const known = rivals.get(board.id);
      if (known === undefined) log.info('a board declines its address', { name: board.name, address: board.address });
      if (known?.mac === undefined) rivals.set(board.id, finding(board.address, undefined));
      toCheck.set(board.id, { ...board, isDeclined: true });
      wake();
    },
    wake: () => wake(),
    foreign: () => [...used.values()],
    rivalOf: ({ id, address }) => {
      const rival = rivals.get(id);
      return rival?.address === address ? rival : undefined;
    },
    follow: async (check, clock, signal) => {
      const dozing = createDoze(clock);
      wake = dozing.wake;
      while (!signal.aborted) {
        await turn(check, signal);
        if (toCheck.size > 0) wake();
        await dozing.doze(TURN, signal);
      }
    },
  };
}

/** For the owner: which address, who has it, what to do. */
export function foreignAdvice(found: readonly Foreign[]): readonly string[] {
  const named = found.slice(0, 3).map(({ address, mac }) => {
    const used = `${address} of the boards’ range is used by`;
    const deed = 'give that device another address, or name other `addresses`';
    if (mac === undefined) return `${used} another device: no board gets it; ${deed}`;
    return raspberryPiOuis.includes(ouiOf(mac))
      ? `${used} ${mac}, a Raspberry Pi: no board gets it; if it is a board that was forgotten, start it from the network or a join card to have it back, or switch it off; if not, ${deed}`
      : `${used} ${mac}: no board gets it; ${deed}`;
  });
  const more = found.length - named.length;
  return more > 0 ? [...named, `${more} more addresses of the boards’ range are used by others`] : named;
}

export const rivalAdvice = ({ name }: Pick<Device, 'name'>, { address, mac }: Foreign): string =>
  `another device${mac === undefined ? '' : `, ${mac},`} uses ${address}, the address of ${name}: find it and take it off this network`;
