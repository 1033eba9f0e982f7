/** The cluster as boards join it and as the status shows it. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { seconds } from '../../../config/values.ts';
import type { Cluster } from '../../cluster/index.ts';
import { caCertHashes, type Driver, kubeadmDriver } from '../../join/index.ts';
import type { Clock } from '../../ports.ts';

/** Asked for at each join: the kubeconfig may come later than the daemon. */
export async function driverFor(config: Config, cluster: Cluster): Promise<Result<Driver, Problem>> {
  if (config.cluster.driver === 'k3s') return problem('DRIVER_MISSING', 'boards cannot be joined to k3s yet');
  const endpoint = await cluster.endpoint();
  if (!endpoint.ok) return endpoint;
  const { host } = new URL(config.cluster.server ?? endpoint.value.server);
  return ok(kubeadmDriver({ apiServerEndpoint: host, caCertHashes: caCertHashes(endpoint.value.caPem) }));
}

export type ClusterFacts = {
  readonly now: () => { readonly reachable: boolean; readonly detail: string };
  /** Settles when the signal is aborted. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

/** Whether the API answers, asked now and then: a status must not wait for a dead server. */
export function createClusterFacts(cluster: Cluster, clock: Clock): ClusterFacts {
  let facts = { reachable: false, detail: 'not asked yet' };
  async function follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const answer = await cluster.reachable(signal).catch(() => undefined);
      if (answer !== undefined) {
        facts = answer.ok
          ? { reachable: true, detail: answer.value }
          : { reachable: false, detail: answer.error.detail };
      }
      await clock.sleep(seconds(facts.reachable ? 30 : 3), signal).catch(() => undefined);
    }
  }
  return { now: () => facts, follow };
}
