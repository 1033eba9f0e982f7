/** Published images as the usual programs pack them, whole and damaged, and what is refused. */
import { copyFile, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { must } from '../../config/result.ts';
import { type ImportProgress, importBase } from '../../image-builder/index.ts';
import { fillerBytes } from '../support/images.ts';
import { mebi, names, packed, place, problemOf, run, sha256, signal } from './image-import-fixture.ts';

for (const [packing, pack] of Object.entries(packed)) {
  test(`as ${packing}: told by its content, byte for byte, with both sums`, async (t) => {
    const { directory, bases, image, bytes } = await place(t);
    const file = await pack(image);
    // Its name says nothing.
    const download = join(directory, 'download');
    await rename(file, download);
    const seen: ImportProgress[] = [];
    const onProgress = (progress: ImportProgress): void => void seen.push(progress);
    const base = must(await importBase({ file: download, directory: bases, signal, onProgress, name: 'mine' }));
    t.teardown(base.close);
    t.false(base.known);
    t.true(bytes.equals(await readFile(join(base.directory, 'base.img'))));
    const whole = await readFile(download);
    t.like(base, {
      name: 'mine',
      bytes: bytes.length,
      sha256: sha256(bytes),
      format: 'cloud-init',
      flavour: 'raspberry-pi-os',
      published: { name: 'download', bytes: whole.length, sha256: sha256(whole), packing },
      checked: undefined,
    });
    t.deepEqual(seen.at(-1), { phase: 'unpacking', taken: whole.length, total: whole.length, written: bytes.length });
    t.is(
      seen.some(({ phase }) => phase === 'checking'),
      packing !== 'none',
    );
    const again = must(await importBase({ file: download, directory: bases, signal }));
    t.teardown(again.close);
    t.true(again.known);
    t.deepEqual(await names(bases), [base.id]);
  });

  if (packing === 'none') continue;
  test(`as ${packing}: cut short anywhere, or with a byte changed, it is refused and nothing stays`, async (t) => {
    const { directory, bases, image } = await place(t);
    const whole = await readFile(await pack(image));
    const file = join(directory, 'broken');
    for (const length of [40, Math.floor(whole.length / 3), whole.length - 5]) {
      await writeFile(file, whole.subarray(0, length));
      const { code, detail } = await problemOf({ file, directory: bases });
      t.is(code, 'BASE_TRUNCATED', `${length} of ${whole.length}: ${detail}`);
      t.regex(detail, /^\S+broken .*fetch it again$/);
    }
    const flipped = Buffer.from(whole);
    flipped[whole.length >> 1] = (flipped[whole.length >> 1] ?? 0) ^ 0x10;
    await writeFile(file, flipped);
    t.regex((await problemOf({ file, directory: bases })).code, /^BASE_(CORRUPT|TRUNCATED)$/);
    t.deepEqual(await names(bases).catch(() => []), []);
  });
}

test('a base from before systems were recognised is recognised by adding it again, and keeps its name', async (t) => {
  const { bases, image } = await place(t);
  const file = await packed.xz(image);
  const first = must(await importBase({ file, directory: bases, signal, name: 'mine' }));
  t.teardown(first.close);
  const record = join(first.directory, 'base.json');
  const whole = await readFile(record, 'utf8');
  const { held: _, found, flavour, ...before } = JSON.parse(whole);
  await writeFile(record, JSON.stringify(before));
  const again = must(await importBase({ file, directory: bases, signal }));
  t.teardown(again.close);
  t.like(again, { known: false, name: 'mine', found, flavour });
  t.is(await readFile(record, 'utf8'), whole);
  t.deepEqual(await names(bases), [again.id]);
  const known = must(await importBase({ file, directory: bases, signal }));
  t.teardown(known.close);
  t.true(known.known);
});

test('zstd of many frames, and xz of many streams, are one image', async (t) => {
  const { directory, bases, image, bytes } = await place(t);
  const [front, back] = [join(directory, 'front'), join(directory, 'back')];
  await writeFile(front, bytes.subarray(0, 3 * mebi));
  await writeFile(back, bytes.subarray(3 * mebi));
  await rm(image);
  for (const [program, ending] of [
    ['zstd', 'zst'],
    ['xz', 'xz'],
    ['gzip', 'gz'],
  ] as const) {
    await run(program, ['-q', '-k', front]);
    await run(program, ['-q', '-k', back]);
    // A frame to be skipped, as pzstd writes it, between the two.
    const skipped = program === 'zstd' ? Buffer.from('502a4d180400000001020304', 'hex') : Buffer.alloc(0);
    const parts = [skipped, await readFile(`${front}.${ending}`), skipped, await readFile(`${back}.${ending}`)];
    await writeFile(`${image}.${ending}`, Buffer.concat(parts));
    const base = must(await importBase({ file: `${image}.${ending}`, directory: bases, signal }));
    await base.close();
    t.is(base.sha256, sha256(bytes), program);
  }
});

test('a checksum that is given, or lies beside it, of the download or of the image', async (t) => {
  const { directory, bases, image, bytes } = await place(t);
  const file = await packed.xz(image);
  const [download, inside] = [sha256(await readFile(file)), sha256(bytes)];
  const checked = async (given?: string): Promise<unknown> => {
    const result = await importBase({ file, directory: bases, signal, ...(given && { sha256: given }) });
    await rm(bases, { recursive: true, force: true });
    if (result.ok) await result.value.close();
    return result.ok ? (result.value.checked ?? 'unchecked') : result.error.code;
  };
  t.is(await checked(), 'unchecked');
  t.deepEqual(await checked(download.toUpperCase()), { of: 'published', from: '--sha256' });
  t.deepEqual(await checked(inside), { of: 'image', from: '--sha256' });
  t.is(await checked('0'.repeat(64)), 'BASE_CHECKSUM');
  const list = join(directory, 'SHA256SUMS');
  await writeFile(list, `${'1'.repeat(64)}  other.img.xz\n${inside} *small.img\n`);
  t.deepEqual(await checked(), { of: 'image', from: 'SHA256SUMS' });
  await writeFile(`${file}.sha256`, `${download}  small.img.xz\n`);
  t.deepEqual(await checked(), { of: 'published', from: 'small.img.xz.sha256' });
  await writeFile(`${file}.sha256`, `${'2'.repeat(64)}  small.img.xz\n`);
  t.is(await checked(), 'BASE_CHECKSUM');
  t.deepEqual(await checked(download), { of: 'published', from: '--sha256' }, 'what is given comes first');
  await writeFile(`${file}.sha256`, '<html>not found</html>');
  t.is(await checked(), 'BASE_CHECKSUM');
  const wrong = await problemOf({ file, directory: bases, sha256: '3'.repeat(64) });
  for (const sum of [download, inside, '3'.repeat(64)]) t.true(wrong.detail.includes(sum), wrong.detail);
  t.deepEqual(await names(bases), []);
});

test('what is no image of a Pi’s card is refused by name, and leaves nothing', async (t) => {
  const { directory, bases, image } = await place(t);
  const refused = async (name: string, bytes: Uint8Array): Promise<string> => {
    await writeFile(join(directory, name), bytes);
    const { code, detail } = await problemOf({ file: join(directory, name), directory: bases });
    return `${code} ${detail}`;
  };
  const iso = Buffer.alloc(2 * mebi);
  iso.write('CD001', 32_769);
  t.regex(await refused('debian.iso', iso), /^BASE_NOT_PI .*debian\.iso is an ISO image/);
  await writeFile(join(directory, 'inner'), 'a file');
  await run('tar', ['-cJf', join(directory, 'root.tar.xz'), '-C', directory, 'inner']);
  const tar = await problemOf({ file: join(directory, 'root.tar.xz'), directory: bases });
  t.regex(`${tar.code} ${tar.detail}`, /^BASE_NOT_PI .*root\.tar\.xz holds a tar archive/);
  await run('gzip', ['-k', join(directory, 'root.tar.xz')]);
  const nested = await problemOf({ file: join(directory, 'root.tar.xz.gz'), directory: bases });
  t.regex(`${nested.code} ${nested.detail}`, /^BASE_ARCHIVE .*packed once more.* as xz/);
  t.regex(
    await refused('page.img', Buffer.from('<!DOCTYPE html><title>404</title>')),
    /^BASE_NOT_PI .*a web page.*fetch it again/,
  );
  t.regex(await refused('old.img.bz2', Buffer.from('BZh91AY&SY')), /^BASE_NOT_PI .*unpack it first \(bunzip2\)/);
  t.regex(await refused('empty.img', new Uint8Array(0)), /^BASE_SIZE .*empty/);
  t.regex(await refused('noise.img', fillerBytes('noise', mebi)), /^PARTITION_NO_TABLE .*noise\.img/);
  t.regex(await refused('zeros.img', new Uint8Array(mebi)), /^PARTITION_NO_TABLE/);
  const ext4 = join(directory, 'root.ext4');
  await run('mke2fs', ['-q', '-F', '-t', 'ext4', ext4, '4m']);
  t.regex(await refused('root.ext4', await readFile(ext4)), /^BASE_NOT_PI .*a single ext4 file system/);
  const bytes = await readFile(image);
  t.regex(
    await refused('odd.img', bytes.subarray(0, bytes.length - 7)),
    /^BASE_TRUNCATED .*no whole number of sectors/,
  );
  t.regex(
    await refused('half.img', bytes.subarray(0, 5 * mebi)),
    /^BASE_TRUNCATED .*partition 2 ends at byte 6291456, the image at 5242880/,
  );
  t.is((await problemOf({ file: join(directory, 'nothing'), directory: bases })).code, 'IMAGE_IO');
  t.is((await problemOf({ file: directory, directory: bases })).code, 'BASE_NOT_PI');
  t.deepEqual(await names(bases).catch(() => []), []);
});

test('a truncated image inside a whole archive is told by its partitions', async (t) => {
  const { bases, image } = await place(t);
  await truncate(image, 5 * mebi);
  const file = await packed.gzip(image);
  const { code, detail } = await problemOf({ file, directory: bases });
  t.is(code, 'BASE_TRUNCATED', detail);
  t.deepEqual(await names(bases), []);
});

test('zips that are not one image', async (t) => {
  const { directory, bases, image } = await place(t);
  const zipped = async (name: string, args: readonly string[]): Promise<string> => {
    await run('zip', ['-q', '-j', '-1', join(directory, name), ...args]);
    const { code, detail } = await problemOf({ file: join(directory, name), directory: bases });
    return `${code} ${detail}`;
  };
  const other = join(directory, 'other.img');
  await copyFile(image, other);
  await writeFile(join(directory, 'start.elf'), 'firmware');
  await writeFile(join(directory, 'small.img.xz'), 'not looked at');
  t.regex(await zipped('two.zip', [image, other]), /^BASE_ARCHIVE .*several images \(small\.img, other\.img\)/);
  t.regex(await zipped('noobs.zip', [join(directory, 'start.elf')]), /^BASE_ARCHIVE .*holds no \.img but start\.elf/);
  t.regex(await zipped('nested.zip', [join(directory, 'small.img.xz')]), /^BASE_ARCHIVE .*packed once more/);
  t.regex(await zipped('secret.zip', ['-P', 'raspberry', image]), /^BASE_ARCHIVE .*encrypted/);
  const claims = join(directory, 'claims.zip');
  await run('zip', ['-q', '-j', '-1', claims, image]);
  const bytes = await readFile(claims);
  const entry = bytes.indexOf(Buffer.from('504b0102', 'hex'));
  bytes.writeUInt32LE(bytes.readUInt32LE(entry + 24) - 512, entry + 24);
  await writeFile(claims, bytes);
  const lie = await problemOf({ file: claims, directory: bases });
  t.regex(`${lie.code} ${lie.detail}`, /^BASE_(CORRUPT .*larger than the|TRUNCATED)/);
  t.deepEqual(await names(bases).catch(() => []), []);
});

test('an image that does not fit the disk is refused before it is written, and a bomb while it is', async (t) => {
  const { directory, image } = await place(t);
  const large = join(directory, 'large.img');
  await copyFile(image, large);
  await truncate(large, 4096 * mebi);
  // The same, where its size cannot be known before.
  const bomb = join(directory, 'bomb.gz');
  await truncate(image, 600 * mebi);
  await run('sh', ['-c', `gzip -1 < ${image} > ${bomb}`]);
  const mounted = join(directory, 'mounted');
  await mkdir(mounted);
  const script = 'mount -t tmpfs -o size=96m tmpfs "$1"; exec "$2" "$3" "$1/bases" 0 "$4" "$5"';
  const child = new URL('./image-import-child.ts', import.meta.url).pathname;
  const inside = ['--user', '--map-root-user', '--mount', 'sh', '-ec', script, 'sh'];
  const { stdout } = await run('unshare', [...inside, mounted, process.execPath, child, large, bomb]);
  const { results, left } = JSON.parse(stdout);
  t.like(results, [{ code: 'BASE_NO_ROOM' }, { code: 'BASE_NO_ROOM' }]);
  t.regex(
    results[0].detail,
    /needs 4096 MiB in \S+bases, where \d\d MiB can be had \(64 MiB are left for the database\): make room/,
  );
  t.deepEqual(left, []);
});

const layouts = [
  ['dos', 16, 1],
  ['dos', 32, 1],
  ['gpt', 16, 34],
  ['gpt', 32, 34],
] as const;
for (const [table, fat, held] of layouts) {
  test(`${table === 'dos' ? 'an MBR' : 'a GPT'} with a FAT${fat}, as sfdisk and mkfs.vfat make them`, async (t) => {
    const { bases, image } = await place(t, { table, fat });
    const base = must(await importBase({ file: image, directory: bases, signal }));
    t.teardown(base.close);
    t.like(base, { held, label: 'bootfs', format: 'cloud-init', bootPartition: { number: 1, offset: mebi } });
    t.is(base.boot.geometry.type, fat);
  });
}

test('boot partitions that are none', async (t) => {
  const { directory, bases } = await place(t);
  const make = async (name: string, table: string, fat: readonly string[]): Promise<string> => {
    const file = join(directory, name);
    await writeFile(file, '');
    await truncate(file, 20 * mebi);
    const sfdisk = run('sfdisk', ['-q', file]);
    sfdisk.child.stdin?.end(table);
    await sfdisk;
    if (fat.length > 0) await run('mkfs.vfat', [...fat, '--offset', '2048', file, '16384']);
    return (await problemOf({ file, directory: bases })).code;
  };
  const gpt = 'label: gpt\nstart=2048,size=32768,type=U\n';
  t.is(await make('nothing-on-it.img', gpt, ['-F', '16', '-s', '1']), 'BASE_NOT_PI');
  t.is(await make('unformatted.img', gpt, []), 'FAT_NOT_FAT');
  t.is(await make('fat12.img', 'label: dos\nstart=2048,type=c\n', ['-F', '12', '-s', '16']), 'FAT_IS_FAT12');
  t.is(await make('linux.img', 'label: dos\nstart=2048,type=83\n', []), 'PARTITION_NO_BOOT');
  t.deepEqual(await names(bases), []);
});
