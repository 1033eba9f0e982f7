/** A board of ours as SSH knows it, for what is neither a join nor a release. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { JoinBoard } from '../../join/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { HostKeys } from './host-keys.ts';

/** `ADDRESS_UNKNOWN`, `NO_HOST_KEY`. */
export function ownBoard(
  { id, name, address, addressing, serials }: Device,
  keys: Pick<HostKeys, 'accepted'>,
): Result<JoinBoard, Problem> {
  if (address === undefined) return problem('ADDRESS_UNKNOWN', 'its address was not heard yet');
  const hostKeys = keys.accepted({ id });
  if (hostKeys.length === 0) return problem('NO_HOST_KEY', 'it never had a system of ours');
  const fixedAddress = addressing === 'reserved';
  return ok({ id, name, address, fixedAddress, hostKeys, nodePassword: '', serials, labels: {} });
}
