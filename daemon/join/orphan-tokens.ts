/** Tokens that nobody uses any more and that could not be deleted when they should have been: tried again until they are gone. */
import { type DeviceId, minutes, seconds } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import type { KubeRequest } from './cluster-port.ts';
import { retryIntervals } from './intervals.ts';
import { revokeTokens, sweepTokens } from './tokens.ts';

export type OrphanTokens = {
  /** Whatever tokens this board has are orphans. */
  readonly add: (board: DeviceId) => void;
  /** It is about to get another one. */
  readonly drop: (board: DeviceId) => void;
  /** Settles once the signal is aborted. */
  readonly done: Promise<void>;
};

/** Whatever another process than `run` left is an orphan from the beginning. Without orphans nothing is asked of the cluster. */
export function sweepOrphans({
  request,
  run,
  clock,
  signal,
}: {
  readonly request: KubeRequest;
  readonly run: string;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly signal: AbortSignal;
}): OrphanTokens {
  const boards = new Set<DeviceId>();

  async function sweep(): Promise<void> {
    let others = true;
    for (const pause of retryIntervals(seconds(1), minutes(1))) {
      if (others) others = !(await sweepTokens(request, run, signal)).ok;
      for (const board of [...boards]) {
        const gone = boards.has(board) && (await revokeTokens(request, board, signal)).ok;
        if (gone) boards.delete(board);
      }
      await clock.sleep(pause, signal);
    }
  }

  return {
    add: (board) => void boards.add(board),
    drop: (board) => void boards.delete(board),
    // It ends with the signal's reason.
    done: sweep().catch(() => undefined),
  };
}
