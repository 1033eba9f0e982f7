/** Boards that nobody decided about, which have nothing of ours: the rows `seen`, `booting`, `reported`, `pending`, `held`. Pure. */
import { seconds, since } from '../../config/values.ts';
import { adoptable } from './adoption-rows.ts';
import {
  type Context,
  cardMade,
  type EventOf,
  late,
  type Next,
  noDeadline,
  noNode,
  noSystem,
  notFailed,
  onTheLan,
  packets,
  type Row,
  refuse,
  rejected,
  reported,
  stay,
  to,
} from './cell.ts';
import { type BoardReport, sameDisk } from './device.ts';
import { heldWishes, neverJoined } from './leaving.ts';

/** A waiting board that tells something else each time is decided about no more often: each decision writes the disk. */
export const REDECIDE_PAUSE = seconds(10);

/** What changes the answer to "may this board be written?"; the installer repeats the rest every two seconds. */
const sameClaims = (a: BoardReport, b: BoardReport): boolean =>
  a.mac === b.mac &&
  a.serial === b.serial &&
  a.disk.content === b.disk.content &&
  a.disk.device === b.disk.device &&
  sameDisk(a.disk, b.disk) &&
  a.proof === b.proof;
const askAgainIfNew = (
  state: { readonly report: BoardReport },
  { report, again = false }: EventOf<'installer-reported'>,
  context: Context,
): Next =>
  (sameClaims(state.report, report) && !again) || since(context.since, context.now) < REDECIDE_PAUSE
    ? stay()
    : reported(report);

/** Nothing of ours is on its disk; a card that was made for it is a decision, too. */
const notInstalled = {
  ...late,
  ...onTheLan,
  ...noNode,
  ...noSystem,
  ...neverJoined,
  'reinstall-requested': refuse('Nothing is installed on it yet: `bramble accept` is what it needs.'),
  'wipe-requested': refuse('Nothing of ours is on its disk.'),
  'card-made': cardMade,
} as const;

const beforeReport = {
  ...notInstalled,
  ...notFailed,
  ...adoptable,
  'dhcp-seen': stay,
  'installer-reported': (_: unknown, { report }: { report: BoardReport }) => reported(report),
  'accept-requested': refuse(
    'It has not told yet what it is. Wait until its installer runs: its state is then "pending".',
  ),
  'reject-requested': rejected,
} as const;

/** Its installer runs, and may ask for as long as it likes whether the board is ours. */
const beforeDecision = {
  ...notInstalled,
  ...packets,
  ...notFailed,
  ...noDeadline,
  'installer-reported': askAgainIfNew,
  'accept-requested': ({ report }: { report: BoardReport }, { by }: { by: string }): Next =>
    to({ name: 'accepted', report, by }, `accepted by ${by}`),
  'reject-requested': rejected,
  // Both wait: neither is shown to be what it says. The other one is held by its own report.
  'rival-seen': ({ report }: { report: BoardReport }, { by }: { by: string }): Next =>
    to({ name: 'held', reason: by, report }, by),
} as const;

const HELD = 'It is held: `bramble accept` decides for it, `bramble reject` against it.';

export const seen: Row<'seen'> = {
  ...beforeReport,
  ...noDeadline,
  'boot-file-served': (_, { file }) => to({ name: 'booting' }, `fetches ${file}`),
};
export const booting: Row<'booting'> = {
  ...beforeReport,
  'boot-file-served': stay,
  'deadline-passed': () => to({ name: 'seen' }, 'fetched boot files, but its installer was never heard of'),
};
export const reportedRow: Row<'reported'> = {
  ...beforeDecision,
  'admission-decided': ({ report }, { verdict }) => {
    switch (verdict.verdict) {
      case 'accept':
        return to({ name: 'accepted', report, by: verdict.by }, verdict.by);
      case 'wait':
        return to({ name: 'pending', report, reason: verdict.reason }, verdict.reason);
      case 'hold':
        return to({ name: 'held', reason: verdict.reason, report }, verdict.reason);
    }
  },
};
export const pending: Row<'pending'> = beforeDecision;

/** `bramble accept` decides for one of those who say to be the same; the others stay held. */
export const held: Row<'held'> = {
  ...notInstalled,
  ...packets,
  ...noDeadline,
  'installer-reported': (_, { report, again = false }, context) =>
    again && since(context.since, context.now) >= REDECIDE_PAUSE ? reported(report) : stay(),
  'accept-requested': ({ report }, { by }) =>
    report === undefined
      ? refuse('It is held for a reason that accepting does not mend; `bramble retry` looks at it again.')()
      : to({ name: 'accepted', report, by }, `accepted by ${by}, over whoever else says to be this board`),
  'reject-requested': rejected,
  'retry-requested': ({ report }, { by }) =>
    report === undefined ? to({ name: 'seen' }, `looked at again, asked by ${by}`) : reported(report),
  ...heldWishes,
  'reinstall-requested': refuse(HELD),
  'wipe-requested': refuse(HELD),
  'card-made': refuse(HELD),
};
