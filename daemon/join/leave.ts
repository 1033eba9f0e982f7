/** Takes a board out of the cluster: its token, what is on it, and its Node. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { JoinCluster } from './cluster-port.ts';
import type { Driver, JoinBoard, LeavingBoard, StepProblem } from './driver.ts';
import { isItsOwn } from './node-match.ts';
import { deleteNode } from './old-node.ts';
import type { Work } from './on-board.ts';
import { runStep } from './steps.ts';
import { revokeTokens } from './tokens.ts';

export async function leave(
  work: Work,
  driver: Driver,
  board: LeavingBoard,
  signal: AbortSignal,
): Promise<Result<void, Problem>> {
  const { cluster, log } = work;
  const { needsToken, controlPlane } = driver;
  const revoked = needsToken ? await revokeTokens(cluster.request, board.id, signal) : ok(0);
  if (!revoked.ok) return revoked;
  const { address } = board;
  const left = address === undefined ? nowhere : await reset(work, driver, { ...board, address }, signal);
  // A dead board cannot be asked. Its certificate stays valid until it is reached or expires.
  if (!left.ok) log.warn('board not reset', { node: board.name, code: left.error.code, detail: left.error.detail });
  // With it went the cluster, and nobody can be asked.
  if (controlPlane?.isOn(board) === true) return ok(undefined);
  return removeNode(cluster, driver, board, signal);
}

const nowhere: Result<never, Problem> = problem('ADDRESS_UNKNOWN', 'the address of the board is not known');

const reset = (
  { clock, transfers, onBoard }: Work,
  driver: Driver,
  board: JoinBoard,
  signal: AbortSignal,
): Promise<Result<void, StepProblem>> =>
  onBoard(board, signal, (session) =>
    runStep('leave', { clock, signal, transfers }, (context) => driver.leave(session, context)),
  );

async function removeNode(
  cluster: JoinCluster,
  driver: Driver,
  board: LeavingBoard,
  signal: AbortSignal,
): Promise<Result<void, Problem>> {
  const name = driver.nodeName(board);
  const node = await cluster.readNode(name, signal);
  if (!node.ok) return node;
  // A Node of that name may have been there before bramble, or be another board's by now.
  if (node.value !== undefined && !isItsOwn(node.value, board)) return ok(undefined);
  return deleteNode({ cluster, driver, signal }, name, node.value?.uid);
}
