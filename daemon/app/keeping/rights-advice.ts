/** What the owner has to do where the daemon's account is of an earlier version, and may not see what is to be kept. */
import type { Workloads } from '../../cluster/workloads/workloads.ts';

export function rightsAdvice(workloads: Pick<Workloads, 'trouble'> | undefined): readonly string[] {
  const trouble = workloads?.trouble();
  return trouble?.code === 'API_FORBIDDEN'
    ? [`nothing is kept: the daemon's account lacks rights (${trouble.detail}): run bramble cluster install again`]
    : [];
}
