import test from 'ava';
import { must, ok, problem } from '../../../config/result.ts';
import { instant, minutes, parseDeviceId, parseHostname } from '../../../config/values.ts';
import type { KubeRequest } from '../../../daemon/join/cluster-port.ts';
import { mintToken, randomText, revokeTokens, tokenSecret } from '../../../daemon/join/tokens.ts';

const device = must(parseDeviceId('d-0123456789ab'));
const name = must(parseHostname('worker-kube1'));
const signal = new AbortController().signal;

test('every character of the alphabet is equally likely, and no other occurs', (t) => {
  // All byte values once: 252 of them count, seven per character.
  const everyByte = { bytes: () => Uint8Array.from({ length: 256 }, (_, value) => value) };
  const text = randomText(everyByte, 252);
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  t.regex(text, /^[a-z0-9]{252}$/);
  t.is(counts.size, 36);
  t.deepEqual([...new Set(counts.values())], [7]);
});

test('the Secret is as facts 2.2 have it', (t) => {
  const secret = tokenSecret(
    { id: 'abcdef', secret: '0123456789abcdef' },
    { device, run: 'r1', name, groups: 'system:bootstrappers:kubeadm:default-node-token', lifetime: minutes(10) },
    new Date('2026-11-23T10:00:00.123Z'),
  );
  t.deepEqual(secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'bootstrap.kubernetes.io/token',
    metadata: {
      name: 'bootstrap-token-abcdef',
      namespace: 'kube-system',
      labels: { 'bramble.dev/device': device, 'bramble.dev/run': 'r1' },
    },
    stringData: {
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      expiration: '2026-11-23T10:00:00Z',
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
      description: 'bramble: worker-kube1',
    },
  });
});

test('a token that could not be made is a problem', async (t) => {
  const request: KubeRequest = async () => problem('API_FORBIDDEN', '403');
  const deps = {
    request,
    random: { bytes: (length: number) => new Uint8Array(length) },
    clock: { now: () => instant(0), sleep: async () => undefined },
  };
  const made = await mintToken(deps, { device, run: 'r1', name, groups: 'g', lifetime: minutes(1) }, signal);
  t.is(made.ok ? '' : made.error.code, 'API_FORBIDDEN');
});

test("revoking deletes this board's tokens, by name, and nothing that is not a token", async (t) => {
  const calls: string[] = [];
  const items = ['bootstrap-token-aaaaaa', 'other', '../x', 'bootstrap-token-bbbbbb'].map((secret) => ({
    metadata: { name: secret },
  }));
  const request: KubeRequest = async (method, path) => {
    calls.push(`${method} ${path}`);
    if (method === 'GET') return ok({ items });
    return path.endsWith('bbbbbb') ? problem('API_NOT_FOUND', 'expired meanwhile') : ok({});
  };
  t.deepEqual(await revokeTokens(request, device, signal), ok(2));
  t.deepEqual(calls, [
    'GET /api/v1/namespaces/kube-system/secrets?labelSelector=bramble.dev%2Fdevice%3Dd-0123456789ab',
    'DELETE /api/v1/namespaces/kube-system/secrets/bootstrap-token-aaaaaa',
    'DELETE /api/v1/namespaces/kube-system/secrets/bootstrap-token-bbbbbb',
  ]);
});
