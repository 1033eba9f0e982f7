/**
 * `transition(device, event, now)`: the whole life of a board, as one table. Pure. Every pair of state and event stands
 * here on purpose: the types make a missing one a compile error. What a state needs done is a function of the state
 * (`wants`), and so is how long it may last (`lifetime`): after a crash the same state wants the same again.
 */
import { after, type Instant, type Millis, minutes, seconds, since } from '../../config/values.ts';
import {
  type BoardReport,
  type Device,
  type DeviceState,
  type ResumePoint,
  type StateName,
  sameDisk,
} from './device.ts';
import type { Effect } from './effect.ts';
import type { EventName, LifecycleEvent } from './event.ts';
import { learn } from './evidence.ts';

export type Transition = {
  readonly device: Device;
  /** Everything that is pending for this board from now on. */
  readonly effects: readonly Effect[];
  /** In plain words, for the event log. */
  readonly reason: string;
  /** `noted`: for the event log only. `nothing`: no commit is needed. `refused`: the owner asked for what cannot be done; the reason says what can. */
  readonly outcome: 'moved' | 'learned' | 'noted' | 'nothing' | 'refused';
};

export function transition(device: Device, event: LifecycleEvent, now: Instant): Transition {
  // Deadlines queue behind other events: this one may belong to the state before.
  const overtaken = event.event === 'deadline-passed' && event.since !== device.since;
  const next = overtaken ? stay() : decide(device, event, now);
  const learned = learn(device, event);
  if (next.go === 'to') {
    const span = lifetime(next.state);
    const moved = { ...learned, state: next.state, since: now, deadline: span && after(now, span) };
    return { device: moved, effects: wants(next.state), reason: next.reason, outcome: 'moved' };
  }
  const unmoved = { stay: 'nothing', note: 'noted', refuse: 'refused' } as const;
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
    case 'starting':
      return ['await-ssh'];
    case 'joining':
      return ['join'];
    case 'ready':
      return state.quarantined ? ['release-quarantine'] : [];
    case 'rejected':
      return state.left ? [] : ['leave'];
    case 'seen':
    case 'booting':
    case 'pending':
    case 'installing':
    case 'unreachable':
    case 'held':
    case 'failed':
      return [];
  }
}

/** How long a board may stay in a state before that in itself is news; undefined: for ever. */
export function lifetime(state: DeviceState): Millis | undefined {
  switch (state.name) {
    case 'booting':
      return minutes(5);
    case 'installing':
      // 4 GiB at the 2 MiB/s of a slow card, and as much again to read it back.
      return minutes(70);
    case 'starting':
      // The article's two minutes for growing the root file system, on the slowest card and board.
      return minutes(15);
    case 'joining':
      return minutes(10);
    case 'seen':
    case 'reported':
    case 'pending':
    case 'accepted':
    case 'ready':
    case 'unreachable':
    case 'held':
    case 'rejected':
    case 'failed':
      return undefined;
  }
}

/** A join is tried this often before the owner is asked to look. */
export const JOIN_ATTEMPTS = 5;
/** A board whose installation failed and whose installer asks again is tried again after this. */
export const REINSTALL_PAUSE = minutes(0.5);
/** A waiting board that tells something else each time is decided about no more often: each decision writes the disk. */
export const REDECIDE_PAUSE = seconds(10);

/** `since`: when the board came into its state. */
type Context = { readonly since: Instant; readonly now: Instant };
type Next =
  | { readonly go: 'to'; readonly state: DeviceState; readonly reason: string }
  | { readonly go: 'stay'; readonly reason: string }
  | { readonly go: 'note'; readonly reason: string }
  | { readonly go: 'refuse'; readonly reason: string };

const to = (state: DeviceState, reason: string): Next => ({ go: 'to', state, reason });
const stay = (): Next => ({ go: 'stay', reason: '' });
const note = (reason: string): Next => ({ go: 'note', reason });
const refuse = (reason: string) => (): Next => ({ go: 'refuse', reason });

type StateOf<S extends StateName> = Extract<DeviceState, { name: S }>;
type EventOf<E extends EventName> = Extract<LifecycleEvent, { event: E }>;
type Cell<S extends StateName, E extends EventName> = (state: StateOf<S>, event: EventOf<E>, context: Context) => Next;
type Row<S extends StateName> = { readonly [E in EventName]: Cell<S, E> };
type Table = { readonly [S in StateName]: Row<S> };

const fail = (code: string, detail: string, resume: ResumePoint): Next =>
  to({ name: 'failed', code, detail, resume }, `${code}: ${detail}`);
const reported = (report: BoardReport): Next => to({ name: 'reported', report }, 'the installer reported');
const ready = (): Next => to({ name: 'ready', quarantined: true }, 'its Node is Ready');
const rejected = (_: unknown, { by }: { by: string }): Next =>
  to({ name: 'rejected', by, left: false }, `rejected by ${by}`);

/** What changes the answer to "may this board be written?"; the installer repeats the rest every two seconds. */
const sameClaims = (a: BoardReport, b: BoardReport): boolean =>
  a.mac === b.mac &&
  a.serial === b.serial &&
  a.disk.content === b.disk.content &&
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

/**
 * What was decided does not cover this disk: it holds something that is not ours and that nobody was asked about. Whoever
 * knew the board's address may have reported in its name, or its disk was changed. A disk that we began to write says so.
 */
export const wouldLose = (decided: BoardReport, { disk }: BoardReport): boolean =>
  disk.content === 'foreign' && !(decided.disk.content === 'foreign' && sameDisk(decided.disk, disk));
const askAgainIfLost = (state: { readonly report: BoardReport }, { report }: { readonly report: BoardReport }): Next =>
  wouldLose(state.report, report) ? reported(report) : stay();

/** Answers to questions that this state does not ask: late, or repeated after a crash. The world is looked at again anyway. */
const late = {
  'admission-decided': stay,
  'image-made': stay,
  'image-failed': stay,
  installed: stay,
  'install-failed': stay,
  'ssh-answered': stay,
  'ssh-failed': stay,
  'join-failed': stay,
  'quarantine-released': stay,
  left: stay,
} as const;
const noNode = { 'node-ready': stay, 'node-not-ready': stay, 'node-deleted': stay } as const;
/** In every state, and changing none: where it is, which `learn` takes in, and whether another host has its name. */
const onTheLan = {
  'address-heard': stay,
  'address-lost': stay,
  'name-conflict': (_: unknown, { by }: { by: string }): Next => note(`another host has its name: ${by}`),
  'name-conflict-over': () => note('nobody else has its name any more'),
} as const;
const packets = { 'dhcp-seen': stay, 'boot-file-served': stay } as const;
const notFailed = { 'retry-requested': refuse('Nothing failed: there is nothing to try again.') } as const;
const alreadyOurs = { 'accept-requested': refuse('It is accepted already.') } as const;
const noDeadline = { 'deadline-passed': stay } as const;

const beforeReport = {
  ...late,
  ...onTheLan,
  ...noNode,
  ...notFailed,
  'dhcp-seen': stay,
  'installer-reported': (_: unknown, { report }: { report: BoardReport }) => reported(report),
  'accept-requested': refuse(
    'It has not told yet what it is. Wait until its installer runs: its state is then "pending".',
  ),
  'reject-requested': rejected,
} as const;

/** Its installer runs, and may ask for as long as it likes whether the board is ours. */
const beforeDecision = {
  ...late,
  ...onTheLan,
  ...noNode,
  ...packets,
  ...notFailed,
  ...noDeadline,
  'installer-reported': askAgainIfNew,
  'accept-requested': ({ report }: { report: BoardReport }, { by }: { by: string }): Next =>
    to({ name: 'accepted', report, by }, `accepted by ${by}`),
  'reject-requested': rejected,
} as const;

const table: Table = {
  seen: {
    ...beforeReport,
    ...noDeadline,
    'boot-file-served': (_, { file }) => to({ name: 'booting' }, `fetches ${file}`),
  },
  booting: {
    ...beforeReport,
    'boot-file-served': stay,
    'deadline-passed': () => to({ name: 'seen' }, 'fetched boot files, but its installer was never heard of'),
  },
  reported: {
    ...beforeDecision,
    'admission-decided': ({ report }, { verdict }) => {
      switch (verdict.verdict) {
        case 'accept':
          return to({ name: 'accepted', report, by: verdict.by }, verdict.by);
        case 'wait':
          return to({ name: 'pending', report, reason: verdict.reason }, verdict.reason);
        case 'hold':
          return to({ name: 'held', reason: verdict.reason }, verdict.reason);
      }
    },
  },
  pending: beforeDecision,
  accepted: {
    ...late,
    ...onTheLan,
    ...noNode,
    ...packets,
    ...notFailed,
    ...alreadyOurs,
    ...noDeadline,
    'installer-reported': askAgainIfLost,
    'image-made': ({ report }, { arming }) => to({ name: 'installing', report, arming }, 'its image is ready'),
    'image-failed': ({ report }, { code, detail }) => fail(code, detail, { at: 'install', report }),
    'reject-requested': rejected,
  },
  installing: {
    ...late,
    ...onTheLan,
    ...noNode,
    ...packets,
    ...notFailed,
    ...alreadyOurs,
    // A board that lost power half-way reports again and is given the same image again.
    'installer-reported': askAgainIfLost,
    installed: () => to({ name: 'starting' }, 'its image is on its disk'),
    'install-failed': ({ report }, { code, detail }) => fail(code, detail, { at: 'install', report }),
    'reject-requested': rejected,
    'deadline-passed': ({ report }) =>
      fail('INSTALL_TIMEOUT', 'the installation did not end; is the board still powered?', { at: 'install', report }),
  },
  starting: {
    ...late,
    ...onTheLan,
    ...packets,
    ...notFailed,
    ...alreadyOurs,
    // The installer's own last words may arrive twice; the edge tells it to start its disk.
    'installer-reported': stay,
    'ssh-answered': () => to({ name: 'joining', attempt: 1 }, 'its system answers with the host key we made'),
    'ssh-failed': (_, { code, detail }) => fail(code, detail, { at: 'start' }),
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
    'installer-reported': stay,
    'join-failed': ({ attempt }, { code, detail }) =>
      attempt < JOIN_ATTEMPTS
        ? to({ name: 'joining', attempt: attempt + 1 }, `attempt ${attempt}: ${code}: ${detail}`)
        : fail(code, detail, { at: 'join' }),
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
    ...noDeadline,
    'installer-reported': stay,
    'node-ready': stay,
    'node-not-ready': () => to({ name: 'unreachable' }, 'its Node is not Ready any more'),
    'node-deleted': () => fail('NODE_DELETED', 'its Node was deleted; `bramble retry` joins it again', { at: 'join' }),
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
    ...notFailed,
    ...alreadyOurs,
    ...noDeadline,
    'installer-reported': stay,
    'node-ready': ready,
    'node-not-ready': stay,
    'node-deleted': () => fail('NODE_DELETED', 'its Node was deleted; `bramble retry` joins it again', { at: 'join' }),
    'reject-requested': rejected,
  },
  held: {
    ...late,
    ...onTheLan,
    ...noNode,
    ...packets,
    ...noDeadline,
    'installer-reported': stay,
    'accept-requested': refuse(
      'It is held for a reason that accepting does not mend; `bramble retry` looks at it again.',
    ),
    'retry-requested': (_, { by }) => to({ name: 'seen' }, `looked at again, asked by ${by}`),
    'reject-requested': rejected,
  },
  rejected: {
    ...late,
    ...onTheLan,
    ...noNode,
    ...packets,
    ...notFailed,
    ...noDeadline,
    'installer-reported': stay,
    'accept-requested': (_, { by }) => to({ name: 'seen' }, `no longer rejected, asked by ${by}`),
    'reject-requested': stay,
    left: ({ by }) => to({ name: 'rejected', by, left: true }, 'its Node and token are gone'),
  },
  failed: {
    ...late,
    ...onTheLan,
    ...packets,
    ...alreadyOurs,
    ...noDeadline,
    'installer-reported': ({ resume, code }, { report }, context) => {
      if (resume.at !== 'install' || since(context.since, context.now) < REINSTALL_PAUSE) return stay();
      // A disk that is too small stays so; anything else deserves another try, and nobody should have to ask for it.
      if (code === 'DISK_TOO_SMALL' && report.disk.bytes === resume.report.disk.bytes) return stay();
      return wouldLose(resume.report, report)
        ? reported(report)
        : to({ name: 'accepted', report, by: 'an earlier decision' }, 'its installer asks again');
    },
    'node-ready': ({ resume }) => (resume.at === 'install' ? stay() : ready()),
    'node-not-ready': stay,
    'node-deleted': stay,
    'reject-requested': rejected,
    'retry-requested': ({ resume }, { by }) => to(resumed(resume, by), `tried again, asked by ${by}`),
  },
};

function resumed(resume: ResumePoint, by: string): DeviceState {
  switch (resume.at) {
    case 'install':
      return { name: 'accepted', report: resume.report, by };
    case 'start':
      return { name: 'starting' };
    case 'join':
      return { name: 'joining', attempt: 1 };
  }
}

function decide(device: Device, event: LifecycleEvent, now: Instant): Next {
  // The table's type ties each cell to its own state and event; TypeScript cannot follow that through two look-ups.
  const cell: (state: never, event: never, context: Context) => Next = table[device.state.name][event.event];
  return cell(device.state as never, event as never, { since: device.since, now });
}
