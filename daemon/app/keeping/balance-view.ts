/** What balance is at, for the owner. Pure. */
import type { Moving } from '../../cluster/balance/run.ts';
import type { BalanceRunView, BalanceView } from '../../http/wire.ts';
import type { Paused } from './pause.ts';

export type BalanceStanding = {
  readonly mode: BalanceView['mode'];
  readonly paused: Paused | undefined;
  readonly holds: readonly string[];
  /** Why nothing is decided, if that is so. */
  readonly deaf: string | undefined;
  readonly moving: Moving;
  /** Why a run is to begin, or is under way. */
  readonly due: string | undefined;
  /** A Node went a moment ago. */
  readonly isQuiet: boolean;
  /** Why the last run ended itself. */
  readonly broke: string | undefined;
  readonly run: BalanceRunView | null;
};

export function balanceView(standing: BalanceStanding): BalanceView {
  const { mode, paused, run } = standing;
  const secondsLeft = paused?.left === undefined ? null : Math.ceil(paused.left / 1000);
  const pausedView = paused === undefined ? null : { by: paused.by, secondsLeft };
  return { mode, ...stateOf(standing), paused: pausedView, run };
}

function stateOf(standing: BalanceStanding): Pick<BalanceView, 'state' | 'detail'> {
  const { paused, holds, deaf, moving, due, isQuiet, broke } = standing;
  if (paused !== undefined) return { state: 'paused', detail: `by ${paused.by}` };
  if (holds.length > 0) return { state: 'paused', detail: holds.join(', ') };
  if (deaf !== undefined) return { state: 'deaf', detail: deaf };
  if (moving.flights.length > 0) return { state: 'running', detail: moving.run?.reason ?? '' };
  if (due === undefined)
    return broke === undefined ? { state: 'idle', detail: '' } : { state: 'stopped', detail: broke };
  if (moving.run === undefined || isQuiet) return { state: 'settling', detail: due };
  return {
    state: 'waiting',
    detail: 'what is left has to wait: for a cool-down, a budget, or pods that are being made',
  };
}

/** For the status; `isDue`: it has something to do. */
export function balanceAdvice({ state, detail, paused }: BalanceView, isDue: boolean): readonly string[] {
  if (paused !== null) {
    const span = paused.secondsLeft === null ? '' : ` for ${Math.ceil(paused.secondsLeft / 60)} min more`;
    return [`balance is paused${span}, by ${paused.by}: bramble balance resume`];
  }
  if (state === 'stopped')
    return [`balance stopped: ${detail}; bramble balance --dry-run shows what is left, bramble balance tries again`];
  return state === 'deaf' && isDue ? [`balance waits: ${detail}`] : [];
}
