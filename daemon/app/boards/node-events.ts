/** What the watch on Nodes means for boards. Level-based: it compares what is, so a missed change is made up for. */
import { seconds } from '../../../config/values.ts';
import type { Cluster } from '../../cluster/index.ts';
import type { NodeFacts } from '../../cluster/nodes.ts';
import { isFenced } from '../../cluster/taints.ts';
import { hasLeft } from '../../lifecycle/cell.ts';
import type { Device, DeviceState } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import { isPlanned } from '../../lifecycle/planned-rows.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';
import type { NodeNames } from './kube-config.ts';

type Nodes = Pick<Cluster, 'node' | 'synced' | 'onNodes'>;

/** A board that is joining is told by its join, which knows its new Node from a left-over of the same name. */
export function nodeEvent(
  device: Device,
  nodes: Pick<Nodes, 'node' | 'synced'>,
  nodeName: string | undefined = device.name,
): LifecycleEvent | undefined {
  const { state } = device;
  const joined =
    state.name === 'ready' || state.name === 'unreachable' || state.name === 'waiting-for-proof' || isPlanned(device);
  const mayHaveJoined =
    (state.name === 'failed' && state.resume.at === 'join') || (state.name === 'local-boot-failed' && state.joined);
  if (!nodes.synced()) return undefined;
  const node = nodeName === undefined ? undefined : nodes.node(nodeName);
  // Out of the cluster: what matters is whether its own Node comes back.
  if (hasLeft(state)) return isOut(state) && node?.device === device.id ? { event: 'node-ready' } : undefined;
  if (!(joined || mayHaveJoined)) return undefined;
  if (node === undefined) return { event: 'node-deleted' };
  // Of a board whose join failed, one that just has its name may be anybody's. Where a Node goes by another name, none has a label.
  const mayLack = joined || nodeName !== device.name;
  if (node.device === undefined ? !mayLack : node.device !== device.id) return { event: 'node-not-ready' };
  // The router's lease may be another one by now; kubelet then tells its new address by itself.
  const isThere = device.addressing === 'heard' || node.internalIp === device.address;
  // Held gone by `failover`, and not steady yet: whatever its kubelet said last.
  const isReady = node.ready && isThere && !isFenced(node);
  if (isReady && state.name === 'stopped' && !isBack(state, node)) return undefined;
  return { event: isReady ? 'node-ready' : 'node-not-ready' };
}

/** Nobody takes Ready off a Node the moment its board is switched off; it is another boot, or was not Ready in between. */
const isBack = ({ boot, away }: Extract<DeviceState, { name: 'stopped' }>, { bootId }: NodeFacts): boolean =>
  away || (boot !== undefined && bootId !== undefined && bootId !== boot);

const isOut = ({ name }: DeviceState): boolean => name === 'left' || name === 'rejected';

/** Longest pause between two looks. */
export const NODES_TURN = seconds(15);

/** Settles when the signal is aborted. */
export async function followNodes(
  nodes: Nodes,
  runner: Pick<Runner, 'fleet' | 'dispatch'>,
  deps: {
    readonly clock: Clock;
    readonly log: Log;
    readonly names: NodeNames;
    readonly signal: AbortSignal;
    readonly onTurn: () => void;
  },
): Promise<void> {
  const { clock, log, names, signal } = deps;
  const look = (device: Device): void => {
    const event = nodeEvent(device, nodes, names.of(device));
    if (event === undefined) return;
    // Not written, so it did not happen; the next look sees the same again.
    const failed = (error: unknown): void =>
      log.error('what its Node is was not written', { name: device.name, error });
    runner.dispatch(device.id, event).catch(failed);
  };
  const unsubscribe = nodes.onNodes(({ item }) => {
    const device = names.boardOf(item.name);
    if (device !== undefined) look(device);
  });
  while (!signal.aborted) {
    deps.onTurn();
    for (const device of runner.fleet.all()) look(device);
    await clock.sleep(NODES_TURN, signal).catch(() => undefined);
  }
  unsubscribe();
}
