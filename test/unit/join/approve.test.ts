import { execFileSync } from 'node:child_process';
import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../config/result.ts';
import { parseHostname } from '../../../config/values.ts';
import { type CertificateRequest, judgeRequest } from '../../../daemon/join/approve.ts';
import { readPkcs10 } from '../../../daemon/join/pkcs10.ts';

/** By openssl, as a kubelet's crypto/x509 would make it: base64 over PEM. */
function request(subject: string, ...extra: readonly string[]): string {
  const kind = extra.includes('-newkey') ? [] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const key = [...kind, '-nodes', '-keyout', '/dev/null'];
  const pem = execFileSync('openssl', ['req', '-new', ...key, '-subj', subject, ...extra], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return pem.toString('base64');
}

const good = request('/O=system:nodes/CN=system:node:worker-kube1');
const expected = { tokenId: 'abcdef', name: must(parseHostname('worker-kube1')), approved: undefined };
const csr: CertificateRequest = {
  name: 'node-csr-1',
  uid: 'u-1',
  username: 'system:bootstrap:abcdef',
  signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
  usages: ['digital signature', 'client auth'],
  request: good,
  decided: false,
};

const verdict = (change: Partial<CertificateRequest>, approved?: string): string => {
  const judged = judgeRequest({ ...csr, ...change }, { ...expected, approved });
  return judged.decision === 'deny' ? judged.reason : judged.decision;
};

for (const [what, change] of [
  ['as it should be', {}],
  ['with RSA: key encipherment', { usages: ['key encipherment', 'digital signature', 'client auth'] }],
  ['the subject the other way round', { request: request('/CN=system:node:worker-kube1/O=system:nodes') }],
  ['an RSA key', { request: request('/O=system:nodes/CN=system:node:worker-kube1', '-newkey', 'rsa:2048') }],
] as const) {
  test(`approved: ${what}`, (t) => {
    t.is(verdict(change), 'approve');
  });
}

for (const [what, change] of [
  ["another board's token", { username: 'system:bootstrap:zzzzzz' }],
  ['a node that has its certificate already', { username: 'system:node:worker-kube1' }],
  ['decided already', { decided: true }],
] as const) {
  test(`not ours: ${what}`, (t) => {
    t.is(verdict(change), 'not-ours');
  });
}

const subject = /^subject /;
const unreadable = /cannot be read|not exactly one/;
const pemOf = (base64: string): string => Buffer.from(base64, 'base64').toString();
const der = (base64: string): Buffer => Buffer.from(pemOf(base64).replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
const wrap = (text: string): string => Buffer.from(text).toString('base64');
for (const [what, change, reason] of [
  ['the name of another node', { request: request('/O=system:nodes/CN=system:node:worker-kube2') }, subject],
  ['a name without its prefix', { request: request('/O=system:nodes/CN=worker-kube1') }, subject],
  ['a name that only begins like it', { request: request('/O=system:nodes/CN=system:node:worker-kube11') }, subject],
  ['an administrator', { request: request('/O=system:masters/CN=system:node:worker-kube1') }, subject],
  [
    'one more organisation',
    { request: request('/O=system:nodes/O=system:masters/CN=system:node:worker-kube1') },
    subject,
  ],
  ['a second name', { request: request('/O=system:nodes/CN=system:node:worker-kube1/CN=kubernetes-admin') }, subject],
  [
    'two values in one part',
    { request: request('/O=system:nodes+O=system:masters/CN=system:node:worker-kube1', '-multivalue-rdn') },
    subject,
  ],
  ['an attribute more', { request: request('/O=system:nodes/OU=x/CN=system:node:worker-kube1') }, subject],
  ['no organisation', { request: request('/CN=system:node:worker-kube1') }, subject],
  [
    'an alternative name',
    { request: request('/O=system:nodes/CN=system:node:worker-kube1', '-addext', 'subjectAltName=DNS:kubernetes') },
    /alternative/,
  ],
  [
    'an alternative address',
    { request: request('/O=system:nodes/CN=system:node:worker-kube1', '-addext', 'subjectAltName=IP:10.0.0.1') },
    /alternative/,
  ],
  ['another signer', { signerName: 'kubernetes.io/kube-apiserver-client' }, /^signer/],
  ['a serving certificate', { usages: ['digital signature', 'key encipherment', 'server auth'] }, /^usages/],
  ['a usage more', { usages: ['digital signature', 'client auth', 'server auth'] }, /^usages/],
  ['a usage less', { usages: ['client auth'] }, /^usages/],
  ['no request', { request: '' }, unreadable],
  ['two requests', { request: wrap(pemOf(good) + pemOf(good)) }, unreadable],
  ['something before the request', { request: wrap(`x\n${pemOf(good)}`) }, unreadable],
  ['a certificate', { request: wrap(pemOf(good).replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE')) }, unreadable],
  [
    'bytes after the request',
    {
      request: wrap(
        `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.concat([der(good), Buffer.of(0)]).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`,
      ),
    },
    unreadable,
  ],
] as const) {
  test(`denied: ${what}`, (t) => {
    t.regex(verdict(change), reason);
  });
}

test('one certificate per token', (t) => {
  t.is(verdict({}, 'u-1'), 'approve', 'the same request again');
  t.is(verdict({}, 'u-0'), 'this token has had its certificate');
});

test('a damaged byte makes nothing throw', (t) => {
  const original = der(good);
  fc.assert(
    fc.property(fc.nat(original.length - 1), fc.nat(255), (at, value) => {
      const damaged = Buffer.from(original);
      damaged[at] = value;
      const read = readPkcs10(damaged);
      t.is(typeof read.ok, 'boolean');
    }),
    { numRuns: 2000 },
  );
});
