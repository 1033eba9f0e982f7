import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import test from 'ava';
import { parse } from 'yaml';
import { must, ok, problem } from '../../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4 } from '../../../config/values.ts';
import type { RunResult, SshSession } from '../../../daemon/join/driver.ts';
import { caCertHashes, kubeadmDriver, renderJoinConfiguration } from '../../../daemon/join/kubeadm.ts';

import { stepContext } from './step-context.ts';

const config = { apiServerEndpoint: '192.168.1.2:6443', caCertHashes: [`sha256:${'ab'.repeat(32)}`] };
const board = {
  id: must(parseDeviceId('d-0123456789ab')),
  name: must(parseHostname('worker-kube1')),
  address: must(parseIpv4('192.168.1.201')),
  fixedAddress: true,
  hostKeys: [],
  nodePassword: 'ab'.repeat(16),
  serials: [],
  labels: { 'bramble.dev/model': 'pi4' },
};
const token = { id: 'abcdef', secret: '0123456789abcdef' };

/** Answers by rule, and writes down what was asked of it. */
function recordingSession(answers: { state: string; join?: Partial<RunResult>; joinBreaks?: boolean }) {
  const calls: string[] = [];
  const session: SshSession = {
    run: async (program, args) => {
      calls.push(program === 'sh' ? 'probe' : [program, ...args].join(' '));
      if (program === 'sh') return ok({ code: 0, stdout: `${answers.state}\n`, stderr: '' });
      if (program === 'kubeadm' && args[0] === 'join') {
        if (answers.joinBreaks) return problem('SSH_CLOSED', 'gone');
        return ok({ code: 0, stdout: '', stderr: '', ...answers.join });
      }
      return ok({ code: 0, stdout: '', stderr: '' });
    },
    putFile: async (path, content, mode) => {
      calls.push(`put ${path} ${mode.toString(8)} ${content.includes(token.secret) ? 'token' : ''}`);
      return ok(undefined);
    },
    putBytes: async () => problem('SSH_CLOSED', 'a driver has no bytes to put'),
  };
  return { session, calls };
}

test('the JoinConfiguration', (t) => {
  t.deepEqual(parse(renderJoinConfiguration(config, board, token)), {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'JoinConfiguration',
    discovery: { bootstrapToken: { ...config, token: 'abcdef.0123456789abcdef' } },
    nodeRegistration: {
      name: 'worker-kube1',
      taints: [{ key: 'bramble.dev/quarantine', effect: 'NoSchedule' }],
      kubeletExtraArgs: [
        { name: 'node-ip', value: '192.168.1.201' },
        { name: 'node-labels', value: 'bramble.dev/model=pi4,bramble.dev/device=d-0123456789ab' },
      ],
    },
    timeouts: { discovery: '2m0s', tlsBootstrap: '3m0s' },
  });
});

test('tokens of digits stay text', (t) => {
  const rendered = renderJoinConfiguration(config, board, { id: '123456', secret: '1234567890123456' });
  t.is(parse(rendered).discovery.bootstrapToken.token, '123456.1234567890123456');
});

test('the CA is pinned by its public key, as openssl computes it', (t) => {
  const pem = execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-subj',
      '/CN=kubernetes',
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const spki = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'der'], {
    input: new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'pem' }),
  });
  const hash = `sha256:${createHash('sha256').update(spki).digest('hex')}`;
  t.deepEqual(caCertHashes(pem + pem), [hash, hash]);
});

const removal = 'rm -f /run/bramble/join.yaml';
test('the configuration is written 0600, used, and removed', async (t) => {
  const { session, calls } = recordingSession({ state: 'clean' });
  t.true((await kubeadmDriver(config).join(session, board, token, stepContext)).ok);
  t.deepEqual(calls, ['put /run/bramble/join.yaml 600 token', 'kubeadm join --config /run/bramble/join.yaml', removal]);
});

test('a failed join removes the configuration and keeps the token out of its words', async (t) => {
  const { session, calls } = recordingSession({
    state: 'clean',
    join: { code: 1, stderr: `bad token ${token.secret}` },
  });
  const end = await kubeadmDriver(config).join(session, board, token, stepContext);
  t.deepEqual(end, {
    ok: false,
    error: { code: 'JOIN_FAILED', detail: 'kubeadm join: bad token …', output: 'bad token …' },
  });
  t.is(calls.at(-1), removal);
});

test('a broken connection is what is reported, and the removal was tried', async (t) => {
  const { session, calls } = recordingSession({ state: 'clean', joinBreaks: true });
  const end = await kubeadmDriver(config).join(session, board, token, stepContext);
  t.is(end.ok ? '' : end.error.code, 'SSH_CLOSED');
  t.is(calls.at(-1), removal);
});

for (const [state, steps] of [
  ['absent', [removal, 'probe']],
  ['clean', [removal, 'probe']],
  ['partial', [removal, 'probe', 'kubeadm reset -f']],
  ['joined', [removal, 'probe', 'kubeadm reset -f']],
] as const) {
  test(`leaving when ${state}`, async (t) => {
    const { session, calls } = recordingSession({ state });
    t.true((await kubeadmDriver(config).leave(session, stepContext)).ok);
    t.deepEqual(calls, [...steps]);
  });
}

test('without kubeadm there is nothing to join with; a half join is no join; nonsense is refused', async (t) => {
  const driver = kubeadmDriver(config);
  const absent = await driver.install(recordingSession({ state: 'absent' }).session, board, stepContext);
  t.is(absent.ok ? '' : absent.error.code, 'KUBEADM_MISSING');
  const partial = await driver.verify(recordingSession({ state: 'partial' }).session, board, stepContext);
  t.is(partial.ok ? '' : partial.error.code, 'JOIN_INCOMPLETE');
  const nonsense = await driver.probe(recordingSession({ state: 'bash: welcome!' }).session, stepContext);
  t.is(nonsense.ok ? '' : nonsense.error.code, 'PROBE_FAILED');
});

test('kubelet is bound to an address only where that is the board’s for good', (t) => {
  t.true(renderJoinConfiguration(config, board, token).includes('node-ip'));
  t.false(renderJoinConfiguration(config, { ...board, fixedAddress: false }, token).includes('node-ip'));
});
