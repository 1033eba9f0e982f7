/** Work on a board of ours, over one SSH session. */
import type { Result } from '../../config/result.ts';
import { seconds } from '../../config/values.ts';
import type { Log } from '../ports.ts';
import type { JoinCluster } from './cluster-port.ts';
import type { JoinBoard, SshSession, StepProblem } from './driver.ts';
import { withSsh } from './ssh.ts';
import type { SshTarget } from './ssh-connection.ts';
import type { StepTimes } from './steps.ts';

/** The session is that of a board whose host key was verified; it ends with the work. */
type OnBoard = <T>(
  board: JoinBoard,
  signal: AbortSignal,
  work: (session: SshSession) => Promise<Result<T, StepProblem>>,
) => Promise<Result<T, StepProblem>>;

/** What is needed to bring board and cluster together, or apart, beside a driver. */
export type Work = Omit<StepTimes, 'signal'> & {
  readonly cluster: JoinCluster;
  readonly log: Log;
  readonly onBoard: OnBoard;
};

export const LOGIN = seconds(20);

export const onBoardAt =
  (target: (board: JoinBoard) => SshTarget): OnBoard =>
  async (board, signal, work) => {
    const end = await withSsh({ ...target(board), signal, timeout: LOGIN }, work);
    return end.ok ? end.value : end;
  };
