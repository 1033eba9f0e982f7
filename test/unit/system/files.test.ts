import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { writeAtomically, writeIfChanged } from '../../../daemon/system/files.ts';

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'bramble-files-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('writes text and bytes, with the permissions asked for', async (t) => {
  const path = join(await folder(t), 'key');
  await writeAtomically(path, 'secret', { mode: 0o600 });
  t.is(await readFile(path, 'utf8'), 'secret');
  t.is((await stat(path)).mode & 0o777, 0o600);
  await writeAtomically(path, Uint8Array.of(1, 2));
  t.deepEqual([...(await readFile(path))], [1, 2]);
  t.is((await stat(path)).mode & 0o777, 0o644);
});

test('what a crash left is in nobody’s way and goes', async (t) => {
  const directory = await folder(t);
  const path = join(directory, 'file');
  await writeFile(`${path}.tmp`, 'half');
  await writeAtomically(path, 'whole');
  t.is(await readFile(path, 'utf8'), 'whole');
  t.deepEqual(await readdir(directory), ['file']);
});

test('does not write through a link that lies in the way', async (t) => {
  const directory = await folder(t);
  const victim = join(directory, 'victim');
  await writeFile(victim, 'untouched');
  await symlink(victim, join(directory, 'file.tmp'));
  await writeAtomically(join(directory, 'file'), 'new');
  t.is(await readFile(victim, 'utf8'), 'untouched');
});

test('a failure leaves the old file and no other', async (t) => {
  const directory = await folder(t);
  const path = join(directory, 'sub');
  await writeAtomically(join(directory, 'file'), 'old');
  await t.throwsAsync(writeAtomically(join(path, 'missing', 'file'), 'new'), { code: 'ENOENT' });
  t.deepEqual(await readdir(directory), ['file']);
});

test('the same again is not written', async (t) => {
  const path = join(await folder(t), 'file');
  t.true(await writeIfChanged(path, 'a'));
  const before = await stat(path);
  t.false(await writeIfChanged(path, 'a'));
  t.is((await stat(path)).ino, before.ino);
  t.true(await writeIfChanged(path, 'b'));
  t.is(await readFile(path, 'utf8'), 'b');
});
