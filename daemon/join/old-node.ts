/** A Node's name: given back, with what the distribution keeps about it, and reserved for the next one who is to have it. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { JoinCluster } from './cluster-port.ts';
import type { Driver } from './driver.ts';

const secrets = '/api/v1/namespaces/kube-system/secrets';

/**
 * First the Node, then its Secrets: those of k3s belong to it, and would be made again for a Node that is there. Without a
 * Node (`uid` undefined) they are orphans, and would shut out a board whose node password is another one by now.
 */
export async function deleteNode(
  { cluster, driver, signal }: { readonly cluster: JoinCluster; readonly driver: Driver; readonly signal: AbortSignal },
  name: string,
  uid: string | undefined,
): Promise<Result<void, Problem>> {
  if (uid !== undefined) {
    const deleted = await cluster.deleteNode(name, uid, signal);
    if (!deleted.ok) return deleted;
  }
  for (const secret of driver.secretsOf?.(name) ?? []) {
    const gone = await cluster.request('DELETE', `${secrets}/${encodeURIComponent(secret)}`, { signal });
    if (!gone.ok && gone.error.code !== 'API_NOT_FOUND') return gone;
  }
  return ok(undefined);
}

/** From now on nobody but who has the password of this Secret gets the name. `NAME_CONTESTED`: somebody else has it reserved. */
export async function reserveName(
  { cluster, signal }: { readonly cluster: Pick<JoinCluster, 'request'>; readonly signal: AbortSignal },
  name: string,
  secret: unknown,
): Promise<Result<void, Problem>> {
  const made = await cluster.request('POST', secrets, { body: secret, signal });
  if (made.ok) return ok(undefined);
  return made.error.code === 'API_CONFLICT'
    ? problem('NAME_CONTESTED', `somebody else asked the cluster for the name ${name} at this very moment`)
    : made;
}
