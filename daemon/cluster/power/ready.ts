/** Whether the cluster may be given its boards back: its API serves, and names are resolved, as far as anybody does that there. */
import type { Api } from '../api.ts';
import type { World } from '../workloads/facts.ts';

/** Undefined: nothing keeps it. */
export async function apiTrouble(api: Pick<Api, 'request'>, signal: AbortSignal): Promise<string | undefined> {
  const end = await api.request('GET', '/readyz', { signal });
  // It says `ok`, which is no JSON; what is not ready is said with status 500.
  if (end.ok || end.error.detail.startsWith('no JSON')) return undefined;
  return `the cluster is not ready: ${end.error.detail}`;
}

/** CoreDNS may be nowhere but on boards that are off: nobody waits for it for ever. */
export function dnsTrouble({ pods }: Pick<World, 'pods'>): string | undefined {
  const resolvers = [...pods.values()].filter(({ labels }) => labels['k8s-app'] === 'kube-dns');
  return resolvers.length === 0 || resolvers.some(({ ready }) => ready) ? undefined : 'CoreDNS is not ready yet';
}
