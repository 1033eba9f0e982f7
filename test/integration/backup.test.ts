/** `bramble backup` and `bramble restore`, with the daemon's own files; the real daemon is the judge of what it finds. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { readArchive, writeArchive } from '../../cli/backup/archive.ts';
import { clusterParts } from '../../cli/backup/parts.ts';
import { placePart } from '../../cli/backup/place.ts';
import { runProgram } from '../../cli/cluster/system.ts';
import { must } from '../../config/result.ts';
import { instant } from '../../config/values.ts';
import { loadIdentity } from '../../daemon/app/identity.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import { runBramble } from '../support/command-line.ts';
import { finish, startProgram } from '../support/program.ts';
import { device, open, put } from '../unit/store/samples.ts';

const signal = new AbortController().signal;
const about = { version: '0.1.0', hostname: 'kube0', at: '2026-01-01T12:00:00.000Z', addresses: ['192.168.1.1'] };

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-backup-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A machine: `bramble.yaml` and a data directory of its own. */
async function machine(t: ExecutionContext) {
  const folder = await folderFor(t);
  const [config, data] = [join(folder, 'bramble.yaml'), join(folder, 'data')];
  const settings = { interface: 'nosuch0', log: { level: 'debug' }, data, socket: join(folder, 'sock') };
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(config, JSON.stringify({ ...settings, cluster: { kubeconfig } }));
  const bramble = (args: readonly string[], more = {}) => runBramble([...args, '--config', config], {}, more);
  return { folder, config, data, kubeconfig, bramble, database: join(data, 'bramble.db') };
}

test('what one machine saved while its daemon wrote, another one is', async (t) => {
  const [one, other] = [await machine(t), await machine(t)];
  const store = await open(t, one.data);
  const identity = await loadIdentity(one.data, systemRandom, { isNew: true });
  for (let n = 1; n <= 20; n++) await store.commit([put(device(n))]);
  await writeFile(one.kubeconfig, 'a secret');
  const file = join(one.folder, 'b.tar.gz');
  const saved = await one.bramble(['backup', '-o', file]);
  t.is(saved.code, 0, saved.err);
  t.is(saved.out, `${file}\n`);
  t.regex(
    saved.err,
    /bramble\/keys[\s\S]*bramble\/database\.db[\s\S]*config\/kubeconfig[\s\S]*no k3s server’s datastore here/,
  );
  t.is((await stat(file)).mode & 0o777, 0o600);
  t.deepEqual((await readdir(one.folder)).sort(), ['b.tar.gz', 'bramble.yaml', 'data', 'kubeconfig']);
  t.regex((await one.bramble(['backup', '-o', file])).err, /is there already/);

  const ownConfig = await readFile(other.config);
  const restored = await other.bramble(['restore', file, '--yes']);
  t.is(restored.code, 0, restored.err);
  t.deepEqual(await readFile(other.config), ownConfig, 'bramble.yaml is the owner’s');
  t.is(await readFile(other.kubeconfig, 'utf8'), 'a secret');
  t.deepEqual((await readdir(other.data)).sort(), ['bramble.db', 'keys']);
  t.is((await stat(other.database)).mode & 0o777, 0o600);
  const again = await open(t, other.data);
  t.deepEqual(again.snapshot(), store.snapshot());
  t.deepEqual(await loadIdentity(other.data, systemRandom, { isNew: false }), identity);
});

test('a file that is not whole changes nothing', async (t) => {
  const [one, other] = [await machine(t), await machine(t)];
  const store = await open(t, one.data);
  await store.commit([put(device(1))]);
  const file = join(one.folder, 'b.tar.gz');
  t.is((await one.bramble(['backup', '-o', file])).code, 0);
  const bytes = await readFile(file);
  const work = await folderFor(t);
  await runProgram('tar', '-xzf', file, '-C', work);
  const repack = async (name: string): Promise<Buffer> => {
    const made = join(one.folder, name);
    await runProgram('tar', '-czf', made, '-C', work, '.');
    return await readFile(made);
  };
  await symlink('/etc/shadow', join(work, 'bramble/keys'));
  const withLink = await repack('link');
  await rm(join(work, 'bramble/keys'));
  const database = join(work, 'bramble/database.db');
  await writeFile(database, (await readFile(database)).fill(0x55, 5000, 5100));
  const changed = await repack('changed');
  const cases: Readonly<Record<string, readonly [Buffer, RegExp]>> = {
    'cut off': [bytes.subarray(0, bytes.length / 2), /not a whole tar\.gz/],
    'nothing like it': [Buffer.from('x'.repeat(1000)), /not a whole tar\.gz/],
    'another tar': [await emptyTar(t), /no backup of bramble/],
    'a link in it': [withLink, /bramble\/keys is not as it was written/],
    'a changed database': [changed, /bramble\/database\.db is not as it was written/],
  };
  for (const [name, [content, message]] of Object.entries(cases)) {
    const bad = join(one.folder, 'bad.tar.gz');
    await writeFile(bad, content);
    const end = await other.bramble(['restore', bad, '--yes']);
    t.is(end.code, 1, name);
    t.regex(end.err, message, name);
    t.deepEqual(await readdir(other.data), [], name);
  }
});

async function emptyTar(t: ExecutionContext): Promise<Buffer> {
  const folder = await folderFor(t);
  await mkdir(join(folder, 'in'));
  await runProgram('tar', '-czf', join(folder, 'out'), '-C', join(folder, 'in'), '.');
  return await readFile(join(folder, 'out'));
}

test('restore asks, and wants either a file or --newest', async (t) => {
  const one = await machine(t);
  const store = await open(t, one.data);
  await store.commit([put(device(1))]);
  await store.backUp(instant(Date.UTC(2026, 0, 1)));
  await store.close();
  const before = await readFile(one.database);
  t.is((await one.bramble(['restore'])).code, 64);
  t.is((await one.bramble(['restore', 'x', '--newest'])).code, 64);
  t.regex((await one.bramble(['restore', '--newest'])).err, /nobody is here to be asked: bramble restore --yes/);
  const asked: string[] = [];
  const ask = async (question: string) => {
    asked.push(question);
    return 'no';
  };
  t.regex((await one.bramble(['restore', '--newest'], { ask })).err, /nothing was changed/);
  t.regex(
    asked[0] ?? '',
    /the copy of 2026-01-01.*, with 1 boards, takes the place of .*, which knows 1 boards\. Type yes/,
  );
  t.deepEqual(await readFile(one.database), before);
});

test('a damaged database: the daemon says what to do and leaves it; the newest good copy takes its place', async (t) => {
  const one = await machine(t);
  const store = await open(t, one.data);
  await loadIdentity(one.data, systemRandom, { isNew: true });
  await store.commit([put(device(1)), put(device(2))]);
  await store.backUp(instant(Date.UTC(2026, 0, 1)));
  await store.commit([put(device(3))]);
  await store.backUp(instant(Date.UTC(2026, 0, 2)));
  await store.close();
  const [, youngest] = (await readdir(join(one.data, 'backups'))).sort();
  await writeFile(join(one.data, 'backups', youngest ?? ''), 'x'.repeat(9000));
  const damaged = (await readFile(one.database)).fill(0xff, 4096, 12_000);
  await writeFile(one.database, damaged);

  const brambled = fileURLToPath(new URL('../../daemon/main.ts', import.meta.url));
  const start = () => startProgram([process.execPath, brambled, '--config', one.config]);
  for (let attempt = 0; attempt < 2; attempt++) {
    const end = await finish(start());
    t.is(end.code, 1);
    t.regex(
      end.stderr,
      /is damaged .*stays as it is\. The last backup is of 2026-01-02.*sudo bramble restore --newest/,
    );
    t.deepEqual(await readFile(one.database), damaged);
  }
  const restored = await one.bramble(['restore', '--newest', '--yes']);
  t.is(restored.code, 0, restored.err);
  t.regex(restored.err, /r2\.db is damaged itself .*: the one before it/);
  const aside = `${one.database}.corrupt-20260101T120000Z`;
  t.is(restored.out, `${one.database}: restored; what was there is ${aside} now\n`);
  t.deepEqual(await readFile(aside), damaged);

  const daemon = start();
  t.teardown(daemon.kill);
  await daemon.waitFor(/"service is up","service":"admin"/, 60_000);
  t.regex((await one.bramble(['restore', '--newest', '--yes'])).err, /the daemon answers on .*: stop it first/);
  await daemon.kill();
  const again = await open(t, one.data);
  t.is(again.snapshot().devices.length, 2, 'what the older, good copy knew');
});

test('a k3s server’s datastore goes along while it is written to, with its token', async (t) => {
  const folder = await folderFor(t);
  const server = join(folder, 'server');
  await mkdir(join(server, 'db'), { recursive: true });
  await mkdir(join(server, 'tls'));
  await writeFile(join(server, 'token'), 'K10secret', { mode: 0o600 });
  await writeFile(join(server, 'tls/server-ca.crt'), 'CA');
  await symlink(join(server, 'token'), join(server, 'tls/link'));
  const datastore = new Database(join(server, 'db/state.db'));
  t.teardown(() => datastore.close());
  datastore.pragma('journal_mode = WAL');
  datastore.exec("CREATE TABLE kine (name TEXT); INSERT INTO kine VALUES ('/registry/nodes/worker-kube1')");
  const file = join(folder, 'b.tar.gz');
  const { parts } = clusterParts(server, join(folder, 'none.yaml'));
  t.deepEqual(must(await writeArchive(file, parts, about, signal)), ['k3s/token', 'k3s/tls', 'k3s/state.db']);

  const { folder: unpacked, manifest } = must(await readArchive(file, folder, signal));
  t.like(manifest, about);
  t.deepEqual(
    Object.keys(manifest.files).sort((a, b) => a.localeCompare(b)),
    ['k3s/state.db', 'k3s/tls/server-ca.crt', 'k3s/token'],
  );
  const there = clusterParts(join(folder, 'other'), join(folder, 'none.yaml')).parts;
  const owner = { uid: 0, gid: 0 };
  for (const part of there.filter(({ name }) => name !== 'k3s/cred' && name !== 'k3s/config.yaml'))
    t.is(await placePart(part, join(unpacked, part.name), { aside: 'before', owner }), undefined);
  const again = new Database(join(folder, 'other/db/state.db'), { readonly: true });
  t.is(again.prepare('SELECT name FROM kine').pluck().get(), '/registry/nodes/worker-kube1');
  again.close();
  t.is((await stat(join(folder, 'other/token'))).mode & 0o777, 0o600);
});

test('a disk without room for it: no half a file', async (t) => {
  const folder = await folderFor(t);
  await mkdir(join(folder, 'small'));
  t.is((await runProgram('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', join(folder, 'small'))).code, 0);
  t.teardown(() => runProgram('umount', join(folder, 'small')));
  await chmod(join(folder, 'small'), 0o700);
  const one = await machine(t);
  const store = await open(t, one.data);
  await store.commit([put(device(1))]);
  const end = await one.bramble(['backup', '-o', join(folder, 'small/b.tar.gz')]);
  t.is(end.code, 1);
  t.regex(end.err, /no backup: /);
  t.deepEqual(await readdir(join(folder, 'small')), []);
});
