/** Lets a joined board work, once all that is known of it agrees. */
import { problem, type Result } from '../../config/result.ts';
import { checkSerial } from './board-serial.ts';
import type { Driver, JoinBoard, StepProblem } from './driver.ts';
import { agrees } from './node-match.ts';
import type { Work } from './on-board.ts';
import { runStep } from './steps.ts';

export async function release(
  { cluster, clock, transfers, onBoard }: Work,
  driver: Driver,
  board: JoinBoard,
  signal: AbortSignal,
): Promise<Result<void, StepProblem>> {
  const { finish, nodeName } = driver;
  const read = await cluster.readNode(nodeName(board), signal);
  if (!read.ok) return read;
  const node = read.value;
  if (node?.ready !== true) return problem('NODE_NOT_READY', `Node ${nodeName(board)} is not Ready`);
  const agreed = agrees(node, board, driver);
  if (!agreed.ok) return agreed;
  const reached = await onBoard(board, signal, async (session) => {
    const same = await checkSerial(session, board);
    if (!same.ok || finish === undefined) return same;
    return runStep('finish', { clock, signal, transfers }, (context) => finish(session, board, context));
  });
  if (!reached.ok) {
    if (reached.error.code !== 'SERIAL_DIFFERS') return reached;
    // It may be off already: the Node was Ready before, on the Pi that the disk was in.
    const put = await cluster.putQuarantine(node.name, node.uid, signal);
    return put.ok ? reached : put;
  }
  return cluster.releaseQuarantine(node.name, node.uid, signal);
}
