/** The cluster as boards join it and as the status shows it. */
import { X509Certificate } from 'node:crypto';
import { assertNever, ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { type Instant, instant, seconds } from '../../../config/values.ts';
import type { Cluster } from '../../cluster/index.ts';
import {
  caCertHashes,
  caHash,
  type Driver,
  type K3sFiles,
  k3sDriver,
  kubeadmDriver,
  kubeConfigDriver,
} from '../../join/index.ts';
import type { Fleet } from '../../lifecycle/fleet.ts';
import type { Clock } from '../../ports.ts';
import type { Site } from '../network/site.ts';
import { masterAddress } from './kube-config.ts';

export type DriverDeps = {
  readonly config: Config;
  readonly cluster: Pick<Cluster, 'endpoint' | 'request'>;
  readonly clock: Clock;
  readonly fleet: () => Pick<Fleet, 'byName'>;
  /** Where boards reach this machine. Undefined: not known yet. */
  readonly site: () => Pick<Site, 'address'> | undefined;
  readonly files: K3sFiles;
};

/** Asked for at each join: the kubeconfig may come later than the daemon. */
export async function driverFor(deps: DriverDeps): Promise<Result<Driver, Problem>> {
  const { config, cluster, site, files } = deps;
  if (config.cluster.driver === 'kube-config') return kubeConfigFor(deps);
  const endpoint = await cluster.endpoint();
  if (!endpoint.ok) return endpoint;
  const { caPem } = endpoint.value;
  const here = site();
  const server = new URL(config.cluster.server ?? endpoint.value.server);
  switch (config.cluster.driver) {
    case 'kubeadm':
      return ok(kubeadmDriver({ apiServerEndpoint: server.host, caCertHashes: caCertHashes(caPem) }));
    case 'k3s': {
      if (here === undefined)
        return problem('NO_NETWORK', 'the network of the boards is not known yet: bramble status');
      if (!caPem.includes('BEGIN CERTIFICATE')) {
        return problem(
          'CA_MISSING',
          `${config.cluster.kubeconfig} names no certificate authority, by which boards would know the server`,
        );
      }
      // k3s's own kubeconfig means the machine that it is on.
      if (/^(127\.|localhost$|\[::1\]$)/.test(server.hostname)) server.hostname = here.address;
      const { version } = config.cluster;
      const baseUrl = `http://${here.address}:${config.http.port}`;
      return ok(k3sDriver({ server: server.origin, caHash: caHash(caPem), files, version, baseUrl }));
    }
    default:
      return assertNever(config.cluster.driver);
  }
}

/** It cannot be earlier now: when this program was not there yet, and before the cluster's certificate authority was valid. */
export async function earliestNow(cluster: Pick<Cluster, 'endpoint'>): Promise<Instant> {
  const endpoint = await cluster.endpoint();
  const authorities = endpoint.ok ? certificatesIn(endpoint.value.caPem) : [];
  return instant(Math.max(WRITTEN, ...authorities.map(({ validFromDate }) => validFromDate.getTime())));
}

const WRITTEN = Date.UTC(2026, 0, 1);

function certificatesIn(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function kubeConfigFor({ config, cluster, clock, fleet }: DriverDeps): Result<Driver, Problem> {
  const master = masterAddress(config.cluster, fleet());
  if (master === undefined) {
    const { controlPlane } = config.cluster;
    return problem(
      'MASTER_MISSING',
      `the board ${controlPlane} is to carry the cluster (cluster.controlPlane), and is not there yet`,
    );
  }
  return ok(kubeConfigDriver({ master, timezone: config.images.timezone, request: cluster.request, clock }));
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
