/** Boards that are out of the cluster and stay known: the rows `rejected`, `left` and `replaced` of the table. Pure. */
import {
  drop,
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
  type StateOf,
  stay,
  to,
} from './cell.ts';
import type { DeviceState, OwnSystem } from './device.ts';
import { giveWay, nodeIsBack, notYet, rejectedWishes } from './leaving.ts';
import { reflashed } from './reflashed.ts';
import { runs, wishes } from './system-rows.ts';

/** Its system joins once more, and may be written anew or cleared. */
const takenInAgain: Readonly<Record<OwnSystem, DeviceState>> = {
  disk: { name: 'starting' },
  card: { name: 'starting', card: true },
  none: { name: 'seen' },
};

const isRejected = refuse('It is rejected: `bramble accept` takes it in again.');

/** Nothing is done to it, whoever asks, until the owner takes that back. */
export const rejectedRow: Row<'rejected'> = {
  ...late,
  ...onTheLan,
  ...packets,
  ...notFailed,
  ...noDeadline,
  ...noSystem,
  ...rejectedWishes,
  'installer-reported': stay,
  'node-ready': (state, _, context) => nodeIsBack(state, { ...state, left: false }, context),
  'node-not-ready': (state, _, context) => nodeIsBack(state, { ...state, left: false }, context),
  'node-deleted': stay,
  'reinstall-requested': isRejected,
  'wipe-requested': isRejected,
  'card-made': isRejected,
  'accept-requested': ({ system }, { by }) => to(takenInAgain[system], `no longer rejected, asked by ${by}`),
  'reject-requested': stay,
  left: (state) => to({ ...state, left: true }, 'its Node and token are gone'),
};

const joinsAgain = (_: unknown, { by }: { by: string }): Next =>
  to({ name: 'starting' }, `taken in again, asked by ${by}`);

export const left: Row<'left'> = {
  ...late,
  ...onTheLan,
  ...packets,
  ...noDeadline,
  // Nobody waits for it.
  ...noSystem,
  ...wishes,
  ...runs,
  'installer-reported': reflashed,
  'node-ready': (state, _, context) => nodeIsBack(state, { ...state, done: false }, context),
  'node-not-ready': (state, _, context) => nodeIsBack(state, { ...state, done: false }, context),
  'node-deleted': stay,
  left: (state) => to({ ...state, done: true }, 'its Node and token are gone'),
  'accept-requested': joinsAgain,
  'retry-requested': joinsAgain,
  'reject-requested': rejected,
  'leave-requested': stay,
  'forget-requested': (state, event) => (state.done ? drop(state, event) : notYet()),
  'replace-requested': giveWay,
};

/** It gets nothing until the owner knows that it is there. */
const returned = ({ was, left: hasGone }: StateOf<'replaced'>): Next =>
  hasGone
    ? to(
        {
          name: 'held',
          reason: `it is back, and another board has its place as ${was.name}: forget it, and it is a new one`,
        },
        `it is back, and another board has its place as ${was.name}`,
      )
    : stay();

const hasGivenWay = refuse(
  'Another board has its place: `bramble forget`, and it comes in as a new one when it is started.',
);

export const replaced: Row<'replaced'> = {
  ...late,
  ...onTheLan,
  ...noDeadline,
  ...noNode,
  ...noSystem,
  'dhcp-seen': returned,
  'boot-file-served': returned,
  'installer-reported': returned,
  left: (state) => to({ ...state, left: true }, 'the Node and token that it had are gone'),
  'accept-requested': hasGivenWay,
  'reject-requested': hasGivenWay,
  'retry-requested': hasGivenWay,
  'reinstall-requested': hasGivenWay,
  'wipe-requested': hasGivenWay,
  'card-made': hasGivenWay,
  'leave-requested': hasGivenWay,
  'replace-requested': hasGivenWay,
  'forget-requested': (state, event) => (state.left ? drop(state, event) : notYet()),
};
