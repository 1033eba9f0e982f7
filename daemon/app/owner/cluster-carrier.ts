/** What takes the whole cluster along, and so is not done by the way. Pure. */
import type { Config } from '../../../config/schema.ts';
import { isInstalled } from '../../boot/offer.ts';
import type { Action } from '../../http/wire.ts';
import type { Device } from '../../lifecycle/device.ts';

/** Each takes its system, or what the cluster has on it. */
const losing: readonly Action[] = ['leave', 'reject', 'reinstall', 'wipe'];

/** Why this is not done to the board that carries the cluster (`cluster.controlPlane`); undefined: nothing speaks against it. */
export function endsCluster(
  action: Action,
  device: Device,
  { controlPlane }: Pick<Config['cluster'], 'controlPlane'>,
): string | undefined {
  if (device.name !== controlPlane || !losing.includes(action) || !isInstalled(device)) return undefined;
  return `${device.name} carries the cluster, and every board would lose it for good; if that is meant: bramble ${action} ${device.name} --force`;
}
