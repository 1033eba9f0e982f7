/**
 * Boards that have a system of ours which does not start, or which is to go: the rows `local-boot-failed`, `reinstalling`
 * and `wiping` of the table, and the ways into them. Pure.
 *
 * Nothing but the owner's word leads to an installation of a board that was installed before, and each word to one:
 * `reinstalling` becomes `accepted` by an installer's report, and the end of that installation is `starting` as ever.
 */
import {
  alreadyOurs,
  cardMade,
  type EventOf,
  fail,
  late,
  type Next,
  noDeadline,
  noNode,
  noSystem,
  onTheLan,
  packets,
  type Row,
  ready,
  refuse,
  rejected,
  reported,
  type StateOf,
  stay,
  to,
} from './cell.ts';
import { type BoardReport, type DeviceState, type InstallerStart, sameDisk } from './device.ts';
import { isAway, reinstallingWishes, wipingWishes } from './leaving.ts';
import { reflashed } from './reflashed.ts';

/** So often a board is restarted for its installer before that is left to somebody's hands. */
export const RESTARTS_MAX = 3;

export const trying = (restarts = 0): InstallerStart => ({ step: 'trying', restarts });

export const toBeWiped = (by: string, arming: string): DeviceState => ({
  name: 'wiping',
  ...{ by, arming },
  start: { step: 'leaving' },
});

/** What the owner may want of a board that has a system of ours. */
export const wishes = {
  'reinstall-requested': (_: unknown, { by }: { by: string }): Next =>
    to({ name: 'reinstalling', by, start: trying() }, `one new installation, asked by ${by}`),
  'wipe-requested': (_: unknown, { by, arming }: EventOf<'wipe-requested'>): Next =>
    to(toBeWiped(by, arming), `its disk is to be cleared, asked by ${by}`),
  'card-made': cardMade,
} as const;

/** Of every board that has a system of ours: what may come of it at any time, and what its owner may want. */
export const hasSystem = {
  ...late,
  ...onTheLan,
  ...packets,
  ...alreadyOurs,
  ...wishes,
  'reject-requested': rejected,
} as const;

/** It keeps its host key with a new card: the system that runs would be taken for the one on it, and be joined once more. */
export const runs = {
  'card-made': refuse('It runs: switch it off first, or let it be installed anew by `bramble reinstall`.'),
} as const;

export const doesNotStart =
  (joined: boolean) =>
  (_: unknown, { rounds }: EventOf<'local-boot-failed'>): Next =>
    to(
      { name: 'local-boot-failed', rounds, joined },
      `it asked the network for a boot ${rounds} times in a row, and its system was not heard`,
    );

export const localBootFailed: Row<'local-boot-failed'> = {
  ...late,
  ...onTheLan,
  ...packets,
  ...noDeadline,
  ...noSystem,
  ...alreadyOurs,
  ...wishes,
  ...isAway,
  // Not by itself where its disk holds what the owner may want to look at.
  'installer-reported': reflashed,
  'ssh-answered': () => to({ name: 'joining', attempt: 1 }, 'its system answers after all'),
  'node-ready': ({ joined }) => (joined ? ready() : stay()),
  'node-not-ready': stay,
  'node-deleted': stay,
  'reject-requested': rejected,
  'retry-requested': (_, { by }) => to({ name: 'starting' }, `waited for again, asked by ${by}`),
};

type Wanted = StateOf<'reinstalling'> | StateOf<'wiping'>;

/** The two states in which an installer is wanted on a board that has a system. */
const installerWanted = {
  ...late,
  ...onTheLan,
  ...packets,
  // Its system may still run, and its Node be Ready: that is the life that is to end.
  ...noNode,
  ...noSystem,
  'installer-started': (state: Wanted): Next => {
    const { start } = state;
    if (start.step !== 'trying' && start.step !== 'waiting') return stay();
    const after: InstallerStart = { step: 'restarted', restarts: start.restarts + 1 };
    return to({ ...state, start: after }, 'the installer is in its boot partition, and it restarts');
  },
  'installer-start-failed': (state: Wanted, { code, detail }: EventOf<'installer-start-failed'>): Next => {
    const { start } = state;
    if (start.step !== 'trying' && start.step !== 'waiting') return stay();
    // Tried again every minute: the same again is no news, and not worth a write.
    if (start.step === 'waiting' && start.code === code) return stay();
    const after: InstallerStart = { step: 'waiting', restarts: start.restarts, code, detail };
    return to({ ...state, start: after }, `its installer cannot be started over SSH: ${code}: ${detail}`);
  },
  'deadline-passed': (state: Wanted): Next => {
    const { start } = state;
    if (start.step !== 'restarted') return stay();
    return start.restarts < RESTARTS_MAX
      ? to({ ...state, start: trying(start.restarts) }, 'it restarted, and its installer was not heard')
      : to({ ...state, start: { step: 'given-up' } }, `it restarted ${start.restarts} times without its installer`);
  },
} as const;

/** As far as is known no installer runs. */
export const mayBeCalledOff = ({ step }: InstallerStart): boolean =>
  step === 'trying' || step === 'waiting' || step === 'given-up';

const tryAgain = (state: Wanted, { by }: { by: string }): Next =>
  state.start.step === 'trying' || state.start.step === 'restarted'
    ? refuse('It is under way: its installer is being started.')()
    : to({ ...state, start: trying() }, `tried again, asked by ${by}`);

export const reinstalling: Row<'reinstalling'> = {
  ...installerWanted,
  ...wishes,
  ...reinstallingWishes,
  // Its system is as it was, and joins again.
  'accept-requested': ({ start }, { by }) =>
    mayBeCalledOff(start)
      ? to({ name: 'starting' }, `its new installation is called off, asked by ${by}`)
      : refuse('It restarts into its installer already.')(),
  'reinstall-requested': refuse('It waits for its new installation already.'),
  // Its old system may answer at any moment, with the same host key: the wish would be lost.
  'card-made': refuse('It waits for its installer, over the network or from a join card (`bramble image join-card`).'),
  // The owner knows of the system that we put there, and of nothing else.
  'installer-reported': ({ by }, { report }) =>
    report.disk.content === 'foreign'
      ? reported(report)
      : to({ name: 'accepted', report, by }, `its installer is here for the installation that ${by} asked for`),
  'retry-requested': tryAgain,
  'reject-requested': rejected,
};

/** Its installer is there: the disk is as the owner knows it, or it is not touched. */
function clear(state: StateOf<'wiping'>, { disk }: BoardReport): Next {
  const { start, by, arming } = state;
  // A wipe that lost its power half-way leaves what looks like nobody's.
  if (start.step === 'running' && sameDisk(start.disk, disk)) return stay();
  const resume = { at: 'wipe', by, arming } as const;
  if (disk.content === 'none') return fail('NO_DISK', 'its installer found no disk that may be written', resume);
  if (disk.content === 'foreign') return fail('DISK_FOREIGN', DISK_FOREIGN, resume);
  return to({ ...state, start: { step: 'running', disk } }, 'its installer is here, and clears the disk');
}
const DISK_FOREIGN =
  'its disk holds data that is not ours, so it is not cleared: put the disk in that was installed, or clear it by hand';

export const wiping: Row<'wiping'> = {
  ...installerWanted,
  ...wipingWishes,
  left: (state) =>
    state.start.step === 'leaving' ? to({ ...state, start: trying() }, 'its Node and token are gone') : stay(),
  'installer-reported': (state, { report }) =>
    state.start.step === 'leaving' || state.start.step === 'done' ? stay() : clear(state, report),
  wiped: (state) =>
    state.start.step === 'running'
      ? to({ ...state, start: { step: 'done' } }, 'nothing of ours is on its disk any more')
      : stay(),
  'install-failed': ({ start, by, arming }, { code, detail }) =>
    start.step === 'done' ? stay() : fail(code, detail, { at: 'wipe', by, arming }),
  'accept-requested': ({ start }, { by }) =>
    start.step === 'done'
      ? to({ name: 'seen' }, `taken in again, asked by ${by}`)
      : refuse('Its disk is being cleared; when that is done, accepting takes it in again.')(),
  'card-made': (state, event) =>
    state.start.step === 'done'
      ? cardMade(state, event)
      : refuse('Its disk is being cleared: make a card when that is done.')(),
  'reinstall-requested': ({ start }) =>
    refuse(
      start.step === 'done' ? 'Its disk is cleared: `bramble accept` takes it in again.' : 'Its disk is being cleared.',
    )(),
  'wipe-requested': ({ start }) =>
    refuse(start.step === 'done' ? 'Its disk is cleared already.' : 'Its disk is being cleared.')(),
  'retry-requested': (state, event) => {
    if (state.start.step === 'done') return refuse('Its disk is cleared: there is nothing to try again.')();
    return state.start.step === 'leaving'
      ? refuse('It is under way: its Node is being removed.')()
      : tryAgain(state, event);
  },
  'reject-requested': rejected,
};
