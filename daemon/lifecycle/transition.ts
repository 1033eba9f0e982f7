/**
 * `transition(device, event, now)`: the whole life of a board, as one table. Pure. Every pair of state and event stands
 * here on purpose: the types make a missing one a compile error. What a state needs done is a function of the state
 * (`wants`), and so is how long it may last (`lifetime`): after a crash the same state wants the same again.
 */
import { after, type Instant, type Millis, minutes, since } from '../../config/values.ts';
import { adopting } from './adoption-rows.ts';
import {
  alreadyOurs,
  type Context,
  fail,
  HOST_KEY_CHANGED,
  hostKeyChanged,
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
  ready,
  refuse,
  rejected,
  reported,
  SERIAL_DIFFERS,
  type StateOf,
  stay,
  to,
} from './cell.ts';
import {
  type BoardReport,
  type Device,
  type DeviceState,
  type OwnSystem,
  type StateName,
  sameDisk,
  type WipeStep,
} from './device.ts';
import type { Effect } from './effect.ts';
import type { LifecycleEvent } from './event.ts';
import { learn } from './evidence.ts';
import { acceptedAgain, armingsOf, earlier, givenUp, writtenDisk } from './installation.ts';
import { beingInstalled, failedWishes, isAway, isExpected, nodeIsBack, rejectedWishes, works } from './leaving.ts';
import { left, replaced } from './leaving-rows.ts';
import { reflashed } from './reflashed.ts';
import { doesNotStart, localBootFailed, reinstalling, runs, toBeWiped, wiping, wishes } from './system-rows.ts';
import { booting, held, pending, reportedRow, seen } from './undecided-rows.ts';

export type Transition = {
  readonly device: Device;
  /** Everything that is pending for this board from now on. */
  readonly effects: readonly Effect[];
  /** In plain words, for the event log. */
  readonly reason: string;
  /** `noted`: for the event log only. `dropped`: the board is to be forgotten, with all that is on disk of it. `nothing`: no commit is needed. `refused`: the owner asked for what cannot be done; the reason says what can. */
  readonly outcome: 'moved' | 'learned' | 'noted' | 'nothing' | 'refused' | 'dropped';
};

export function transition(device: Device, event: LifecycleEvent, now: Instant): Transition {
  // Deadlines queue behind other events: this one may belong to the state before.
  const overtaken = event.event === 'deadline-passed' && event.since !== device.since;
  const next = overtaken ? stay() : decide(device, event, now);
  const learned = learn(device, event);
  if (next.go === 'to') {
    const span = lifetime(next.state);
    const disk = writtenDisk(device, next.state);
    const moved = { ...learned, disk, state: next.state, since: now, deadline: span && after(now, span) };
    return { device: moved, effects: wants(next.state), reason: next.reason, outcome: 'moved' };
  }
  const unmoved = { stay: 'nothing', note: 'noted', refuse: 'refused', drop: 'dropped' } as const;
  const outcome = next.go === 'stay' && learned !== device ? 'learned' : unmoved[next.go];
  return { device: learned, effects: wants(device.state), reason: next.reason, outcome };
}

/** What the world has to be made to do for a board in this state. */
export function wants(state: DeviceState): readonly Effect[] {
  switch (state.name) {
    case 'reported':
      return ['decide-admission'];
    case 'accepted':
      return ['make-image'];
    case 'installing':
      return ['find-installed'];
    case 'adopting':
      return ['adopt'];
    case 'starting':
    case 'local-boot-failed':
      return ['await-ssh'];
    case 'reinstalling':
      return wantsStart(state.start);
    case 'wiping':
      return state.start.step === 'leaving' ? ['leave'] : wantsStart(state.start);
    case 'joining':
      return ['join'];
    case 'ready':
      return state.quarantined ? ['release-quarantine'] : [];
    case 'rejected':
    case 'replaced':
      return state.left ? [] : ['leave'];
    case 'left':
      return state.done ? [] : ['leave'];
    case 'seen':
    case 'booting':
    case 'pending':
    case 'unreachable':
    case 'held':
      return [];
    case 'failed':
      return armingsOf(state).length === 0 ? [] : ['find-installed'];
  }
}

const wantsStart = ({ step }: WipeStep): readonly Effect[] =>
  step === 'trying' || step === 'waiting' ? ['start-installer'] : [];

/** How long a board may stay in a state before that in itself is news; undefined: for ever. */
export function lifetime(state: DeviceState): Millis | undefined {
  switch (state.name) {
    case 'booting':
      return minutes(5);
    case 'installing':
      // Anew with `install-progressed`, which comes up to 5 min after the installer's own word. It tells each second how far writing
      // and reading back are. It is silent longest while a boot partition of 512 MiB is copied out of the way: on a slow card
      // 4 min at 2 MiB/s, and 3 more to read it. A dead connection it gives up, and says so, after 9 min.
      return minutes(20);
    case 'starting':
      // The article's two minutes for growing the root file system, on the slowest card and board.
      return state.card ? undefined : minutes(15);
    case 'reinstalling':
    case 'wiping':
      // Services that do not want to stop have 90 s of systemd's each, and then it starts.
      return state.start.step === 'restarted' ? minutes(10) : undefined;
    case 'adopting':
      return minutes(10);
    case 'joining':
      // Each of its steps has a deadline of its own (`stepDeadlines`), and on a slow line 50 boards wait hours for their transfers:
      // this is for what was forgotten.
      return state.waits === undefined ? minutes(240) : undefined;
    case 'seen':
    case 'reported':
    case 'pending':
    case 'accepted':
    case 'ready':
    case 'unreachable':
    case 'local-boot-failed':
    case 'held':
    case 'rejected':
    case 'left':
    case 'replaced':
    case 'failed':
      return undefined;
  }
}

/** The API server could not be reached, or where it is is not known yet. */
const CLUSTER_AWAY = 'API_UNREACHABLE';
/** It was told to, by the driver: its join goes on once it answers again. */
const BOARD_RESTARTS = 'BOARD_RESTARTS';
/** A join is tried this often before the owner is asked to look. */
export const JOIN_ATTEMPTS = 5;
/** The same again would come of another try; a Node that is there would even be taken down for it. */
const inVain: readonly string[] = [
  ...['NODE_NAME_TAKEN', 'NODE_NOT_READY', SERIAL_DIFFERS, 'ADDRESS_NOT_FIXED'],
  // Its processor and its system stay what they are.
  ...['ARCH_UNSUPPORTED', 'KERNEL_TOO_OLD', 'SYSTEMD_MISSING', 'CGROUP_MEMORY_OFF', 'CGROUPS_MISSING'],
  ...['KUBEADM_MISSING', 'K3S_SERVER_ON_BOARD'],
];
/** A board whose installation failed and whose installer asks again is tried again after this. */
export const REINSTALL_PAUSE = minutes(0.5);

/**
 * What was decided does not cover this disk: it holds something that is not ours and that nobody was asked about. Whoever
 * knew the board's address may have reported in its name, or its disk was changed. A disk that we began to write says so.
 */
export const wouldLose = (decided: BoardReport, { disk }: BoardReport): boolean =>
  disk.content === 'foreign' && !(decided.disk.content === 'foreign' && sameDisk(decided.disk, disk));
const askAgainIfLost = (state: { readonly report: BoardReport }, { report }: { readonly report: BoardReport }): Next =>
  wouldLose(state.report, report) ? reported(report) : stay();

type Table = { readonly [S in StateName]: Row<S> };

/** Nothing is done to it, whoever asks, until the owner takes that back. */
const leftAlone = (why: string) =>
  ({
    ...noSystem,
    'installer-reported': stay,
    'reinstall-requested': refuse(why),
    'wipe-requested': refuse(why),
    'card-made': refuse(why),
  }) as const;

const startedAnew = (): Next =>
  to({ name: 'joining', attempt: 1 }, 'its system was started anew, and what joins it to the cluster was not');

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

const table: Table = {
  seen,
  booting,
  adopting,
  reported: reportedRow,
  pending,
  accepted: {
    ...underWay,
    ...noDeadline,
    'card-made': refuse('Its image is being made for the installer: ask again in a moment.'),
    'image-made': (state, { arming }) =>
      to({ name: 'installing', report: state.report, arming, ...earlier(state.earlier) }, 'its image is ready'),
    'image-failed': (state, { code, detail }) =>
      fail(code, detail, { at: 'install', report: state.report, ...earlier(state.earlier) }),
  },
  installing: {
    ...underWay,
    'card-made': (_, { by }) => note(`a copy of the image that it is being given was made, asked by ${by}`),
    'install-progressed': (state, { percent }) => to(state, `its installer gets on: ${percent} %`),
    installed: () => to({ name: 'starting' }, 'its image is on its disk'),
    // Power failed between the last sector and the word for it.
    'ssh-answered': () => to({ name: 'joining', attempt: 1 }, 'the system of this installation answers'),
    'install-failed': (state, { code, detail }) => fail(code, detail, givenUp(state)),
    'deadline-passed': (state) =>
      fail('INSTALL_TIMEOUT', 'the installation did not end; is the board still powered?', givenUp(state)),
  },
  starting: {
    ...late,
    ...onTheLan,
    ...packets,
    ...notFailed,
    ...alreadyOurs,
    ...wishes,
    ...isAway,
    'leave-requested': isExpected,
    // The installer's own last words may arrive twice; the edge tells it to start its disk.
    'installer-reported': reflashed,
    'ssh-answered': () => to({ name: 'joining', attempt: 1 }, 'its system answers with the host key we made'),
    'ssh-failed': (_, { code, detail }) => fail(code, detail, { at: 'start' }),
    'host-key-changed': hostKeyChanged({ at: 'start' }),
    // A card that is not in yet starts nothing.
    'local-boot-failed': (state, event) => (state.card ? stay() : doesNotStart(false)(state, event)),
    // A Node of its earlier life may still be Ready; this board has joined nothing yet.
    'node-ready': stay,
    'node-not-ready': stay,
    'node-deleted': stay,
    'reject-requested': rejected,
    'deadline-passed': () =>
      fail('START_TIMEOUT', 'its system did not answer on port 22; look at its screen', { at: 'start' }),
  },
  joining: {
    ...late,
    ...onTheLan,
    ...packets,
    ...notFailed,
    ...alreadyOurs,
    ...wishes,
    ...runs,
    ...works,
    'installer-reported': reflashed,
    'join-failed': ({ attempt }, { code, detail, output }) => {
      // The master is still starting, or away: that is no fault of the board's.
      if (code === CLUSTER_AWAY)
        return to({ name: 'joining', attempt, waits: detail }, `waits for the cluster: ${detail}`);
      if (code === BOARD_RESTARTS) return to({ name: 'starting' }, detail);
      return attempt < JOIN_ATTEMPTS && !inVain.includes(code)
        ? to({ name: 'joining', attempt: attempt + 1 }, `attempt ${attempt}: ${code}: ${detail}`)
        : fail(code, detail, { at: 'join' }, output);
    },
    'cluster-answered': ({ attempt, waits }) =>
      waits === undefined ? stay() : to({ name: 'joining', attempt }, 'the cluster answers'),
    'host-key-changed': hostKeyChanged({ at: 'join' }),
    'local-boot-failed': doesNotStart(false),
    'node-ready': ready,
    // It registers before it is Ready.
    'node-not-ready': stay,
    'node-deleted': stay,
    'reject-requested': rejected,
    'deadline-passed': () => fail('JOIN_TIMEOUT', 'its Node did not become Ready', { at: 'join' }),
  },
  ready: {
    ...late,
    ...onTheLan,
    ...packets,
    ...notFailed,
    ...alreadyOurs,
    ...wishes,
    ...runs,
    ...works,
    ...noDeadline,
    'installer-reported': stay,
    // The cluster knows it better than its boot ROM's packets, which anybody can forge: once it is unreachable, they count.
    'local-boot-failed': stay,
    'node-ready': stay,
    'node-not-ready': () => to({ name: 'unreachable' }, 'its Node is not Ready any more'),
    // Its Node is Ready, of whatever Pi its disk is in by now.
    'join-failed': (_, { code, detail }) => (code === SERIAL_DIFFERS ? fail(code, detail, { at: 'join' }) : stay()),
    'cluster-programs-gone': startedAnew,
    'node-deleted': () => fail('NODE_DELETED', 'its Node was deleted; `bramble retry` joins it again', { at: 'join' }),
    'host-key-changed': hostKeyChanged({ at: 'join' }),
    'quarantine-released': ({ quarantined }) =>
      quarantined
        ? to({ name: 'ready', quarantined: false }, 'name, address and host key agree: open for work')
        : stay(),
    'reject-requested': rejected,
  },
  unreachable: {
    ...late,
    ...onTheLan,
    ...packets,
    ...alreadyOurs,
    // A card as well: its disk may be what broke. If its old system comes back first, that one is Ready as before.
    ...wishes,
    ...isAway,
    ...noDeadline,
    'installer-reported': reflashed,
    'local-boot-failed': doesNotStart(true),
    // It may run another system than the one that joined: from a card that was made for it, say.
    'retry-requested': (_, { by }) => to({ name: 'starting' }, `waited for again, asked by ${by}`),
    'node-ready': ready,
    'cluster-programs-gone': startedAnew,
    'node-not-ready': stay,
    'node-deleted': () => fail('NODE_DELETED', 'its Node was deleted; `bramble retry` joins it again', { at: 'join' }),
    'reject-requested': rejected,
  },
  held,
  rejected: {
    ...late,
    ...onTheLan,
    'node-ready': (state, _, context) => nodeIsBack(state, { ...state, left: false }, context),
    'node-not-ready': (state, _, context) => nodeIsBack(state, { ...state, left: false }, context),
    'node-deleted': stay,
    ...packets,
    ...notFailed,
    ...noDeadline,
    ...leftAlone('It is rejected: `bramble accept` takes it in again.'),
    ...rejectedWishes,
    'accept-requested': ({ system }, { by }) => to(takenInAgain[system], `no longer rejected, asked by ${by}`),
    'reject-requested': stay,
    left: (state) => to({ ...state, left: true }, 'its Node and token are gone'),
  },
  failed: {
    ...late,
    ...onTheLan,
    ...packets,
    ...alreadyOurs,
    ...noDeadline,
    ...wishes,
    ...failedWishes,
    'reinstall-requested': (state, event) =>
      state.resume.at === 'start' || state.resume.at === 'join'
        ? wishes['reinstall-requested'](state, event)
        : refuse('It did not get that far: `bramble retry` goes on where it failed.')(),
    'local-boot-failed': (state, event) => {
      const { at } = state.resume;
      return at === 'start' || at === 'join' ? doesNotStart(at === 'join')(state, event) : stay();
    },
    'installer-reported': (state, event, context) => {
      const { resume, code } = state;
      const { report } = event;
      if (resume.at === 'adopt') return reported(report);
      if (resume.at === 'start' || resume.at === 'join') return reflashed(state, event, context);
      if (resume.at !== 'install' || since(context.since, context.now) < REINSTALL_PAUSE) return stay();
      // A disk that is too small stays so; anything else deserves another try, and nobody should have to ask for it.
      if (code === 'DISK_TOO_SMALL' && report.disk.bytes === resume.report.disk.bytes) return stay();
      return wouldLose(resume.report, report)
        ? reported(report)
        : to(acceptedAgain(state, report, 'an earlier decision'), 'its installer asks again');
    },
    'ssh-answered': (state) =>
      armingsOf(state).length === 0
        ? stay()
        : to({ name: 'joining', attempt: 1 }, 'the system of this installation answers after all'),
    'node-ready': ({ resume, code }) =>
      (resume.at === 'start' || resume.at === 'join') && code !== HOST_KEY_CHANGED && code !== SERIAL_DIFFERS
        ? ready()
        : stay(),
    'node-not-ready': stay,
    'node-deleted': stay,
    'reject-requested': rejected,
    'retry-requested': (state, { by }) => to(resumed(state, by), `tried again, asked by ${by}`),
  },
  'local-boot-failed': localBootFailed,
  reinstalling,
  wiping,
  left,
  replaced,
};

/** Its system joins once more, and may be written anew or cleared. */
const takenInAgain: Readonly<Record<OwnSystem, DeviceState>> = {
  disk: { name: 'starting' },
  card: { name: 'starting', card: true },
  none: { name: 'seen' },
};

function resumed(state: StateOf<'failed'>, by: string): DeviceState {
  const { resume } = state;
  switch (resume.at) {
    case 'install':
      return acceptedAgain(state, resume.report, by);
    case 'start':
      return { name: 'starting' };
    case 'join':
      return { name: 'joining', attempt: 1 };
    case 'adopt':
      return { name: 'adopting', by };
    case 'wipe':
      return toBeWiped(resume.by, resume.arming);
  }
}

function decide(device: Device, event: LifecycleEvent, now: Instant): Next {
  // The table's type ties each cell to its own state and event; TypeScript cannot follow that through two look-ups.
  const cell: (state: never, event: never, context: Context) => Next = table[device.state.name][event.event];
  return cell(device.state as never, event as never, { since: device.since, now });
}
