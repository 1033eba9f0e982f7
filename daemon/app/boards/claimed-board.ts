/** What an installer says of its board, seen with what is known of all boards. Pure. */
import { sameSerial } from '../../../config/values.ts';
import type { BootClaim, DiskClaim } from '../../http/claim.ts';
import type { BoardReport, Device, DiskReport } from '../../lifecycle/device.ts';
import { chooseDisk, type DiskRule } from '../../lifecycle/disk-choice.ts';
import { isUndecided } from '../../lifecycle/registry.ts';

export type Known = {
  readonly boards: readonly Device[];
  readonly clusterId: string;
  /** `images.disk`. */
  readonly diskRules: readonly DiskRule[];
};

export const reportOf = (claim: BootClaim, device: Device, known: Known): BoardReport => ({
  mac: claim.mac,
  serial: claim.serial,
  model: claim.model,
  disk: chooseDisk({ ...claim, disks: claim.disks.map((disk) => asOurs(disk, device, known)) }, known.diskRules),
  memoryBytes: claim.memoryBytes,
  source: claim.source,
  // Whoever hears a netboot knows its key.
  proof: claim.source === 'join-card',
});

/** A system of another cluster, or of another board that is known, is data that is lost for good: not ours to write over. */
const asOurs = ({ clusterId, deviceId, ...disk }: DiskClaim, device: Device, known: Known): DiskReport => {
  if (disk.content !== 'ours') return disk;
  if (clusterId !== '' && clusterId !== known.clusterId) return { ...disk, content: 'foreign' };
  const owner = known.boards.find(({ id }) => id === deviceId);
  if (owner === undefined) return disk;
  return { ...disk, content: owner.id === device.id ? 'ours' : 'foreign', device: owner.id };
};

/**
 * Somebody wrote a join card over its system, or put an empty disk in: none of its disks holds the system of any board, as
 * the card of an installed one would that was left in beside it.
 */
export const isEmptied = ({ disks, serial }: BootClaim, { serials }: Device): boolean =>
  serial !== undefined &&
  serials.some((known) => sameSerial(known, serial)) &&
  disks.every(({ content, deviceId }) => content !== 'foreign' && deviceId === '');

/**
 * The board of ours that is this newcomer, as far as can be told: it has the same serial number, is not heard of, and who
 * claims so was started from a card that knows the cluster key. One that is there would be somebody else's serial number.
 */
export const sameBoard = (
  { serial, source }: BootClaim,
  newcomer: Device,
  boards: readonly Device[],
): Device | undefined => {
  if (source !== 'join-card' || serial === undefined || !isUndecided(newcomer)) return undefined;
  const same = boards.filter(
    ({ id, serials }) => id !== newcomer.id && serials.some((known) => sameSerial(known, serial)),
  );
  const [known, ...others] = same;
  return known !== undefined && others.length === 0 && isAway(known) ? known : undefined;
};

/** It was installed, and nothing of it answers. */
const isAway = ({ state }: Device): boolean =>
  state.name === 'unreachable' ||
  state.name === 'waiting-for-proof' ||
  state.name === 'local-boot-failed' ||
  state.name === 'left' ||
  (state.name === 'failed' && state.resume.at !== 'install');
