/** Which of a board's disks may be written: the owner's word, and never another one. Pure. */
import { matchesGlob } from '../../config/glob.ts';
import { type DiskType, diskTypes } from '../../config/values.ts';
import { type BoardReport, type DiskReport, sameDisk } from './device.ts';

/** All that is named has to fit. Bytes; `model` with `*` and `?`. */
export type DiskRule = {
  readonly type?: DiskType | undefined;
  readonly model?: string | undefined;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
};

export type FoundDisks = {
  readonly disks: readonly DiskReport[];
  readonly source: BoardReport['source'];
  /** Name of the one that it was started from; undefined with `netboot`, or if that could not be told. */
  readonly card: string | undefined;
};

/**
 * A reinstallation or wipe is of the system's own disk, where its installer was put, whatever the rules have become. Else by
 * `rules`, the first that fits a disk; without rules the card it was started from, or for a netboot the first by type. Content
 * `none` if there is none that may be written. One whose boot medium is not known is left alone: the installer could not tell
 * the disk that it must not break from the others.
 */
export function chooseDisk({ disks, source, card }: FoundDisks, rules: readonly DiskRule[]): DiskReport {
  const medium = disks.find(({ name }) => name === card);
  if (source !== 'netboot' && medium === undefined) return noDisk;
  if (rules.length === 0 || source === 'reinstall') return medium ?? firstByType(disks) ?? noDisk;
  for (const rule of rules) {
    const fitting = firstByType(disks.filter((disk) => fits(rule, disk)));
    if (fitting !== undefined) return fitting;
  }
  return noDisk;
}

const noDisk: DiskReport = { name: '', type: 'other', model: '', bytes: 0, content: 'none' };

const firstByType = (disks: readonly DiskReport[]): DiskReport | undefined =>
  disks.toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true }))[0];
const rank = ({ type }: DiskReport): number => diskTypes.indexOf(type);

const fits = ({ type, model, min = 0, max = Number.POSITIVE_INFINITY }: DiskRule, disk: DiskReport): boolean =>
  (type === undefined || type === disk.type) &&
  (model === undefined || matches(model, disk.model)) &&
  min <= disk.bytes &&
  disk.bytes <= max;

/** Whatever the case: makers are not of one mind. */
const matches = (glob: string, text: string): boolean => matchesGlob(glob.toLowerCase(), text.toLowerCase());

/**
 * What was decided does not cover this disk: it holds something that is not ours and that nobody was asked about. Whoever
 * knew the board's address may have reported in its name, or its disk was changed. A disk that we began to write says so.
 */
export const wouldLose = (decided: BoardReport, { disk }: BoardReport): boolean =>
  disk.content === 'foreign' && !(decided.disk.content === 'foreign' && sameDisk(decided.disk, disk));
