import test from 'ava';
import { packingOf, START_BYTES, strangerIn } from '../../../image-builder/strangers.ts';

const start = (...parts: readonly (readonly [at: number, bytes: string])[]): Buffer => {
  const bytes = Buffer.alloc(START_BYTES);
  for (const [at, text] of parts) bytes.write(text, at, 'latin1');
  return bytes;
};
const bootSector = [510, '\x55\xaa'] as const;

test('packings, by their first bytes', (t) => {
  t.is(packingOf(start([0, 'PK\x03\x04'])), 'zip');
  t.is(packingOf(start([0, '\xfd7zXZ\x00'])), 'xz');
  t.is(packingOf(start([0, '\x1f\x8b\x08'])), 'gzip');
  t.is(packingOf(start([0, '\x28\xb5\x2f\xfd'])), 'zstd');
  t.is(packingOf(start([0, '\x5e\x2a\x4d\x18'])), 'zstd', 'a frame to be skipped comes first');
  t.is(packingOf(start(bootSector)), 'none');
  t.is(packingOf(Buffer.from('PK')), 'none');
});

const rows: readonly (readonly [name: string, bytes: Buffer, expected: RegExp | undefined])[] = [
  ['a disk', start(bootSector), undefined],
  ['a disk with an ext4 left behind its table', start(bootSector, [1080, '\x53\xef']), undefined],
  ['ext4', start([1080, '\x53\xef']), /single ext4/],
  ['Btrfs', start([65_600, '_BHRfS_M']), /single Btrfs/],
  ['FAT32', start(bootSector, [82, 'FAT32   ']), /single FAT/],
  ['NTFS', start(bootSector, [3, 'NTFS    ']), /Windows disk/],
  ['an ISO that boots from a stick, too', start(bootSector, [32_769, 'CD001']), /ISO/],
  ['tar', start([257, 'ustar']), /tar archive/],
  ['qcow2', start([0, 'QFI\xfb']), /qemu-img convert/],
  ['a kernel with an EFI stub', start([0, 'MZ'], [56, 'ARMd']), /Linux kernel/],
  ['bzip2', start([0, 'BZh9']), /^bzip2-compressed: unpack it first \(bunzip2\)/],
  ['7-Zip', start([0, '7z\xbc\xaf\x27\x1c']), /7z x/],
  ['a web page', start([0, '<!doctype html>']), /fetch it again/],
  ['three bytes', Buffer.from('abc'), undefined],
  ['nothing', Buffer.alloc(0), undefined],
];
for (const [name, bytes, expected] of rows) {
  test(`${name}: ${expected === undefined ? 'may be an image' : 'is told by name'}`, (t) => {
    const stranger = strangerIn(bytes);
    if (expected === undefined) t.is(stranger, undefined);
    else t.regex(stranger ?? '', expected);
  });
}
