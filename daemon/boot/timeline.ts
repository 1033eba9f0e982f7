/**
 * A board's way from power-on, from the packets that were really seen: boot by boot, what repeats itself folded with its count. In
 * memory only: it is observed, and the next boot shows it again. What moved the board is also in the event log.
 */
import { type DeviceId, type Instant, type Millis, millis, minutes, seconds, since } from '../../config/values.ts';
import { isKernel, isRom, type Sight, sightText } from './sight.ts';

/** `at` by the wall clock, which jumps; `rested` counts the time that went by (`rests.ts`), never backwards. */
export type Moment = { readonly at: Instant; readonly rested: Millis };
/** The same sight, however often in one boot. `text`: in words. */
export type Mark = {
  readonly sight: Sight;
  readonly text: string;
  readonly first: Moment;
  readonly last: Moment;
  readonly count: number;
};
/** In the order in which each was seen first. */
export type Boot = readonly Mark[];

export type Timelines = {
  readonly see: (device: DeviceId, at: Instant, sight: Sight) => void;
  /** What its installer told, or what became of it, in words. */
  readonly mark: (device: DeviceId, at: Instant, what: string) => void;
  /** It was refused a boot file. True once for each boot that its ROM began by a DISCOVER. */
  readonly sentToDisk: (device: DeviceId, at: Instant) => boolean;
  /** Whether that was so in its last boot. */
  readonly wasSentToDisk: (device: DeviceId) => boolean;
  /** Oldest first; the last is the one that is under way, or was the last. */
  readonly of: (device: DeviceId) => readonly Boot[];
  readonly now: (at: Instant) => Moment;
  readonly forget: (device: DeviceId) => void;
};

/** Longest silence between two packets of one boot; a Pi 4 spends up to 45 s on DHCP (facts 3.4). */
const SAME_BOOT = seconds(60);
/** Longest silence between the installer's last word and the first of the system that it wrote, on the slowest card. */
const FIRST_START = minutes(15);
/** A whole boot and the installation after it are some sixty; a board that makes names up gets no further than this. */
const MARKS_PER_BOOT = 120;
const MISSING_PER_BOOT = 32;
const BOOTS_PER_BOARD = 4;

/** `elapsed`: time that went by, in steps of some seconds; without it the wall clock's word counts. */
export function createTimelines({ elapsed }: { readonly elapsed?: () => Millis } = {}): Timelines {
  const boards = new Map<DeviceId, readonly Boot[]>();
  /** Its ROM has asked for an address, and for no file yet. */
  const begun = new Set<DeviceId>();
  const bootsOf = (device: DeviceId): readonly Boot[] => boards.get(device) ?? [];
  const now = (at: Instant): Moment => ({ at, rested: elapsed?.() ?? millis(at) });

  function see(device: DeviceId, at: Instant, sight: Sight): void {
    const moment = now(at);
    const boots = bootsOf(device);
    const last = boots.at(-1);
    if (isRomDiscover(sight)) begun.add(device);
    if (last === undefined || begins(last, sight, moment))
      boards.set(device, [...boots, folded([], sight, moment)].slice(-BOOTS_PER_BOARD));
    else boards.set(device, boots.with(-1, folded(last, sight, moment)));
  }

  function sentToDisk(device: DeviceId, at: Instant): boolean {
    see(device, at, { sight: 'sent-to-disk' });
    return begun.delete(device);
  }

  function forget(device: DeviceId): void {
    boards.delete(device);
    begun.delete(device);
  }

  const wasSentToDisk = (device: DeviceId): boolean =>
    bootsOf(device)
      .at(-1)
      ?.some(({ sight }) => sight.sight === 'sent-to-disk') === true;

  const mark: Timelines['mark'] = (device, at, what) => see(device, at, { sight: 'said', what });

  return { see, mark, sentToDisk, wasSentToDisk, of: bootsOf, now, forget };
}

function folded(boot: Boot, sight: Sight, moment: Moment): Boot {
  const text = sightText(sight);
  const place = boot.findIndex((known) => known.text === text && known.sight.sight === sight.sight);
  const known = boot[place];
  if (known !== undefined) return boot.with(place, { ...known, last: moment, count: known.count + 1 });
  const isFull =
    boot.length >= MARKS_PER_BOOT ||
    (sight.sight === 'missing' && boot.filter((mark) => mark.sight.sight === 'missing').length >= MISSING_PER_BOOT);
  return isFull ? boot : [...boot, { sight, text, first: moment, last: moment, count: 1 }];
}

const isRomDiscover = (sight: Sight): boolean => sight.sight === 'dhcp' && sight.kind === 'DISCOVER' && isRom(sight.by);

/**
 * A boot ROM that asks again within one boot only repeats itself, or is a Pi 3's second stage; once a kernel was loaded, or its
 * installer or system was heard, it is the next boot. A board that boots from its disk is first heard by its system.
 */
function begins(boot: Boot, sight: Sight, now: Moment): boolean {
  if (isRomDiscover(sight))
    return span(lastOf(boot), now) > SAME_BOOT || boot.some(({ sight }) => isBeyondFirmware(sight));
  if (sight.sight !== 'dhcp' || sight.by !== 'system') return false;
  const quiet = span(lastOf(boot), now);
  return quiet > FIRST_START || (quiet > SAME_BOOT && boot.some(({ sight }) => isReady(sight)));
}

const isReady = (sight: Sight): boolean => sight.sight === 'state' && sight.name === 'ready';

function isBeyondFirmware(sight: Sight): boolean {
  if (sight.sight === 'fetched') return isKernel(sight.path);
  return sight.sight === 'said' || (sight.sight === 'dhcp' && !isRom(sight.by));
}

/** Of a boot that has a mark, as all have. */
export const lastOf = (boot: Boot): Moment =>
  boot
    .map(({ last }) => last)
    .reduce((a, b) => (b.rested > a.rested || (b.rested === a.rested && b.at > a.at) ? b : a));

/** The wall clock knows it to the millisecond, unless it was set meanwhile: then what was counted is all there is. */
export function span(from: Moment, to: Moment): Millis {
  const counted = to.rested - from.rested;
  const told = since(from.at, to.at);
  const isCredible = told >= counted - seconds(6) && told <= counted * 1.5 + seconds(15) && told >= 0;
  return isCredible ? told : millis(Math.max(0, counted));
}
