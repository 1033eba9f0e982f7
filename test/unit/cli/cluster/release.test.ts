import test from 'ava';
import fc from 'fast-check';
import { checkBeginning, parseSums, releaseUrl, versionGap, wantedNamed } from '../../../../cli/cluster/release.ts';

const sum = 'ab'.repeat(32);

test('lists of sums, as sha256sum writes them and as releases have them', (t) => {
  const text = `${sum}  k3s\n${sum.toUpperCase()} *./dist/k3s-arm64\r\nnot a sum  x\n\n${sum}\n`;
  t.deepEqual(
    [...parseSums(text)],
    [
      ['k3s', sum],
      ['k3s-arm64', sum],
    ],
  );
});

test('no list makes it throw', (t) => {
  fc.assert(fc.property(fc.string(), (text) => parseSums(text).size <= text.split('\n').length));
  t.pass();
});

test('a version has a plus, which a server may take for a space', (t) => {
  t.is(releaseUrl('https://host/download/', 'v1.34.2+k3s1', 'k3s'), 'https://host/download/v1.34.2%2Bk3s1/k3s');
});

test('published names', (t) => {
  t.deepEqual(wantedNamed('k3s'), { arch: 'amd64', kind: 'binary' });
  t.deepEqual(wantedNamed('k3s-airgap-images-arm.tar.zst'), { arch: 'armhf', kind: 'images' });
  t.is(wantedNamed('k3s-arm'), undefined);
});

const elf = (bits: number, machine: number, order = 1): Uint8Array =>
  Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, bits, order, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, machine, 0);
const beginnings = [
  ['arm64', elf(2, 183), true],
  ['armhf', elf(1, 40), true],
  ['amd64', elf(2, 62), true],
  ['arm64', elf(2, 62), false],
  ['arm64', elf(1, 40), false],
  ['armhf', elf(1, 40, 2), false],
  ['arm64', Buffer.from('<!DOCTYPE html>'), false],
  ['arm64', new Uint8Array(), false],
] as const;
for (const [arch, begin, fits] of beginnings) {
  test(`a program that begins ${Buffer.from(begin).toString('hex')} runs on ${arch}: ${fits}`, (t) => {
    t.is(checkBeginning(begin, { arch, kind: 'binary' }).ok, fits);
  });
}

test('images are a zstd archive', (t) => {
  t.true(checkBeginning(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 4), { arch: 'arm64', kind: 'images' }).ok);
  t.false(checkBeginning(Uint8Array.of(0x1f, 0x8b), { arch: 'arm64', kind: 'images' }).ok);
});

test('boards run what their server runs', (t) => {
  t.is(versionGap('v1.34.2+k3s1', 'v1.34.2+k3s1'), undefined);
  t.is(versionGap('v1.34.2', 'v1.34.2+k3s1'), undefined, 'another distribution');
  t.regex(versionGap('v1.33.4+k3s1', 'v1.34.2+k3s1') ?? '', /write cluster: \{version: v1\.33\.4\+k3s1\}/);
});
