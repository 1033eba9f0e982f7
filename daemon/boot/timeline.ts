/**
 * A board's way from power-on, from the packets that were really seen. In memory only: it is observed, and the next boot
 * shows it again. What moved the board is in the event log; `bramble describe` shows both as one.
 */
import { type DeviceId, type Instant, seconds, since } from '../../config/values.ts';

export type Mark = { readonly at: Instant; readonly what: string };

export type Timelines = {
  /** The same words twice in one boot are one mark: boards repeat themselves. */
  readonly mark: (device: DeviceId, at: Instant, what: string) => void;
  /** The boot ROM's DISCOVER: a new boot, unless it only repeats the one before. */
  readonly bootRom: (device: DeviceId, at: Instant) => void;
  /** It was refused a boot file. True once for each boot that its ROM began by a DISCOVER. */
  readonly sentToDisk: (device: DeviceId, at: Instant) => boolean;
  /** Whether that was so in its last boot. */
  readonly wasSentToDisk: (device: DeviceId) => boolean;
  readonly of: (device: DeviceId) => readonly Mark[];
  readonly forget: (device: DeviceId) => void;
};

/** Longest silence between two packets of one boot; a Pi 4 spends up to 45 s on DHCP (facts 3.4). */
const SAME_BOOT = seconds(60);
const MARKS_PER_BOARD = 40;

const SENT_TO_DISK = 'asked the network for a boot and was sent to its disk';

export function createTimelines(): Timelines {
  const boards = new Map<DeviceId, Mark[]>();
  /** Its ROM has asked for an address, and for no file yet. */
  const begun = new Set<DeviceId>();
  const marksOf = (device: DeviceId): Mark[] => boards.get(device) ?? [];

  function mark(device: DeviceId, at: Instant, what: string): void {
    const marks = marksOf(device);
    if (marks.length >= MARKS_PER_BOARD || marks.some((known) => known.what === what)) return;
    boards.set(device, [...marks, { at, what }]);
  }

  function bootRom(device: DeviceId, at: Instant): void {
    const last = marksOf(device).at(-1);
    if (last !== undefined && since(last.at, at) > SAME_BOOT) boards.delete(device);
    mark(device, at, 'DISCOVER of its boot ROM');
    begun.add(device);
  }

  function sentToDisk(device: DeviceId, at: Instant): boolean {
    mark(device, at, SENT_TO_DISK);
    return begun.delete(device);
  }

  function forget(device: DeviceId): void {
    boards.delete(device);
    begun.delete(device);
  }

  const wasSentToDisk = (device: DeviceId): boolean => marksOf(device).some(({ what }) => what === SENT_TO_DISK);

  return { mark, bootRom, sentToDisk, wasSentToDisk, of: marksOf, forget };
}
