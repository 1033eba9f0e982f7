/** What the owner is told where too little is known of the cluster to decide on. */
import type { Problem } from '../../../config/result.ts';
import { isFresh } from '../../cluster/workloads/fresh.ts';
import type { Workloads } from '../../cluster/workloads/workloads.ts';
import { LEGACY } from '../boards/kube-config.ts';

/** Why nothing may be decided, in words; undefined: it may. Without workloads nothing ever is (kube-config). */
export function whyUnknown(workloads: Pick<Workloads, 'age' | 'trouble'> | undefined): string | undefined {
  if (workloads === undefined) return LEGACY;
  if (isFresh(workloads)) return undefined;
  const [age, trouble] = [workloads.age(), workloads.trouble()];
  if (lacksRights(trouble)) return rightsText(trouble);
  const news =
    age === undefined
      ? 'what the cluster has was not read yet'
      : `the API server was last heard ${Math.round(age / 1000)} s ago`;
  return trouble === undefined ? news : `${news}: ${trouble.detail}`;
}

/** The daemon's account is of an earlier version, and may not see what is to be kept. */
export function rightsAdvice(workloads: Pick<Workloads, 'trouble'> | undefined): readonly string[] {
  const trouble = workloads?.trouble();
  return lacksRights(trouble) ? [`nothing is kept: ${rightsText(trouble)}`] : [];
}

const lacksRights = (trouble: Problem | undefined): trouble is Problem<'API_FORBIDDEN'> =>
  trouble?.code === 'API_FORBIDDEN';
const rightsText = ({ detail }: Problem): string =>
  `the daemon's account lacks rights (${detail}): run bramble cluster install again`;
