/** Whether a Node is the board's. Pure. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { JoinedNode } from './cluster-port.ts';
import type { JoinBoard, LeavingBoard } from './driver.ts';

/** By its label; or by its address, which nobody but this board has, should bramble's own memory have been lost. */
export const isItsNode = (node: JoinedNode, board: JoinBoard): boolean =>
  node.device === board.id || node.internalIp === board.address;

/** Strictly, for taking it away: a Node without a label is the board's only if it has its address. */
export const isItsOwn = (node: JoinedNode, { id, address }: Pick<LeavingBoard, 'id' | 'address'>): boolean =>
  node.device === undefined ? address !== undefined && node.internalIp === address : node.device === id;

/** A Node that has just been made: at the board's address, and of no other board. */
export function agrees(node: JoinedNode, board: JoinBoard): Result<void, Problem> {
  if (node.internalIp !== board.address) {
    const detail = `Node ${node.name} has the address ${node.internalIp}, not ${board.address}`;
    return problem('NODE_ADDRESS_MISMATCH', detail);
  }
  // Without a label: of a distribution that sets none.
  return node.device === undefined || node.device === board.id
    ? ok(undefined)
    : problem('NODE_LABEL_MISMATCH', `Node ${node.name} says that it is ${node.device}, not ${board.id}`);
}
