/**
 * Finding the cluster before anything about it is trusted: cluster-info is read anonymously and unchecked, the CA in it is
 * compared with the pinned hashes, then it is read once more over a connection which that CA vouches for. The token is not
 * sent to anybody here.
 */
import { parse } from 'yaml';
import { type ApiObject, connect } from '../control-plane/api-client.ts';
import { readKubeconfig } from '../control-plane/kubeconfig.ts';
import { publicKeyHash } from '../control-plane/pki.ts';
import { retrying } from './retry.ts';
import { type BootstrapToken, isSignedBy } from './token-signature.ts';

export type Cluster = { readonly server: string; readonly caPem: string };

type DiscoveryOptions = {
  readonly endpoint: string;
  readonly token: BootstrapToken;
  readonly caCertHashes: readonly string[];
  readonly timeoutMs: number;
  readonly log: (line: string) => void;
};

type ClusterInfo = ApiObject<{ readonly data?: Readonly<Record<string, string>> }>;

/** Waiting does not help against these. */
class Untrusted extends Error {
  override readonly name = 'Untrusted';
}

const path = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
/** The bootstrap signer follows a new token at once, but not within the same instant. */
const signatureGraceMs = 3000;

export async function discover(options: DiscoveryOptions): Promise<Cluster> {
  const { endpoint, token, caCertHashes, log } = options;
  const server = `https://${endpoint}`;
  const deadline = Date.now() + options.timeoutMs;
  const unsignedUntil = Date.now() + signatureGraceMs;
  const worthRetrying = (error: unknown): boolean => !(error instanceof Untrusted);

  const attempt = async (): Promise<string> => {
    const { kubeconfig = '', ...signatures } = await read(connect({ server }).call('GET', path));
    const hash = publicKeyHash(readKubeconfig(kubeconfig, parse).caPem);
    if (!caCertHashes.some((pinned) => pinned.toLowerCase() === hash)) {
      throw new Untrusted(
        `cluster CA found in cluster-info ConfigMap is invalid: none of the public keys "${hash}" are pinned`,
      );
    }
    const signature = signatures[`jws-kubeconfig-${token.id}`];
    if (signature === undefined) {
      if (Date.now() < unsignedUntil) throw new Error('cluster-info is not signed for this token');
      log('[discovery] cluster-info is not signed for this token; going by the pinned CA');
    } else if (!isSignedBy(kubeconfig, signature, token)) {
      throw new Untrusted('the signature of cluster-info does not belong to this token');
    }
    return kubeconfig;
  };
  const claimed = await retrying(attempt, { deadline, worthRetrying });
  const { server: named, caPem } = readKubeconfig(claimed, parse);
  const vouched = await retrying(() => read(connect({ server, caPem }).call('GET', path)), { deadline });
  if (vouched['kubeconfig'] !== claimed)
    throw new Error('cluster-info differs between the unchecked and the checked reading');
  return { server: named, caPem };
}

async function read(answer: Promise<ClusterInfo>): Promise<Readonly<Record<string, string | undefined>>> {
  return (await answer).data ?? {};
}
