/** PersistentVolumes whose data lies on the disk of one node. */
import { ok, type Result } from '../../config/result.ts';
import type { Api, ApiProblem } from './api.ts';
import { field, list, readListPage, text, type WatchProblem } from './watch-event.ts';

const path = '/api/v1/persistentvolumes?limit=500';

/** Names of the volumes that only this node can mount, in the server's order. */
export async function volumesOn(
  api: Pick<Api, 'request'>,
  node: string,
  signal: AbortSignal,
): Promise<Result<readonly string[], ApiProblem | WatchProblem>> {
  const names: string[] = [];
  for (let next = ''; ; ) {
    const answer = await api.request('GET', next === '' ? path : `${path}&continue=${encodeURIComponent(next)}`, {
      signal,
    });
    if (!answer.ok) return answer;
    const page = readListPage(answer.value);
    if (!page.ok) return page;
    for (const volume of page.value.items) if (liesOn(volume, node)) names.push(nameOf(volume));
    if (page.value.next === undefined) return ok(names);
    next = page.value.next;
  }
}

const nameOf = (volume: unknown): string => text(field(field(volume, 'metadata'), 'name')) ?? '?';

/** Its required node affinity names the node: by the label `kubernetes.io/hostname`, as local volumes do, or by the field. */
export function liesOn(volume: unknown, node: string): boolean {
  const required = field(field(field(volume, 'spec'), 'nodeAffinity'), 'required');
  return list(field(required, 'nodeSelectorTerms')).some((term) => {
    const byLabel = list(field(term, 'matchExpressions')).filter(
      (one) => field(one, 'key') === 'kubernetes.io/hostname',
    );
    const byField = list(field(term, 'matchFields')).filter((one) => field(one, 'key') === 'metadata.name');
    return [...byLabel, ...byField].some(
      (one) => field(one, 'operator') === 'In' && list(field(one, 'values')).includes(node),
    );
  });
}
