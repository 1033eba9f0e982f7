/** Deployments that a surge left one bigger: read from the API, not remembered, so that a crash at any moment leaves nothing behind. */
import { ok, type Result } from '../../../config/result.ts';
import type { Api, ApiProblem } from '../api.ts';
import type { Gate, GateProblem, SurgeNote } from '../gate.ts';
import { surgeAnnotation } from '../gate-api.ts';
import { field, readListPage, text, type WatchProblem } from '../watch-event.ts';
import type { PodName } from './flight.ts';
import type { LeftSurge } from './surge.ts';

const path = '/apis/apps/v1/deployments';

type Reading = Pick<Api, 'request'>;

export async function leftSurges(
  api: Reading,
  signal: AbortSignal,
): Promise<Result<readonly LeftSurge[], ApiProblem | WatchProblem>> {
  const found: LeftSurge[] = [];
  for (let next = ''; ; ) {
    const more = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
    const answer = await api.request('GET', `${path}?limit=500${more}`, { signal });
    if (!answer.ok) return answer;
    const page = readListPage(answer.value);
    if (!page.ok) return page;
    for (const item of page.value.items) found.push(...surgeOf(item));
    if (page.value.next === undefined) return ok(found);
    next = page.value.next;
  }
}

/** Takes the note off, with whatever number of replicas there is. A Deployment that has none, or is gone, is a success. */
export async function forgetSurge(
  api: Reading,
  gate: Pick<Gate, 'scale'>,
  deployment: PodName,
  signal: AbortSignal,
): Promise<Result<void, GateProblem>> {
  const [namespace = '', name = ''] = deployment.name.split('/').map(encodeURIComponent);
  const answer = await api.request('GET', `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`, { signal });
  if (!answer.ok) return answer.error.code === 'API_NOT_FOUND' ? ok(undefined) : answer;
  const [one] = surgeOf(answer.value);
  if (one === undefined || one.deployment.uid !== deployment.uid) return ok(undefined);
  return await gate.scale(deployment, one.replicas, one.replicas, null, signal);
}

function surgeOf(object: unknown): readonly LeftSurge[] {
  const metadata = field(object, 'metadata');
  const note = readNote(text(field(field(metadata, 'annotations'), surgeAnnotation)));
  const [namespace, name, uid] = ['namespace', 'name', 'uid'].map((key) => text(field(metadata, key)));
  const replicas = field(field(object, 'spec'), 'replicas');
  if (note === undefined || namespace === undefined || name === undefined || uid === undefined) return [];
  return [
    { deployment: { name: `${namespace}/${name}`, uid }, replicas: typeof replicas === 'number' ? replicas : 1, note },
  ];
}

/** Whatever is there is a note of ours; one that nobody can read says nothing of a pod, and is taken off as it is. */
function readNote(value: string | undefined): SurgeNote | undefined {
  if (value === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    const [pod, uid, from] = ['pod', 'uid', 'from'].map((key) => field(parsed, key));
    if (typeof pod === 'string' && typeof uid === 'string' && typeof from === 'number') return { pod, uid, from };
  } catch {
    // As below.
  }
  return { pod: '', uid: '', from: Number.NaN };
}
