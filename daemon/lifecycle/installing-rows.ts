/** Boards that are ours and get their image: the rows `accepted` and `installing` of the table. Pure. */
import {
  alreadyOurs,
  fail,
  late,
  type Next,
  noDeadline,
  noNode,
  noSystem,
  note,
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
import type { BoardReport } from './device.ts';
import { wouldLose } from './disk-choice.ts';
import { earlier, givenUp } from './installation.ts';
import { beingInstalled } from './leaving.ts';

const askAgainIfLost = (state: { readonly report: BoardReport }, { report }: { readonly report: BoardReport }): Next =>
  wouldLose(state.report, report) ? reported(report) : stay();

/** Its image is on its way. */
const underWay = {
  ...late,
  ...onTheLan,
  ...noNode,
  ...noSystem,
  ...packets,
  ...notFailed,
  ...alreadyOurs,
  ...beingInstalled,
  // A board that lost power half-way reports again and is given the same image again.
  'installer-reported': askAgainIfLost,
  'reject-requested': rejected,
  'reinstall-requested': refuse('It is being installed already.'),
  'wipe-requested': refuse('It is being installed: wait until it is ready, or reject it.'),
} as const;

export const accepted: Row<'accepted'> = {
  ...underWay,
  ...noDeadline,
  'card-made': refuse('Its image is being made for the installer: ask again in a moment.'),
  'image-made': (state, { arming }) =>
    to({ name: 'installing', report: state.report, arming, ...earlier(state.earlier) }, 'its image is ready'),
  'image-failed': (state, { code, detail }) =>
    fail(code, detail, { at: 'install', report: state.report, ...earlier(state.earlier) }),
};

export const installing: Row<'installing'> = {
  ...underWay,
  'card-made': (_, { by }) => note(`a copy of the image that it is being given was made, asked by ${by}`),
  'install-progressed': (state, { percent }) => to(state, `its installer gets on: ${percent} %`),
  installed: () => to({ name: 'starting' }, 'its image is on its disk'),
  // Power failed between the last sector and the word for it.
  'ssh-answered': () => to({ name: 'joining', attempt: 1 }, 'the system of this installation answers'),
  'install-failed': (state, { code, detail }) => fail(code, detail, givenUp(state)),
  'deadline-passed': (state) =>
    fail('INSTALL_TIMEOUT', 'the installation did not end; is the board still powered?', givenUp(state)),
};
