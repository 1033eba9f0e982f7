/** The owner's labels on boards' Nodes: kept when a Node goes, and put on the one that the board, or its heir, gets after it. */
import { ok, type Problem, type Result } from '../../../config/result.ts';
import type { DeviceId } from '../../../config/values.ts';
import type { Cluster } from '../../cluster/index.ts';
import { readNode } from '../../cluster/nodes.ts';
import { type Labels, ownersLabels, putLabels } from '../../cluster/owner-labels.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Store } from '../../store/store.ts';

export type NodeLabels = {
  /** Takes down for `holder` what the Node of this name has, if it is the board's. Settles when that is on disk. */
  readonly keep: (
    board: Pick<Device, 'id' | 'name'>,
    holder: DeviceId,
    signal: AbortSignal,
  ) => Promise<Result<void, Problem>>;
  /** The board's Node has, among others, what was taken down for it. */
  readonly restore: (board: Pick<Device, 'id' | 'name'>, signal: AbortSignal) => Promise<Result<void, Problem>>;
};

const KEY = 'node-labels';

export function nodeLabels(
  cluster: Pick<Cluster, 'request' | 'readNode'>,
  store: Pick<Store, 'readBoardSecret' | 'commit'>,
): NodeLabels {
  const keep: NodeLabels['keep'] = async ({ id, name }, holder, signal) => {
    const path = `/api/v1/nodes/${encodeURIComponent(name)}`;
    const node = await cluster.request('GET', path, { signal });
    if (!node.ok) return node.error.code === 'API_NOT_FOUND' ? ok(undefined) : node;
    if (readNode(node.value)?.device !== id) return ok(undefined);
    // The same again writes nothing.
    const value = JSON.stringify(ownersLabels(node.value));
    if (value !== (store.readBoardSecret(holder, KEY) ?? '{}'))
      await store.commit([{ write: 'put-board-secret', device: holder, key: KEY, value }]);
    return ok(undefined);
  };

  const restore: NodeLabels['restore'] = async ({ id, name }, signal) => {
    const labels = labelsFrom(store.readBoardSecret(id, KEY));
    if (Object.keys(labels).length === 0) return ok(undefined);
    const node = await cluster.readNode(name, signal);
    if (!node.ok) return node;
    if (node.value?.device !== id) return ok(undefined);
    const put = await putLabels(cluster, name, node.value.uid, labels, signal);
    return put.ok ? ok(undefined) : put;
  };

  return { keep, restore };
}

/** Of another version, or damaged: then there are none. */
function labelsFrom(stored: string | undefined): Labels {
  try {
    const parsed: unknown = JSON.parse(stored ?? '{}');
    return ownersLabels({ metadata: { labels: parsed } });
  } catch {
    return {};
  }
}
