import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { readKubeconfig, renderKubeconfig } from '../../../../cli/cluster/kubeconfig.ts';
import { must } from '../../../../config/result.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const whole = {
  server: 'https://127.0.0.1:6443/',
  ca: { 'certificate-authority-data': base64('CA') },
  user: { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') },
};

async function read(t: ExecutionContext, parts: { server: string; ca: object; user: object } | string) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-kubeconfig-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'ca.pem'), 'CA of a file');
  const { server, ca, user } = typeof parts === 'string' ? whole : parts;
  const text = stringify({
    'current-context': 'b',
    clusters: [{ name: 'x', cluster: { server, ...ca } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'b', context: { cluster: 'x', user: 'u' } }],
  });
  const file = join(folder, 'config');
  await writeFile(file, typeof parts === 'string' ? parts : text);
  return await readKubeconfig(file);
}

test('as k3s and kubeadm write it', async (t) => {
  const access = { server: 'https://127.0.0.1:6443', ca: 'CA', cert: 'CERT', key: 'KEY' };
  t.deepEqual(must(await read(t, whole)), access);
});

test('a token, and an authority in a file beside it', async (t) => {
  const got = await read(t, { ...whole, ca: { 'certificate-authority': 'ca.pem' }, user: { token: 'secret' } });
  t.deepEqual(must(got), { server: 'https://127.0.0.1:6443', ca: 'CA of a file', token: 'secret' });
});

const wrong = [
  ['no YAML', '{secret-key', /is no kubeconfig$/],
  ['something else', 'a: secret-key', /is no kubeconfig$/],
  ['no authority', { ...whole, ca: {} }, /no certificate authority/],
  ['nobody checks the server', { ...whole, ca: { 'insecure-skip-tls-verify': true } }, /no certificate authority/],
  ['a plugin', { ...whole, user: { exec: { command: 'rm' } } }, /plugins are not run/],
  ['a certificate without key', { ...whole, user: { 'client-certificate-data': 'eA==' } }, /neither a token nor/],
  ['plain HTTP', { ...whole, server: 'http://127.0.0.1:8080' }, /not https/],
  ['a file that is not there', { ...whole, ca: { 'certificate-authority': '/nowhere' } }, /ENOENT/],
] as const;
for (const [what, parts, detail] of wrong) {
  test(`refused: ${what}`, async (t) => {
    const got = await read(t, parts);
    t.regex(got.ok ? '' : got.error.detail, detail);
    t.notRegex(got.ok ? '' : got.error.detail, /secret/, 'what is in it is not told');
  });
}

test('what is written is read again', async (t) => {
  const access = { server: 'https://10.77.0.1:6443', ca: 'CA\n', token: 'abc' };
  t.deepEqual(must(await read(t, renderKubeconfig('bramble', access))), access);
});
