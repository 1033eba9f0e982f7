/**
 * `transition(device, event, now)`: the whole life of a board, as one table, a row for each state. Pure. Every pair of state and
 * event stands in it on purpose: the types make a missing one a compile error. What a state needs done is a function of the
 * state (`wants`), and so is how long it may last (`lifetime`): after a crash the same state wants the same again.
 */
import { after, type Instant } from '../../config/values.ts';
import { adopting } from './adoption-rows.ts';
import { type Context, type Next, type Row, stay } from './cell.ts';
import type { Device, StateName } from './device.ts';
import type { Effect } from './effect.ts';
import type { LifecycleEvent } from './event.ts';
import { learn } from './evidence.ts';
import { failed } from './failed-row.ts';
import { unreachable, waitingForProof } from './gone-rows.ts';
import { writtenDisk } from './installation.ts';
import { accepted, installing } from './installing-rows.ts';
import { joining, readyRow, starting } from './joining-rows.ts';
import { left, rejectedRow, replaced } from './leaving-rows.ts';
import { lifetime } from './lifetime.ts';
import { draining, stopped } from './planned-rows.ts';
import { localBootFailed, reinstalling, wiping } from './system-rows.ts';
import { booting, held, pending, reportedRow, seen } from './undecided-rows.ts';
import { wants } from './wants.ts';

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

const table: { readonly [S in StateName]: Row<S> } = {
  seen,
  booting,
  adopting,
  reported: reportedRow,
  pending,
  accepted,
  installing,
  starting,
  joining,
  ready: readyRow,
  unreachable,
  'waiting-for-proof': waitingForProof,
  draining,
  stopped,
  'local-boot-failed': localBootFailed,
  reinstalling,
  wiping,
  held,
  rejected: rejectedRow,
  left,
  replaced,
  failed,
};

function decide(device: Device, event: LifecycleEvent, now: Instant): Next {
  // The table's type ties each cell to its own state and event; TypeScript cannot follow that through two look-ups.
  const cell: (state: never, event: never, context: Context) => Next = table[device.state.name][event.event];
  return cell(device.state as never, event as never, { since: device.since, now });
}
