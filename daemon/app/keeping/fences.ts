/** The two deeds of failover: a fence put on a Node, and taken off. Each looks again before it acts. */
import type { Millis } from '../../../config/values.ts';
import { signsText } from '../../cluster/failover/suspicion.ts';
import type { Gate } from '../../cluster/gate.ts';
import type { Cluster } from '../../cluster/index.ts';
import { fence as fenceTaint, isFenced } from '../../cluster/taints.ts';
import type { Device } from '../../lifecycle/device.ts';
import { isGone } from '../../lifecycle/gone-rows.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Log } from '../../ports.ts';
import type { Looked } from './lookout.ts';

export type FenceDeps = {
  readonly cluster: Pick<Cluster, 'readNode'>;
  readonly gate: Pick<Gate, 'putTaint' | 'removeTaint' | 'note'>;
  readonly dispatch: Runner['dispatch'];
  readonly log: Log;
};

/** `needless`: it came back, or is not what it was. `failed`: to be tried again. */
type PutEnd = 'fenced' | 'needless' | 'failed';

export function createFences({ cluster, gate, dispatch, log }: FenceDeps) {
  /** `isStillGone`: asked once the API server has answered, which may have taken seconds. */
  const put = async (looked: Looked, now: Millis, isStillGone: () => boolean, signal: AbortSignal): Promise<PutEnd> => {
    const { node, device, suspicion } = looked;
    const signs = signsText(suspicion);
    const before = await cluster.readNode(node.name, signal);
    if (!before.ok) {
      log.warn('a board is gone, and its Node cannot be read', { node: node.name, signs, ...before.error });
      return 'failed';
    }
    if (before.value?.uid !== node.uid || isFenced(before.value) || !isStillGone()) return 'needless';
    if (device !== undefined && !(await isHeldGone(device, signs))) return 'needless';
    const done = await gate.putTaint(node, { ...fenceTaint, value: '' }, signal);
    if (!done.ok) {
      log.warn('a board is gone, and its Node cannot be fenced', { node: node.name, signs, ...done.error });
      return 'failed';
    }
    const lasting = signsText(suspicion, now);
    log.warn('a board is gone: its Node is fenced', { node: node.name, signs: lasting });
    const message = `held gone: ${lasting}; its pods are started on other Nodes`;
    await gate.note(node, { type: 'Warning', reason: 'BrambleFenced', message }, signal);
    return 'fenced';
  };

  /** On disk first. Not what the owner drains, switches off or takes out since it was looked at: its state says so. */
  async function isHeldGone(device: Device, signs: string): Promise<boolean> {
    try {
      const told = await dispatch(device.id, { event: 'node-gone', signs });
      return told.ok && isGone(told.value.device.state);
    } catch (error) {
      // Pods that can run elsewhere do not wait for a disk.
      log.error('that a board is gone was not written', { name: device.name, error });
      return true;
    }
  }

  /** `steady`: for so long it has looked well, in milliseconds. False: to be tried again. */
  const remove = async ({ node }: Looked, steady: Millis, signal: AbortSignal): Promise<boolean> => {
    const done = await gate.removeTaint(node, fenceTaint, signal);
    if (!done.ok) {
      log.warn('a board is back, and its Node cannot be let in', { node: node.name, ...done.error });
      return false;
    }
    log.info('a board is back: its Node is not fenced any more', { node: node.name, steady });
    const message = `it has been well for ${Math.round(steady / 1000)} s: pods may run on it again`;
    await gate.note(node, { type: 'Normal', reason: 'BrambleUnfenced', message }, signal);
    return true;
  };

  return { put, remove };
}
