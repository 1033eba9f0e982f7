import { execFileSync } from 'node:child_process';
import test from 'ava';
import { must, problem } from '../../../config/result.ts';
import { parseHostname } from '../../../config/values.ts';
import type { CertificateRequest } from '../../../daemon/join/approve.ts';
import { startApprover } from '../../../daemon/join/approver.ts';
import type { Clock } from '../../../daemon/ports.ts';
import { createClockDouble, createLogDouble } from '../../support/doubles.ts';
import { clusterDouble } from './cluster-double.ts';

const pem = (subject: string): string =>
  execFileSync(
    'openssl',
    [
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-subj',
      subject,
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  ).toString('base64');
const good = pem('/O=system:nodes/CN=system:node:worker-kube1');
const bad = pem('/O=system:masters/CN=admin');
const csr: CertificateRequest = {
  ...{ name: 'node-csr-1', uid: 'u-1', username: 'system:bootstrap:abcdef', decided: false, request: good },
  signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
  usages: ['digital signature', 'client auth'],
};
const name = must(parseHostname('worker-kube1'));

function begin() {
  const double = clusterDouble();
  const log = createLogDouble();
  const closing = new AbortController();
  const pauses: number[] = [];
  const clock: Clock = {
    now: createClockDouble().now,
    sleep: async (duration, signal) => {
      signal.throwIfAborted();
      pauses.push(duration);
    },
  };
  const approver = startApprover({ cluster: double.cluster, clock, log, signal: closing.signal });
  const denials: string[] = [];
  const expect = () => approver.expect({ tokenId: 'abcdef', name, onDenied: (reason) => void denials.push(reason) });
  return { ...double, log, closing, pauses, approver, denials, expect };
}

test('who is expected is approved; who is not is not touched', async (t) => {
  const { expect, ask, log, decisions, asked } = begin();
  ask(csr);
  ask({ ...csr, name: 'other', username: 'system:bootstrap:zzzzzz' });
  ask({ ...csr, name: 'liar', username: 'abcdef' });
  t.deepEqual(asked, []);
  expect();
  ask({ ...csr, name: 'liar', username: 'abcdef' });
  ask(csr);
  await log.when('certificate request approved');
  t.deepEqual(
    decisions.map((one) => [one.name, one.conditions[0]?.type]),
    [['node-csr-1', 'Approved']],
  );
});

test('once the join is over its token gets nothing any more', async (t) => {
  const { expect, ask, asked } = begin();
  expect()();
  ask(csr);
  t.deepEqual(asked, []);
});

test('a wrong request is denied and its join is told; a second one is denied and the join goes on', async (t) => {
  const wrong = begin();
  wrong.expect();
  wrong.ask({ ...csr, request: bad });
  await wrong.log.when('certificate request denied');
  t.regex(wrong.denials.join(), /^subject /);

  const twice = begin();
  twice.expect();
  twice.ask(csr);
  twice.ask({ ...csr, name: 'node-csr-2', uid: 'u-2' });
  await twice.log.when('certificate request approved');
  await twice.log.when('certificate request denied');
  t.deepEqual(twice.denials, []);
  const types = new Map(twice.decisions.map((one) => [one.name, one.conditions[0]?.type]));
  t.is(types.get('node-csr-1'), 'Approved');
});

test('an API server that is away for long is asked again for as long as the board is being joined', async (t) => {
  const { expect, ask, failures, log, decisions, pauses } = begin();
  for (let round = 0; round < 30; round += 1) failures.push(problem('API_UNREACHABLE', 'ECONNREFUSED'));
  expect();
  ask(csr);
  await log.when('certificate request approved');
  t.is(decisions.length, 1);
  t.is(pauses.length, 30);
});

test('and no longer than that', async (t) => {
  const { expect, ask, failures, log, denials } = begin();
  for (let round = 0; round < 3; round += 1) failures.push(problem('API_UNREACHABLE', 'ECONNREFUSED'));
  const forget = expect();
  ask(csr);
  forget();
  await log.when('certificate request could not be decided');
  t.deepEqual(denials, []);
});

test('without the right to approve, the join is told instead of waiting in vain', async (t) => {
  const { expect, ask, failures, log, denials } = begin();
  failures.push(problem('API_FORBIDDEN', '403 cannot update'));
  expect();
  ask(csr);
  await log.when('certificate request could not be decided');
  t.deepEqual(denials, ['API_FORBIDDEN: 403 cannot update']);
});

test('what was judged is what is approved: a request of that name that was put in its place is not', async (t) => {
  const { expect, ask, log, decisions } = begin();
  expect();
  ask(csr, { request: bad });
  t.is((await log.when('certificate request could not be decided')).fields['code'], 'CSR_REPLACED');
  t.deepEqual(decisions, []);
});

test('an approval whose answer was lost is not repeated', async (t) => {
  const { expect, ask, log, decisions } = begin();
  expect();
  ask(csr, { status: { conditions: [{ type: 'Approved' }] } });
  await log.when('certificate request approved');
  t.deepEqual(decisions, []);
});

test('it settles with the signal, in the middle of a decision too, and says nothing more', async (t) => {
  const { expect, ask, failures, closing, approver, log } = begin();
  failures.push(problem('API_UNREACHABLE', 'ECONNREFUSED'));
  expect();
  ask(csr);
  closing.abort();
  await approver.done;
  await new Promise(setImmediate);
  t.deepEqual(
    log.records.filter(({ level }) => level === 'error'),
    [],
  );
});
