/**
 * Whether a node gets the certificate it asks for. A bootstrap token is bound to no node name: whoever holds one may ask
 * to be anybody (facts 2.4, measured). So nothing approves by itself, and we approve one name, once per token.
 */
import type { Hostname } from '../../config/values.ts';
import { readCertificateRequest } from './pkcs10.ts';

/** What we read of a CertificateSigningRequest. */
export type CertificateRequest = {
  readonly name: string;
  readonly uid: string;
  /** Written by the API server from the credentials that created it, so it can be relied upon. */
  readonly username: string;
  readonly signerName: string;
  readonly usages: readonly string[];
  /** `spec.request`: base64 over PEM. */
  readonly request: string;
  /** It has been approved, denied, or has failed. */
  readonly decided: boolean;
};

/** The token minted for a board, and what has come of it. */
export type Expectation = {
  readonly tokenId: string;
  readonly name: Hostname;
  /** The uid of the request that was approved for this token. */
  readonly approved: string | undefined;
};

export type ApprovalDecision =
  | { readonly decision: 'approve' }
  | { readonly decision: 'deny'; readonly reason: string }
  /** Nobody we are waiting for asked, or it is decided already: not to be touched. */
  | { readonly decision: 'not-ours' };

const signer = 'kubernetes.io/kube-apiserver-client-kubelet';
/** kubelets ask for key encipherment only with RSA keys (kubernetes 1.27 and newer). */
const usageSets = ['client auth,digital signature', 'client auth,digital signature,key encipherment'];

export function judgeRequest(request: CertificateRequest, expected: Expectation): ApprovalDecision {
  if (request.username !== `system:bootstrap:${expected.tokenId}` || request.decided) return { decision: 'not-ours' };
  const reason = objection(request, expected);
  return reason === undefined ? { decision: 'approve' } : { decision: 'deny', reason };
}

function objection(request: CertificateRequest, { name, approved }: Expectation): string | undefined {
  if (approved !== undefined && approved !== request.uid) return 'this token has had its certificate';
  if (request.signerName !== signer) return `signer ${request.signerName}`;
  if (!usageSets.includes([...request.usages].sort((a, b) => (a < b ? -1 : 1)).join(',')))
    return `usages ${request.usages.join(', ')}`;
  const read = readCertificateRequest(request.request);
  if (!read.ok) return read.error.detail;
  const { subject, alternativeNames } = read.value;
  if (alternativeNames) return 'alternative names';
  const wanted = [`CN=system:node:${name}`, 'O=system:nodes'];
  const asked = subject.map(({ type, value }) => `${type}=${value}`);
  const same = asked.length === wanted.length && wanted.every((attribute) => asked.includes(attribute));
  return same ? undefined : `subject ${asked.join(', ').slice(0, 200)} instead of ${wanted.join(', ')}`;
}

/** The object as read, with our condition: what is PUT to its `approval` subresource. */
export function withCondition(
  csr: Readonly<Record<string, unknown>>,
  decision: 'approve' | 'deny',
  message: string,
): unknown {
  const condition = {
    type: decision === 'approve' ? 'Approved' : 'Denied',
    status: 'True',
    reason: decision === 'approve' ? 'BrambleExpectedNode' : 'BrambleUnexpected',
    message,
  };
  return { ...csr, status: { ...(isRecord(csr['status']) ? csr['status'] : {}), conditions: [condition] } };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
