import test from 'ava';
import { k3sFileName, k3sVersionPattern, parseK3sRecord, pinnedK3sVersion } from '../../../config/k3s-release.ts';

const file = { name: 'k3s-arm64', arch: 'arm64', kind: 'binary', bytes: 3, sha256: 'a'.repeat(64) };
const written = (change: object): string =>
  JSON.stringify({ version: 'v1.34.2+k3s1', files: [{ ...file, ...change }] });

test('a record is read as it was written', (t) => {
  t.deepEqual(parseK3sRecord(written({})), { ok: true, value: { version: 'v1.34.2+k3s1', files: [file] } } as never);
});

for (const [what, text] of Object.entries({
  'no JSON': 'x',
  empty: '',
  'a name that leads elsewhere': written({ name: '../../etc/shadow' }),
  'a name that is a folder': written({ name: '..' }),
  'no sum': written({ sha256: 'abc' }),
  'an unknown architecture': written({ arch: 'riscv64' }),
  'more than there should be': written({ more: 1 }),
})) {
  test(`a damaged record: ${what}`, (t) => {
    t.like(parseK3sRecord(text), { ok: false, error: { code: 'K3S_RECORD' } });
  });
}

test('versions are names of folders', (t) => {
  for (const good of [pinnedK3sVersion, 'v1.33.0-rc1+k3s2']) t.regex(good, k3sVersionPattern);
  for (const bad of ['1.34.2', 'v1.34', 'v1.34.2/../x', 'v1.34.2 ', '..', 'latest']) t.notRegex(bad, k3sVersionPattern);
});

test('both kinds of an architecture have names of their own', (t) => {
  t.is(k3sFileName('armhf', 'binary'), 'k3s-armhf');
  t.is(k3sFileName('armhf', 'images'), 'k3s-airgap-images-armhf.tar.zst');
});
