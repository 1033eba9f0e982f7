/** Boards that the owner has work planned on: the rows `draining` and `stopped` of the table, and the ways into them. Pure. */
import {
  type EventOf,
  hostKeyChanged,
  type Next,
  noDeadline,
  nodeDeleted,
  noSystem,
  notFailed,
  type Row,
  ready,
  refuse,
  type StateOf,
  stay,
  to,
} from './cell.ts';
import type { Device, DrainStep } from './device.ts';
import { isAway, works } from './leaving.ts';
import { reflashed } from './reflashed.ts';
import { doesNotStart, hasSystem, runs } from './system-rows.ts';

/** Nobody takes it for gone, and nobody brings it back into work but the owner, or its own return. */
export const isPlanned = ({ state }: Pick<Device, 'state'>): boolean =>
  state.name === 'draining' || state.name === 'stopped';

export const drains = (_: unknown, { by, keep, force, deleteData }: EventOf<'drain-requested'>): Next =>
  to({ name: 'draining', by, keep, work: { step: 'evicting', force, deleteData } }, `to be drained, asked by ${by}`);

const stopping = (by: string, keep: boolean, boot: string | undefined): Next =>
  to(
    { name: 'draining', by, keep, work: { step: 'stopping', ...(boot !== undefined && { boot }) } },
    `to be switched off, asked by ${by}`,
  );

const cordoned = (by: string, keep: boolean): Next =>
  to({ name: 'draining', by, keep, work: { step: 'cordoned' } }, `the cluster is shut down, asked by ${by}`);

/** It has a Node: the whole cluster, or it alone, may be switched off. */
export const mayStop = {
  'shutdown-planned': (_: unknown, { by }: EventOf<'shutdown-planned'>): Next => cordoned(by, false),
  'shutdown-requested': (_: unknown, { by, boot }: EventOf<'shutdown-requested'>): Next => stopping(by, false, boot),
} as const;

type Draining = StateOf<'draining'>;

const working = (state: Draining, work: DrainStep, reason: string): Next => to({ ...state, work }, reason);

/** Each way out of it but these two lets its Node be uncordoned, by whoever follows the states. */
export const draining: Row<'draining'> = {
  ...hasSystem,
  ...notFailed,
  ...runs,
  ...works,
  ...noDeadline,
  ...noSystem,
  'installer-reported': stay,
  // Whether it is there or not is of no importance now: it may be restarted for whatever it was drained for.
  'node-ready': stay,
  'node-not-ready': stay,
  'node-deleted': nodeDeleted,
  'host-key-changed': hostKeyChanged({ at: 'join' }),
  'drain-requested': (state, event) => {
    const { work } = state;
    if (work.step === 'drained') return refuse('It is drained already.')();
    if (work.step !== 'evicting') return refuse('It is being switched off.')();
    const isNew = event.force !== work.force || event.deleteData !== work.deleteData;
    return isNew ? drains(state, { ...event, keep: state.keep }) : refuse('It is being drained already.')();
  },
  'drain-progressed': (state, { left, waits }) => {
    const { work } = state;
    if (work.step !== 'evicting' || (work.left === left && work.waits === waits)) return stay();
    const { force, deleteData } = work;
    return working(
      state,
      { step: 'evicting', force, deleteData, left, ...(waits !== undefined && { waits }) },
      `${left} ${left === 1 ? 'pod' : 'pods'} left${waits === undefined ? '' : `: ${waits}`}`,
    );
  },
  drained: (state) =>
    state.work.step === 'evicting' ? working(state, { step: 'drained' }, 'whatever could go is gone') : stay(),
  'uncordon-requested': ({ work }, { by }) =>
    work.step === 'stopping'
      ? refuse('It is being switched off: `bramble startup` brings it back.')()
      : to({ name: 'ready', quarantined: true }, `works again, asked by ${by}`),
  'shutdown-planned': ({ work, keep }, { by }) =>
    work.step === 'evicting' || work.step === 'drained' ? cordoned(by, keep) : stay(),
  'shutdown-requested': ({ work, keep }, { by, boot }) =>
    work.step === 'stopping' ? stay() : stopping(by, keep, boot),
  'stop-failed': (state, { code, detail }) => {
    const { work } = state;
    // Tried again every minute: the same again is no news, and not worth a write.
    if (work.step !== 'stopping' || work.trouble?.code === code) return stay();
    return working(state, { ...work, trouble: { code, detail } }, `it is still on: ${code}: ${detail}`);
  },
  stopped: ({ by, keep, work }, { power }) =>
    work.step === 'stopping'
      ? to(
          {
            ...{ name: 'stopped', by, keep, away: false },
            ...(work.boot !== undefined && { boot: work.boot }),
            ...(power !== undefined && { power }),
          },
          'it is off',
        )
      : stay(),
  // After a power cut in the middle, or since the owner changed his mind. What was told to go, and goes, is away for that long.
  'startup-requested': (state, { by }) => {
    const { work, keep } = state;
    if (!keep) return to({ name: 'ready', quarantined: true }, `works again, asked by ${by}`);
    return work.step === 'evicting' || work.step === 'drained'
      ? stay()
      : working(state, { step: 'drained' }, `drained as before, asked by ${by}`);
  },
  'retry-requested': (state, { by }) => {
    const { work } = state;
    if (work.step !== 'stopping' || work.trouble === undefined)
      return refuse('Nothing failed: there is nothing to try again.')();
    const { trouble: _, ...again } = work;
    return working(state, again, `tried again, asked by ${by}`);
  },
};

const isOff = refuse('It is switched off: `bramble startup` brings it back.');

export const stopped: Row<'stopped'> = {
  ...hasSystem,
  ...isAway,
  ...noDeadline,
  'installer-reported': reflashed,
  'local-boot-failed': doesNotStart(true),
  'node-ready': ({ by, keep }) =>
    keep ? to({ name: 'draining', by, keep, work: { step: 'drained' } }, 'it is back, drained as before') : ready(),
  'node-not-ready': (state) =>
    state.away ? stay() : to({ ...state, away: true }, 'its Node is not Ready any more, as it should be'),
  'node-deleted': nodeDeleted,
  'retry-requested': isOff,
  'drain-requested': isOff,
  'uncordon-requested': (state, { by }) =>
    state.keep
      ? to({ ...state, keep: false }, `gets work once it is back, asked by ${by}`)
      : refuse('It is switched off, and gets work once it is back.')(),
};
