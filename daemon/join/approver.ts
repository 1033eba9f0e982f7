/** Approves the certificate requests of the boards that are being joined right now (facts 2.4), and of nobody else. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Clock, Log } from '../ports.ts';
import { type CertificateRequest, type Expectation, judgeRequest, withCondition } from './approve.ts';
import type { JoinCluster } from './cluster-port.ts';
import { retryIntervals } from './intervals.ts';

export type Approver = {
  /**
   * From now on the board's request is approved, until the returned function is called. `onDenied` is called if what came
   * with its token was no such request, or cannot be approved: that join has failed.
   */
  readonly expect: (
    wanted: Pick<Expectation, 'tokenId' | 'name'> & { readonly onDenied: (reason: string) => void },
  ) => () => void;
  /** Settles once the signal is aborted. */
  readonly done: Promise<void>;
};

type Deps = {
  readonly cluster: Pick<JoinCluster, 'request' | 'watchCsrs'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

export function startApprover({ cluster, clock, log, signal }: Deps): Approver {
  const expectations = new Map<string, Expectation & { readonly onDenied: (reason: string) => void }>();

  const decide = async (request: CertificateRequest): Promise<void> => {
    const expected = expectations.get(request.username.replace(/^system:bootstrap:/, ''));
    if (expected === undefined) return;
    const judged = judgeRequest(request, expected);
    if (judged.decision === 'not-ours') return;
    const approves = judged.decision === 'approve';
    // Noted before it is done: of two requests with one token, never both.
    if (approves) expectations.set(expected.tokenId, { ...expected, approved: request.uid });
    const message = approves ? `${expected.name} is being joined by bramble` : judged.reason;
    const fields = { node: expected.name, request: request.name };
    if (!approves) {
      log.warn('certificate request denied', { ...fields, reason: judged.reason });
      if (expected.approved === undefined) expected.onDenied(judged.reason);
    }
    const isWanted = (): boolean => expectations.has(expected.tokenId);
    const end = await persistently(clock, signal, isWanted, () =>
      putDecision(cluster, request, judged.decision, message, signal),
    );
    if (end.ok) {
      if (approves) log.info('certificate request approved', fields);
      return;
    }
    log.warn('certificate request could not be decided', { ...fields, ...end.error });
    // It would wait for its certificate in vain.
    if (approves && isWanted()) expected.onDenied(`${end.error.code}: ${end.error.detail}`);
  };

  const done = cluster.watchCsrs({
    signal,
    onRequest: (request) => {
      decide(request).catch((error: unknown) => {
        if (!signal.aborted) log.error('certificate request broken', { request: request.name, error: String(error) });
      });
    },
  });
  return {
    expect: ({ tokenId, name, onDenied }) => {
      expectations.set(tokenId, { tokenId, name, onDenied, approved: undefined });
      return () => void expectations.delete(tokenId);
    },
    done,
  };
}

/** Trying again does not help against these. */
const lasting: readonly string[] = ['CSR_REPLACED', 'API_NOT_FOUND', 'API_FORBIDDEN', 'API_INVALID'];

/** An API server that restarts is away for longer than a few attempts: as long as the board is being joined, go on. */
async function persistently(
  clock: Clock,
  signal: AbortSignal,
  isWanted: () => boolean,
  act: () => Promise<Result<void, Problem>>,
): Promise<Result<void, Problem>> {
  const pauses = retryIntervals();
  for (;;) {
    const end = await act();
    if (end.ok || lasting.includes(end.error.code) || !isWanted()) return end;
    await clock.sleep(pauses.next().value, signal);
  }
}

/** Reads the object afresh, since its version is needed, and makes sure that it is still the one that was judged. */
async function putDecision(
  cluster: Deps['cluster'],
  request: CertificateRequest,
  decision: 'approve' | 'deny',
  message: string,
  signal: AbortSignal,
): Promise<Result<void, Problem>> {
  const name = encodeURIComponent(request.name);
  const read = await cluster.request('GET', `${path}/${name}`, { signal });
  if (!read.ok) return read;
  const csr = read.value;
  const [metadata, spec] = isRecord(csr) ? [csr['metadata'], csr['spec']] : [];
  // The spec of a request cannot be changed; a request of the same name can be another one.
  const same =
    isRecord(metadata) && metadata['uid'] === request.uid && isRecord(spec) && spec['request'] === request.request;
  if (!isRecord(csr) || !same) return problem('CSR_REPLACED', `${request.name} is another one by now`);
  const wanted = decision === 'approve' ? 'Approved' : 'Denied';
  const status = isRecord(csr['status']) ? csr['status'] : {};
  const conditions: readonly unknown[] = Array.isArray(status['conditions']) ? status['conditions'] : [];
  // An earlier attempt whose answer was lost.
  if (conditions.some((condition) => isRecord(condition) && condition['type'] === wanted)) return ok(undefined);
  const body = withCondition(csr, decision, message);
  const put = await cluster.request('PUT', `${path}/${name}/approval`, { body, signal });
  return put.ok ? ok(undefined) : put;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
