/**
 * What the cells of the table are made of: the vocabulary of decisions, and what many states have in common. Pure.
 */
import type { Instant } from '../../config/values.ts';
import type { BoardReport, DeviceState, OwnSystem, ResumePoint, StateName } from './device.ts';
import type { EventName, LifecycleEvent } from './event.ts';

/** `since`: when the board came into its state. */
export type Context = { readonly since: Instant; readonly now: Instant };
export type Next =
  | { readonly go: 'to'; readonly state: DeviceState; readonly reason: string }
  | { readonly go: 'stay'; readonly reason: string }
  | { readonly go: 'note'; readonly reason: string }
  | { readonly go: 'refuse'; readonly reason: string }
  | { readonly go: 'drop'; readonly reason: string };

export const to = (state: DeviceState, reason: string): Next => ({ go: 'to', state, reason });
export const stay = (): Next => ({ go: 'stay', reason: '' });
export const note = (reason: string): Next => ({ go: 'note', reason });
/** Nothing is known of it any more. */
export const drop = (_: unknown, { by }: { by: string }): Next => ({ go: 'drop', reason: `forgotten, asked by ${by}` });
export const refuse = (reason: string) => (): Next => ({ go: 'refuse', reason });

export type StateOf<S extends StateName> = Extract<DeviceState, { name: S }>;
export type EventOf<E extends EventName> = Extract<LifecycleEvent, { event: E }>;
export type Cell<S extends StateName, E extends EventName> = (
  state: StateOf<S>,
  event: EventOf<E>,
  context: Context,
) => Next;
export type Row<S extends StateName> = { readonly [E in EventName]: Cell<S, E> };

export const fail = (code: string, detail: string, resume: ResumePoint, output?: string): Next =>
  to({ name: 'failed', code, detail, ...(output !== undefined && { output }), resume }, `${code}: ${detail}`);
export const HOST_KEY_CHANGED = 'HOST_KEY_CHANGED';
/** The disk of the board, with its host key, is in another Pi. */
export const SERIAL_DIFFERS = 'SERIAL_DIFFERS';
/** Somebody else answers at its address, or its system was written anew without us. */
export const hostKeyChanged =
  (resume: ResumePoint) =>
  (_: unknown, { detail }: { detail: string }): Next =>
    fail(HOST_KEY_CHANGED, `whoever answers at its address shows another host key: ${detail}`, resume);
export const reported = (report: BoardReport): Next => to({ name: 'reported', report }, 'the installer reported');
export const ready = (): Next => to({ name: 'ready', quarantined: true }, 'its Node is Ready');
export const rejected = (state: DeviceState, { by }: { by: string }): Next =>
  to({ name: 'rejected', by, left: hasLeft(state), system: systemOf(state) }, `rejected by ${by}`);

/** Its Node and token are gone already. */
export function hasLeft(state: DeviceState): boolean {
  if (state.name === 'wiping') return state.start.step !== 'leaving';
  return (state.name === 'left' && state.done) || (state.name === 'rejected' && state.left);
}

function systemOf(state: DeviceState): OwnSystem {
  switch (state.name) {
    case 'starting':
      return state.card ? 'card' : 'disk';
    case 'joining':
    case 'ready':
    case 'unreachable':
    case 'waiting-for-proof':
    case 'draining':
    case 'stopped':
    case 'local-boot-failed':
    case 'reinstalling':
    case 'left':
      return 'disk';
    case 'wiping':
      return state.start.step === 'done' ? 'none' : 'disk';
    case 'failed':
      return state.resume.at === 'install' || state.resume.at === 'adopt' ? 'none' : 'disk';
    case 'rejected':
      return state.system;
    case 'seen':
    case 'booting':
    case 'adopting':
    case 'reported':
    case 'pending':
    case 'accepted':
    case 'installing':
    case 'held':
    case 'replaced':
      return 'none';
  }
}

/** For states in which nothing is planned for it. */
const unplanned = {
  'drain-requested': refuse('It has no place in the cluster that works: there is nothing to drain.'),
  'uncordon-requested': refuse('It was not cordoned by bramble.'),
  'drain-progressed': stay,
  drained: stay,
  'shutdown-planned': stay,
  'shutdown-requested': stay,
  'stop-failed': stay,
  stopped: stay,
  'startup-requested': stay,
} as const;

/** Answers to questions that this state does not ask: late, or repeated after a crash. The world is looked at again anyway. */
export const late = {
  ...unplanned,
  'admission-decided': stay,
  'image-made': stay,
  'image-failed': stay,
  'install-progressed': stay,
  installed: stay,
  'install-failed': stay,
  'installer-started': stay,
  'installer-start-failed': stay,
  wiped: stay,
  'ssh-answered': stay,
  'ssh-failed': stay,
  'join-failed': stay,
  'cluster-answered': stay,
  'host-key-changed': stay,
  'adopt-requested': stay,
  adopted: stay,
  'first-login-failed': stay,
  'cluster-programs-gone': stay,
  'quarantine-released': stay,
  left: stay,
  'node-gone': stay,
  'proof-wanted': stay,
  'proof-given': stay,
} as const;
export const noNode = { 'node-ready': stay, 'node-not-ready': stay, 'node-deleted': stay } as const;
export const nodeDeleted = (): Next =>
  fail('NODE_DELETED', 'its Node was deleted; `bramble retry` joins it again', { at: 'join' });
/** In every state, and changing none: where it is, which `learn` takes in, and whether another host has its name. */
export const onTheLan = {
  'address-heard': stay,
  'address-lost': stay,
  // For the log: it is how a board begins.
  expected: stay,
  'name-conflict': (_: unknown, { by }: { by: string }): Next => note(`another host has its name: ${by}`),
  'name-conflict-over': () => note('nobody else has its name any more'),
  'rival-seen': (_: unknown, { by }: { by: string }): Next => note(`another board says to be this one: ${by}`),
  'node-suspected': (_: unknown, { node, why }: { node: string; why: string }): Next =>
    note(`the Node ${node} gets no work: ${why}`),
  'boot-order-corrected': (_: unknown, { from, to: order }: { from: string; to: string }): Next =>
    note(`its firmware asks its disk before the network from now on: boot order ${order}, it was ${from}`),
} as const;
export const packets = { 'dhcp-seen': stay, 'boot-file-served': stay } as const;
export const notFailed = { 'retry-requested': refuse('Nothing failed: there is nothing to try again.') } as const;
export const alreadyOurs = { 'accept-requested': refuse('It is accepted already.') } as const;
export const noDeadline = { 'deadline-passed': stay } as const;
/** For states in which its system is not expected to start: that it asks the network for a boot is as it should be. */
export const noSystem = { 'local-boot-failed': stay } as const;

/** The owner has its image on a card, and will put it in: nobody knows when. */
export const cardMade = (_: unknown, { by }: { by: string }): Next =>
  to({ name: 'starting', card: true }, `its card was made, asked by ${by}: it starts from that`);
