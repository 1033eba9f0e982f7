/** In which order boards are switched off and on: what is to be done next, by the states they are in. Pure. */
import type { Device, DrainStep } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import { isGone } from '../../lifecycle/gone-rows.ts';
import type { StartRun, StopRun } from './run.ts';

/** What the desk counts; `waited` rests for as long as a board is in one state. */
export type Patience = {
  /** Draining this board takes too long. */
  readonly isOverdue: (board: Device) => boolean;
  /** It does not go off, or does not come back: the others do not wait for it any longer. */
  readonly isGivenUp: (board: Device) => boolean;
};

export type Telling = { readonly board: Device; readonly event: LifecycleEvent };

export type Step = {
  readonly tell: readonly Telling[];
  /** Boards whose power is to be on. */
  readonly power: readonly Device[];
  /** Nothing is left to be done for the boards. */
  readonly done: boolean;
  /** What only the owner can end, board by board. */
  readonly stuck: readonly Device[];
};

const nothing = { tell: [], power: [], stuck: [] } as const;

/** All of them get no new pods, before the first one goes. */
export function cordonStep({ by }: StopRun, boards: readonly Device[]): Step {
  const tell = boards
    .filter(mayBeCordoned)
    .map((board) => ({ board, event: { event: 'shutdown-planned', by } as const }));
  return { ...nothing, tell, done: tell.length === 0 };
}

const mayBeCordoned = ({ state }: Device): boolean => {
  if (state.name === 'ready' || isGone(state)) return true;
  return state.name === 'draining' && (state.work.step === 'evicting' || state.work.step === 'drained');
};

/** Drained first, unless everything goes; then so many at a time as `batch` says. */
export function stopStep(run: StopRun, boards: readonly Device[], { batch, patience, bootOf }: StopRules): Step {
  const { by, force, deleteData } = run;
  const stopping = boards.filter((board) => workOf(board) === 'stopping' && !patience.isGivenUp(board));
  const free = boards.filter((board) => isFree(board, run, patience));
  const next = free.slice(0, Math.max(0, batch - stopping.length));
  const begin = next.map((board): Telling => {
    const boot = bootOf(board);
    return { board, event: { event: 'shutdown-requested', by, ...(boot !== undefined && { boot }) } };
  });
  const drain = boards
    .filter(({ state }) => !run.all && state.name === 'ready')
    .map((board): Telling => ({ board, event: { event: 'drain-requested', by, keep: false, force, deleteData } }));
  const evicting = boards.filter((board) => workOf(board) === 'evicting' && !free.includes(board));
  const stuck = evicting.filter(patience.isOverdue);
  const waits = [...stopping, ...free, ...drain, ...evicting];
  return { tell: [...drain, ...begin], power: [], stuck, done: waits.length === 0 };
}

export type StopRules = {
  readonly batch: number;
  readonly patience: Patience;
  /** The boot that its Node tells of. */
  readonly bootOf: (board: Device) => string | undefined;
};

const workOf = ({ state }: Device): string | undefined => (state.name === 'draining' ? state.work.step : undefined);

/** It may go as soon as there is room for it. */
function isFree(board: Device, run: StopRun, { isOverdue }: Patience): boolean {
  const work = workOf(board);
  if (work === 'drained' || work === 'cordoned' || isGone(board.state)) return true;
  if (run.all) return board.state.name === 'ready' || work === 'evicting';
  return work === 'evicting' && run.force && isOverdue(board);
}

/** What was left half-way is waited for, or works again at once. */
export function recallStep({ by }: StartRun, boards: readonly Device[]): Step {
  const tell = boards
    .filter(({ state }) => state.name === 'draining' && (!state.keep || isGoing(state.work)))
    .map((board) => ({ board, event: { event: 'startup-requested', by } as const }));
  return { ...nothing, tell, done: tell.length === 0 };
}

const isGoing = ({ step }: DrainStep): boolean => step === 'cordoned' || step === 'stopping';

/** One that was told to go when everything was called back is away for a while, too. */
export const isOff = ({ state }: Device): boolean => state.name === 'stopped' || isGone(state);

/** So many at a time as `batch` says: their inrush current, and what they fetch over the network. */
export function startStep(boards: readonly Device[], batch: number, { isGivenUp }: Patience): Step {
  const off = boards.filter((board) => isOff(board) && !isGivenUp(board));
  return { ...nothing, tell: [], power: off.slice(0, batch), done: off.length === 0 };
}
