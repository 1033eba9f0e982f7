import test from 'ava';
import fc from 'fast-check';
import { ImageError } from '../../../../image-builder/errors.ts';
import { newSlots, parseDirectory } from '../../../../image-builder/fat/directory.ts';
import { aliasFor, checkName, exactShort, shortChecksum, shortText } from '../../../../image-builder/fat/names.ts';

const text = (raw: Uint8Array | undefined): string | undefined =>
  raw === undefined ? undefined : Buffer.from(raw).toString('latin1');

test('8.3 names as they stand', (t) => {
  t.is(text(exactShort('KERNEL8.IMG')), 'KERNEL8 IMG');
  t.is(text(exactShort('README')), 'README     ');
  for (const name of ['kernel8.img', 'TOOLONGNAME', 'A.B.C', '.HIDDEN', 'A.LONG', 'A B', '']) {
    t.is(exactShort(name), undefined, name);
  }
});

test('aliases keep what fits and number what does not', (t) => {
  t.is(text(aliasFor('config.txt', new Set())), 'CONFIG  TXT');
  t.is(text(aliasFor('network-config', new Set())), 'NETWOR~1   ');
  t.is(text(aliasFor('network-config', new Set(['NETWOR~1', 'NETWOR~2']))), 'NETWOR~3   ');
  t.is(text(aliasFor('config.txt', new Set(['CONFIG.TXT']))), 'CONFIG~1TXT');
  t.is(text(aliasFor('.profile', new Set())), 'PROFIL~1   ');
  t.is(text(aliasFor('überall.dtbo', new Set())), '_BERAL~1DTB');
  t.is(text(aliasFor('a.b.c', new Set())), 'AB~1    C  ');
});

test('the checksum of an 8.3 name, as mtools 4.0 wrote it before overlay-with-a-long-name.dtbo', (t) => {
  t.is(shortChecksum(Buffer.from('OVERLA~1DTB', 'latin1')), 0x9a);
});

test('Windows NT case bits and the stand-in for 0xE5', (t) => {
  t.is(shortText(Buffer.from('CONFIG  TXT', 'latin1'), 0x18), 'config.txt');
  t.is(shortText(Buffer.from('CONFIG  TXT', 'latin1'), 0x08), 'config.TXT');
  t.is(shortText(Buffer.from('\u0005ABC       ', 'latin1'), 0), '\u00e5ABC');
});

test('names that no reader could show are refused', (t) => {
  for (const name of [
    '',
    'a:b',
    'a*',
    'a?',
    'a"b',
    'a<b',
    'a|b',
    'a\\b',
    'a\u0001',
    'dot.',
    'space ',
    ' space',
    'x'.repeat(256),
    '\ud800',
  ]) {
    const error = t.throws(() => checkName(name), { instanceOf: ImageError });
    t.is(error?.code, 'FAT_BAD_NAME', JSON.stringify(name));
  }
  t.notThrows(() => checkName('x'.repeat(255)));
});

test('slots of any legal name read back as that name', (t) => {
  const empty = { entries: [], label: undefined, end: 0 };
  const char = fc.constantFrom(...'abcXYZ019-_.~ äß漢😀+,;=[]');
  const legal = fc.string({ unit: char, minLength: 1, maxLength: 100 }).filter((name) => !/^[ .]|[. ]$/.test(name));
  const property = fc.property(legal, fc.boolean(), fc.nat(0xffff_ffff), (name, isDirectory, size) => {
    const slots = newSlots(name, isDirectory, { firstCluster: 0x0012_3456, size: isDirectory ? 0 : size }, empty);
    const { entries, end } = parseDirectory(slots, 32);
    t.is(end, slots.length);
    t.like(entries, [{ name, isDirectory, firstCluster: 0x0012_3456, size: isDirectory ? 0 : size, start: 0 }]);
  });
  fc.assert(property);
});

test('any bytes parse as a directory without an exception', (t) => {
  const property = fc.property(fc.uint8Array({ minLength: 0, maxLength: 2048 }), (bytes) => {
    const listing = parseDirectory(bytes, 16);
    t.true(listing.end <= bytes.length);
    t.true(listing.entries.every((entry) => entry.start <= entry.slot && entry.slot + 32 <= bytes.length));
  });
  fc.assert(property, { numRuns: 300 });
});

test('long-name slots that do not belong to the next 8.3 entry are passed over', (t) => {
  const empty = { entries: [], label: undefined, end: 0 };
  const slots = newSlots('a long name that is long.txt', false, { firstCluster: 0, size: 0 }, empty);
  slots[slots.length - 32] = 'X'.charCodeAt(0);
  const [entry] = parseDirectory(slots, 16).entries;
  t.is(entry?.name, 'XLONGN~1.TXT');
  t.is(entry?.start, slots.length - 32);
});
