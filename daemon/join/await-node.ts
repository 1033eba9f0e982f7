/** Waits for what the watch on Nodes says about one Node. */
import { type Millis, seconds } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import type { JoinCluster, JoinedNode } from './cluster-port.ts';

/**
 * The Node as it is once `test` holds, or as it is after `patience` (perhaps not there at all). Asks the watch's copy after
 * every change; throws the signal's reason.
 */
export async function awaitNode(
  cluster: Pick<JoinCluster, 'node' | 'onNodes'>,
  name: string,
  test: (node: JoinedNode | undefined) => boolean,
  { clock, signal, patience = seconds(60) }: { clock: Clock; signal: AbortSignal; patience?: Millis },
): Promise<JoinedNode | undefined> {
  if (test(cluster.node(name))) return cluster.node(name);
  const settled = new AbortController();
  const off = cluster.onNodes(() => {
    if (test(cluster.node(name))) settled.abort();
  });
  try {
    await clock.sleep(patience, AbortSignal.any([signal, settled.signal]));
  } catch (error) {
    if (!settled.signal.aborted) throw error;
  } finally {
    off();
  }
  return cluster.node(name);
}
