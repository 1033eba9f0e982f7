import type { ByteSource } from '../../ports.ts';
import { get, type Route } from '../router.ts';
import { isSha256, resumable } from './resumable.ts';

export type ClusterFilesDeps = {
  /** A new source for each call; it is closed here. Undefined: no such file. */
  readonly openClusterFile: (sha256: string) => Promise<ByteSource | undefined>;
};

/**
 * `GET /v1/cluster/files/SHA256?offset=N` → a program or container images of the cluster's distribution, from byte N on. For
 * boards, which have the sum over SSH; nothing of it is a secret. 404 for an unknown one.
 */
export const clusterFileRoute = ({ openClusterFile }: ClusterFilesDeps): Route =>
  get('/v1/cluster/files/:sha256', (request) => {
    const sha256 = request.params.get('sha256') ?? '';
    return resumable(request, 'file', async () => (isSha256(sha256) ? await openClusterFile(sha256) : undefined));
  });
