import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type K3sRecordFile, k3sFolder } from '../../../../config/k3s-release.ts';
import { k3sFiles } from '../../../../daemon/app/boards/k3s-files.ts';

const version = 'v1.34.2+k3s1';
const text = 'a program';
const sha256 = createHash('sha256').update(text).digest('hex');
const entry: K3sRecordFile = { name: 'k3s-arm64', arch: 'arm64', kind: 'binary', bytes: text.length, sha256 };

async function data(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-k3s-files-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function release(folder: string, files: readonly K3sRecordFile[] = [entry], named = version): Promise<string> {
  const place = k3sFolder(folder, version);
  await mkdir(place, { recursive: true });
  await writeFile(join(place, entry.name), text);
  await writeFile(join(place, 'record.json'), JSON.stringify({ version: named, files }));
  return place;
}

test('nothing was fetched', async (t) => {
  const files = k3sFiles(await data(t));
  t.deepEqual(await files.list(), []);
  t.is(await files.open(sha256), undefined);
});

test('a release: what it has is listed, and opened by its sum', async (t) => {
  const folder = await data(t);
  const files = k3sFiles(folder);
  await release(folder);
  t.deepEqual(await files.list(), [{ ...entry, version }]);
  const source = await files.open(sha256);
  t.is(source?.size, text.length);
  t.is(source?.file?.from, 0, 'it is sent without being read');
  await source?.close();
  t.is(await files.open('0'.repeat(64)), undefined);
});

test('what is not whole does not count: a file that is cut or gone, a damaged record, one of another release', async (t) => {
  const folder = await data(t);
  const files = k3sFiles(folder);
  const place = await release(folder, [entry, { ...entry, name: 'k3s-amd64', arch: 'amd64' }]);
  t.deepEqual(
    (await files.list()).map(({ name }) => name),
    ['k3s-arm64'],
  );
  await truncate(join(place, entry.name), 3);
  t.deepEqual(await files.list(), []);
  await writeFile(join(place, 'record.json'), '{');
  t.deepEqual(await files.list(), []);
  await release(folder, [entry], 'v1.33.0+k3s1');
  t.deepEqual(await files.list(), []);
});
