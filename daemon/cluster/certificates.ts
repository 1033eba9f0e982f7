/** Client certificates that the cluster signs for us: asked for, approved and collected (certificates.k8s.io/v1). */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Millis, millis } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import type { Api } from './api.ts';
import { csrsPath } from './csrs.ts';
import { field, list, text } from './watch-event.ts';

export type CertificateWish = {
  /** PKCS#10 as PEM. Who it names gets in: it has to be checked before. */
  readonly request: string;
  /** Wanted; the cluster may give less (kube-controller-manager's --cluster-signing-duration). At least 600. */
  readonly seconds: number;
  /** Why it is approved, for whoever looks at the object. */
  readonly message: string;
  /** In all. */
  readonly patience: Millis;
};

const signerName = 'kubernetes.io/kube-apiserver-client';
const rest = millis(200);

/** The certificate as PEM. `NOT_SIGNED`: it is approved, and nobody signs. Throws the signal's reason. */
export async function issueCertificate(
  api: Pick<Api, 'request'>,
  { request, seconds, message, patience }: CertificateWish,
  { clock, signal }: { readonly clock: Pick<Clock, 'sleep'>; readonly signal: AbortSignal },
): Promise<Result<string, Problem>> {
  const made = await api.request('POST', csrsPath, {
    body: {
      ...{ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' },
      // Nobody else's: a name that somebody could foresee might be there already.
      metadata: { generateName: 'bramble-user-' },
      spec: {
        request: Buffer.from(request).toString('base64'),
        ...{ signerName, expirationSeconds: seconds, usages: ['client auth', 'digital signature'] },
      },
    },
    signal,
  });
  if (!made.ok) return made;
  const name = text(field(field(made.value, 'metadata'), 'name'));
  if (name === undefined) return problem('API_FAILED', 'the cluster made a certificate request without a name');
  const path = `${csrsPath}/${encodeURIComponent(name)}`;
  const condition = { type: 'Approved', status: 'True', reason: 'BrambleUser', message };
  const body = { ...Object(made.value), status: { conditions: [condition] } };
  const approved = await api.request('PUT', `${path}/approval`, { body, signal });
  if (!approved.ok) return approved;
  for (let waited = 0; waited < patience; waited += rest) {
    const read = await api.request('GET', path, { signal });
    if (!read.ok) return read;
    const status = field(read.value, 'status');
    const certificate = text(field(status, 'certificate'));
    if (certificate !== undefined && certificate !== '') return ok(Buffer.from(certificate, 'base64').toString());
    const failed = list(field(status, 'conditions')).find((one) => field(one, 'type') === 'Failed');
    if (failed !== undefined)
      return problem('NOT_SIGNED', `the cluster does not sign it: ${text(field(failed, 'message'))}`);
    await clock.sleep(rest, signal);
  }
  return problem(
    'NOT_SIGNED',
    `nobody signed ${name} within ${patience / 1000} s: does the cluster's controller manager run, with its signing key?`,
  );
}
