/** A driver's steps, each with a time of its own: one that hangs is cut, and holds up nobody else. */
import { type Problem, problem, type Result } from '../../config/result.ts';
import { type Millis, millis, minutes, seconds } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import type { StepContext, StepProblem } from './driver.ts';
import type { Turn } from './semaphore.ts';

export type StepName = 'raise' | 'probe' | 'install' | 'join' | 'verify' | 'finish' | 'give-up' | 'leave' | 'stop';

/** Several times what the slowest board and card need; in each, a program that is stuck is cut by its own time-out first. */
export const stepDeadlines: Readonly<Record<StepName, Millis>> = {
  // With its first images over a slow line: the article waits a quarter of an hour.
  raise: minutes(40),
  probe: minutes(2),
  // 300 MiB at 256 KiB/s, which is what is left of a slow link for each of many boards; without the waiting for a turn.
  install: minutes(20),
  join: minutes(8),
  verify: minutes(2),
  finish: minutes(2),
  'give-up': minutes(3),
  leave: minutes(5),
  stop: minutes(3),
};

/** Time is counted in rests of the clock: a board's first session may be what sets it. */
const TICK = seconds(1);

export type StepTimes = {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly signal: AbortSignal;
  readonly transfers: Turn;
};

/**
 * Settles when the work does, or at the deadline with `STEP_TIMEOUT`, or throws the signal's reason at once; what goes on
 * behind its back then is without effect on others: its transfer has lost its place, its session is about to be closed.
 */
export async function runStep<T>(
  step: StepName,
  { clock, signal, transfers }: StepTimes,
  work: (context: StepContext) => Promise<Result<T, StepProblem>>,
): Promise<Result<T, StepProblem>> {
  const deadline = stepDeadlines[step];
  const [late, over] = [new AbortController(), new AbortController()];
  const mine = AbortSignal.any([signal, late.signal]);
  let waiting = 0;
  const transfer: StepContext['transfer'] = async (big) => {
    waiting += 1;
    let isWaiting = true;
    const begin = (): void => {
      if (isWaiting) waiting -= 1;
      isWaiting = false;
    };
    try {
      return await transfers(mine, () => {
        begin();
        return unlessAborted(mine, big);
      });
    } finally {
      begin();
    }
  };
  const countDown = async (): Promise<void> => {
    const ticking = AbortSignal.any([mine, over.signal]);
    for (let left: number = deadline; left > 0; ) {
      const tick = millis(Math.min(left, TICK));
      await clock.sleep(tick, ticking);
      if (waiting === 0) left -= tick;
    }
    late.abort(new Error(`${step} was cut`));
  };
  void countDown().catch(() => undefined);
  try {
    return await unlessAborted(mine, () => work({ signal: mine, transfer }));
  } catch (error) {
    if (signal.aborted || !late.signal.aborted) throw error;
    return tooLong(step, deadline);
  } finally {
    over.abort();
  }
}

const tooLong = (step: StepName, deadline: Millis): Result<never, Problem<'STEP_TIMEOUT'>> =>
  problem('STEP_TIMEOUT', `${step} did not end within ${deadline / 60_000} minutes, and was cut`);

/** What the work comes to; or throws the signal's reason as soon as it is aborted, whatever the work does. */
export function unlessAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}
