/** Imports that are interrupted, killed, or happen at once; whose files they are, and what they are called. */
import { spawn } from 'node:child_process';
import { mkdir, open, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import test from 'ava';
import { must } from '../../config/result.ts';
import { type ImportProgress, importBase, listBases } from '../../image-builder/index.ts';
import { mebi, names, packed, place, problemOf, run, sha256, signal } from './image-import-fixture.ts';

test('interrupted it goes on where it was: what stands there is compared, not written again', async (t) => {
  const { directory, bases, image, bytes } = await place(t, { fat: 32 });
  const file = await packed.zstd(image);
  const stopped = new AbortController();
  const onProgress = ({ written }: ImportProgress): void => {
    if (written >= 3 * mebi) stopped.abort();
  };
  await t.throwsAsync(importBase({ file, directory: bases, signal: stopped.signal, onProgress }), {
    name: 'AbortError',
  });
  const [left = '', ...more] = await names(bases);
  t.deepEqual(more, []);
  t.regex(left, /^\.import-[0-9a-f]{16}-0-/);
  t.deepEqual((await listBases(bases)).bases, []);
  const partial = join(bases, left, 'base.img');
  t.true((await stat(partial)).size >= 2 * mebi);
  // A byte that a failing card changed is written again, the rest is not: the same file goes on, by its inode.
  const handle = await open(partial, 'r+');
  await handle.write(Buffer.from('spoilt'), 0, 6, mebi + 100);
  await handle.close();
  const { ino } = await stat(partial);
  const base = must(await importBase({ file, directory: bases, signal }));
  t.teardown(base.close);
  t.is((await stat(join(base.directory, 'base.img'))).ino, ino);
  t.true(bytes.equals(await readFile(join(base.directory, 'base.img'))));
  t.is((await stat(base.directory)).mode & 0o777, 0o755);
  t.deepEqual(await names(bases), [base.id]);
  t.true((await names(directory)).includes(basename(file)));
});

test('killed in the middle, the next one takes over', async (t) => {
  const { bases, image, bytes } = await place(t, { fat: 32 });
  const file = await packed.xz(image);
  const script = new URL('./image-import-child.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, bases, String(3 * mebi), file], { stdio: 'inherit' });
  const { promise: ended, resolve } = Promise.withResolvers<string | null>();
  child.once('exit', (_, by) => resolve(by));
  t.is(await ended, 'SIGKILL');
  const [left = ''] = await names(bases);
  t.regex(left, new RegExp(`^\\.import-[0-9a-f]{16}-${child.pid}-`));
  const { ino } = await stat(join(bases, left, 'base.img'));
  const base = must(await importBase({ file, directory: bases, signal }));
  t.teardown(base.close);
  t.is((await stat(join(base.directory, 'base.img'))).ino, ino);
  t.is(base.sha256, sha256(bytes));
  t.deepEqual(await names(bases), [base.id]);
});

test('whoever imports it, and with whatever umask, the daemon can read it', async (t) => {
  const { bases, image } = await place(t);
  const child = new URL('./image-import-child.ts', import.meta.url).pathname;
  await run('sh', ['-c', 'umask 077; exec "$@"', 'sh', process.execPath, child, bases, '0', image]);
  const [id = ''] = await names(bases);
  const modes = await Promise.all(
    ['', id, `${id}/base.img`, `${id}/base.json`].map(async (path) => (await stat(join(bases, path))).mode & 0o777),
  );
  t.deepEqual(modes, [0o755, 0o755, 0o644, 0o644]);
});

test('what was left a day ago goes, what is younger or belongs to somebody at work stays', async (t) => {
  const { bases, image } = await place(t);
  const old = new Date(Date.now() - 25 * 3600 * 1000);
  const left = async (name: string, when: Date): Promise<void> => {
    await mkdir(join(bases, name), { recursive: true });
    await writeFile(join(bases, name, 'base.img'), 'half');
    await utimes(join(bases, name), when, when);
  };
  await left('.import-0123456789abcdef-0-00000001', old);
  await left('.import-0123456789abcdef-0-00000002', new Date());
  await left(`.import-0123456789abcdef-${process.pid}-00000003`, old);
  // As an earlier version called them.
  await left('.import-x7Gh2a', old);
  const base = must(await importBase({ file: image, directory: bases, signal }));
  t.teardown(base.close);
  t.deepEqual(await names(bases), [
    '.import-0123456789abcdef-0-00000002',
    `.import-0123456789abcdef-${process.pid}-00000003`,
    base.id,
  ]);
});

test('two imports of one file at once are one base', async (t) => {
  const { bases, image } = await place(t);
  const results = await Promise.all(
    [1, 2].map(async () => must(await importBase({ file: image, directory: bases, signal }))),
  );
  for (const base of results) t.teardown(base.close);
  t.deepEqual(results.map(({ known }) => known).sort(), [false, true]);
  t.deepEqual(await names(bases), [results[0]?.id]);
});

test('a name is one base’s alone, and one that bramble.yaml can hold', async (t) => {
  const { directory, bases, image, bytes } = await place(t);
  const first = must(await importBase({ file: image, directory: bases, signal }));
  t.teardown(first.close);
  bytes[mebi * 5 + 100] = 7;
  await writeFile(image, bytes);
  const taken = await problemOf({ file: image, directory: bases });
  t.regex(`${taken.code} ${taken.detail}`, /^BASE_NAME another base is called small .*--name/);
  t.is((await problemOf({ file: image, directory: bases, name: 'my base' })).code, 'BASE_NAME');
  const second = must(await importBase({ file: image, directory: bases, signal, name: 'small-2' }));
  t.teardown(second.close);
  const odd = join(directory, 'Größe (1).img');
  bytes[mebi * 5 + 100] = 8;
  await writeFile(odd, bytes);
  const third = must(await importBase({ file: odd, directory: bases, signal }));
  t.teardown(third.close);
  t.deepEqual(
    (await listBases(bases)).bases.map(({ name }) => name),
    ['Gr-e-1-', 'small', 'small-2'],
  );
});
