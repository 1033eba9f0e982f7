/** Whether a Node is the board's. Pure. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { JoinedNode } from './cluster-port.ts';
import type { Driver, JoinBoard, LeavingBoard } from './driver.ts';

/** By its label; or by its address, which nobody but this board has, should bramble's own memory have been lost. */
export const isItsNode = (node: JoinedNode, board: JoinBoard): boolean =>
  node.device === board.id || node.internalIp === board.address;

/** Strictly, for taking it away: a Node without a label is the board's only if it has its address. */
export const isItsOwn = (node: JoinedNode, { id, address }: Pick<LeavingBoard, 'id' | 'address'>): boolean =>
  node.device === undefined ? address !== undefined && node.internalIp === address : node.device === id;

/** A Node that has just been made: at the board's address, and joined as this board. */
export function agrees(
  node: JoinedNode,
  board: JoinBoard,
  { needsToken }: Pick<Driver, 'needsToken'>,
): Result<void, Problem> {
  if (node.internalIp !== board.address) {
    const detail = `Node ${node.name} has the address ${node.internalIp}, not ${board.address}`;
    return problem('NODE_ADDRESS_MISMATCH', detail);
  }
  if (node.device === board.id) return ok(undefined);
  // kube-config sets no labels. Of the others one without is not what we joined, and name and address anybody can choose.
  if (node.device === undefined && !needsToken) return ok(undefined);
  const said = node.device === undefined ? 'does not say which board it is' : `says that it is ${node.device}`;
  return problem('NODE_LABEL_MISMATCH', `Node ${node.name} ${said}, not ${board.id}`);
}
