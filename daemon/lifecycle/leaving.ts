/** What the owner may want of a board's place in the cluster, state by state: leave it, forget the board, give it to another one. Pure. */
import { seconds, since } from '../../config/values.ts';
import { type Context, drop, type EventOf, hasLeft, type Next, refuse, type StateOf, stay, to } from './cell.ts';
import type { Device, DeviceState } from './device.ts';
import { isUndecided } from './registry.ts';

const leaves = (_: unknown, { by }: { by: string }): Next =>
  to({ name: 'left', by, done: false }, `taken out of the cluster, asked by ${by}`);

export const giveWay = (state: DeviceState, { by, was }: EventOf<'replace-requested'>): Next =>
  to(
    { name: 'replaced', by, was, left: hasLeft(state) },
    `another board takes its place as ${was.name}, asked by ${by}`,
  );

/** Nobody decided about it. */
export const neverJoined = {
  'leave-requested': refuse('Nothing of it is in the cluster: `bramble reject` turns it away.'),
  'forget-requested': drop,
  'replace-requested': refuse('It has nothing that another board could take over.'),
} as const;

export const beingInstalled = {
  'leave-requested': refuse('It is being installed: `bramble reject` stops that.'),
  'forget-requested': refuse('It is being installed: `bramble reject` first.'),
  'replace-requested': refuse('It is being installed: `bramble reject` first.'),
} as const;

const leaveFirst = refuse('It belongs to the cluster: `bramble leave` takes it out, and then it can be forgotten.');

/** It has a place in the cluster, or is about to get one. */
export const works = {
  'leave-requested': leaves,
  'forget-requested': leaveFirst,
  'replace-requested': refuse(
    'It is in the cluster, and works: `bramble leave` takes it out first; then switch it off.',
  ),
} as const;

/** It has, or had, a place in the cluster, and is not there. */
export const isAway = {
  'leave-requested': leaves,
  'forget-requested': leaveFirst,
  'replace-requested': giveWay,
} as const;

/** Of a card that was made for it, and of what the board was before. */
export const isExpected = (state: StateOf<'starting'>, event: EventOf<'leave-requested'>): Next =>
  state.card
    ? refuse('It is waited for with its new card: `bramble reject` calls that off, and takes it out.')()
    : leaves(state, event);

export const failedWishes = {
  'leave-requested': (state: StateOf<'failed'>, event: EventOf<'leave-requested'>): Next =>
    state.resume.at === 'start' || state.resume.at === 'join'
      ? leaves(state, event)
      : refuse('It has no system that could stay: `bramble reject` takes it out.')(),
  'forget-requested': (state: StateOf<'failed'>, event: EventOf<'forget-requested'>): Next =>
    state.resume.at === 'start' || state.resume.at === 'join' ? leaveFirst() : drop(state, event),
  'replace-requested': giveWay,
} as const;

export const heldWishes = {
  'leave-requested': refuse('It is held: `bramble reject` takes out what it has in the cluster.'),
  'forget-requested': drop,
  'replace-requested': refuse('It is held: `bramble retry` looks at it again, `bramble reject` refuses it.'),
} as const;

export const rejectedWishes = {
  'leave-requested': refuse('It is rejected, and out of the cluster.'),
  'forget-requested': (state: StateOf<'rejected'>, event: EventOf<'forget-requested'>): Next =>
    state.left ? drop(state, event) : notYet(),
  'replace-requested': giveWay,
} as const;

export const reinstallingWishes = {
  'leave-requested': refuse('It is to be installed anew: `bramble accept` calls that off, then it can leave.'),
  'forget-requested': refuse('It is to be installed anew: `bramble reject` first.'),
  'replace-requested': (state: StateOf<'reinstalling'>, event: EventOf<'replace-requested'>): Next =>
    state.start.step === 'running' ? refuse('Its installer runs: `bramble reject` first.')() : giveWay(state, event),
} as const;

export const wipingWishes = {
  'leave-requested': ({ start }: StateOf<'wiping'>): Next =>
    refuse(
      start.step === 'leaving' ? 'It is leaving, and its disk is cleared after that.' : 'It is out of the cluster.',
    )(),
  'forget-requested': (state: StateOf<'wiping'>, event: EventOf<'forget-requested'>): Next =>
    state.start.step === 'done'
      ? drop(state, event)
      : refuse('Its disk is to be cleared: when that is done it can be forgotten; `bramble reject` calls it off.')(),
  'replace-requested': (state: StateOf<'wiping'>, event: EventOf<'replace-requested'>): Next =>
    state.start.step === 'done'
      ? giveWay(state, event)
      : refuse('Its disk is to be cleared: wait until that is done, or `bramble reject` it.')(),
} as const;

export const notYet = refuse('Its Node is still being removed: ask again in a moment.');

/** It has, had or is about to have a Node, and nobody took that back. */
export const belongs = (device: Device): boolean => {
  const { state } = device;
  if (isUndecided(device) || state.name === 'held') return false;
  return state.name === 'replaced' ? !state.left : !hasLeft(state);
};

/** What the watch tells of a Node that was just removed may be older than that. */
const LATE_WORD = seconds(30);

/** Its kubelet was not reached when it left, and registered once more with the certificate that it still has. */
export const nodeIsBack = <S extends StateOf<'left'> | StateOf<'rejected'>>(
  state: S,
  again: S,
  context: Context,
): Next =>
  hasLeft(state) && since(context.since, context.now) >= LATE_WORD
    ? to(again, 'its Node is in the cluster again: it is taken out once more')
    : stay();
