/** From a bootstrap token to a kubelet's client certificate: a request, somebody's approval, the signed certificate. */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { chmod, mkdir, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, ApiError, type ApiObject } from '../control-plane/api-client.ts';
import { openssl } from '../control-plane/pki.ts';
import { intervals, isPassing, retrying } from './retry.ts';

export type KeyKind = 'ec' | 'rsa';

type Request = ApiObject<{
  readonly status?: {
    readonly certificate?: string;
    readonly conditions?: ReadonlyArray<{ readonly type: string; readonly message?: string }>;
  };
}>;

const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

/** Resolves with the certificate as PEM; the key stays in `keyFile`. */
export async function requestCertificate(
  api: ApiClient,
  { nodeName, keyFile, kind, deadline }: { nodeName: string; keyFile: string; kind: KeyKind; deadline: number },
): Promise<string> {
  await makeKey(keyFile, kind);
  const subject = `/O=system:nodes/CN=system:node:${nodeName}`;
  const pem = await openssl('req', '-new', '-sha256', '-key', keyFile, '-subj', subject);
  const key = createPrivateKey(await readFile(keyFile));
  // As the real kubelet since 1.27: encipherment is a usage of RSA keys only.
  const encipherment = key.asymmetricKeyType === 'rsa' ? ['key encipherment'] : [];
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  // The name follows from the key, so that a POST whose answer was lost is recognised when it is repeated.
  const name = `node-csr-${createHash('sha256').update(subject).update(spki).digest('base64url')}`;
  const body = {
    ...{ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name } },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', ...encipherment, 'client auth'],
    },
  };
  await retrying(
    async () => {
      try {
        await api.call('POST', requests, { body });
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 409)) throw error;
      }
    },
    { deadline },
  );
  return waitForCertificate(api, name, deadline);
}

async function makeKey(keyFile: string, kind: KeyKind): Promise<void> {
  await mkdir(dirname(keyFile), { recursive: true });
  const how =
    kind === 'rsa' ? ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048'] : ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  await openssl('genpkey', '-quiet', '-algorithm', ...how, '-out', `${keyFile}.new`);
  await chmod(`${keyFile}.new`, 0o600);
  await rename(`${keyFile}.new`, keyFile);
}

async function waitForCertificate(api: ApiClient, name: string, deadline: number): Promise<string> {
  const found = new AbortController();
  const signal = AbortSignal.any([found.signal, AbortSignal.timeout(Math.max(1, deadline - Date.now()))]);
  let certificate: string | undefined;
  let refusal: string | undefined;
  const look = ({ status }: Request): void => {
    const denied = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
    if (denied !== undefined)
      refusal = `the certificate request was ${denied.type.toLowerCase()}: ${denied.message ?? ''}`;
    if (status?.certificate !== undefined) certificate = Buffer.from(status.certificate, 'base64').toString();
    if (certificate !== undefined || refusal !== undefined) found.abort();
  };
  for (const wait of intervals()) {
    try {
      // Without a resource version the watch begins with the request as it is now.
      await api.watch(`${requests}?watch=true&fieldSelector=metadata.name=${name}`, signal, (event) =>
        look(event.object as Request),
      );
    } catch (error) {
      if (!signal.aborted && !isPassing(error)) throw error;
    }
    if (certificate !== undefined) return certificate;
    if (refusal !== undefined) throw new Error(refusal);
    if (signal.aborted) throw new Error('timed out waiting for the certificate: nobody approved the request');
    await sleep(wait, undefined, { signal }).catch(() => undefined);
  }
  throw new Error('unreachable');
}
