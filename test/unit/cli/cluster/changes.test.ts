import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openChanges, WrongSum } from '../../../../cli/cluster/changes.ts';

async function temporary(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-changes-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
const sumOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const all = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true })).sort((a, b) => (a < b ? -1 : 1));

test('taken back: what was there is there, what was not is not, folders included', async (t) => {
  const folder = await temporary(t);
  const at = (name: string): string => join(folder, name);
  await writeFile(at('old'), 'old', { mode: 0o640 });
  await writeFile(at('source'), 'program');
  const order: string[] = [];
  const changes = openChanges();
  changes.onUndo(async () => order.push('first registered, last done'));
  t.true(await changes.putText(at('old'), 'new', 0o600));
  t.true(await changes.putFile(at('a/b/program'), at('source'), sumOf('program'), 0o755));
  changes.onUndo(() => Promise.reject(new Error('cannot be taken back')));
  changes.onUndo(async () => order.push('last registered, first done'));
  t.is(await readFile(at('old'), 'utf8'), 'new');
  t.is((await stat(at('a/b/program'))).mode & 0o777, 0o755);
  await changes.undo();
  t.is(await readFile(at('old'), 'utf8'), 'old');
  t.is((await stat(at('old'))).mode & 0o777, 0o640);
  t.deepEqual(await all(folder), ['old', 'source']);
  t.deepEqual(order, ['last registered, first done', 'first registered, last done']);
});

test('kept: nothing else is left, and nothing can be taken back any more', async (t) => {
  const folder = await temporary(t);
  const file = join(folder, 'file');
  await writeFile(file, 'old');
  const changes = openChanges();
  await changes.putText(file, 'new', 0o600);
  t.false(await changes.putText(file, 'new', 0o600), 'it is so already');
  await changes.keep();
  await changes.undo();
  t.is(await readFile(file, 'utf8'), 'new');
  t.deepEqual(await all(folder), ['file']);
});

test('a source that is not what it was never gets the name', async (t) => {
  const folder = await temporary(t);
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  await writeFile(from, 'damaged');
  await writeFile(to, 'old');
  const changes = openChanges();
  await t.throwsAsync(changes.putFile(to, from, sumOf('program'), 0o755), { instanceOf: WrongSum });
  await changes.undo();
  t.is(await readFile(to, 'utf8'), 'old');
  t.deepEqual(await all(folder), ['from', 'to']);
});

test('a link is replaced, not followed', async (t) => {
  const folder = await temporary(t);
  const [link, other] = [join(folder, 'link'), join(folder, 'other')];
  await writeFile(other, 'theirs');
  await symlink(other, link);
  const changes = openChanges();
  await changes.putText(link, 'ours', 0o600);
  t.is(await readFile(other, 'utf8'), 'theirs');
  await changes.undo();
  t.is(await readFile(link, 'utf8'), 'theirs');
});
