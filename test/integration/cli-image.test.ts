/** `bramble image add|list|show|verify|remove` over real files, without a daemon. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import type { Terminal } from '../../cli/output/terminal.ts';
import { encodeOverlay } from '../../image-builder/overlay.ts';
import { type Ended, runBramble } from '../support/command-line.ts';
import { fillerBytes, makeSmallImage } from '../support/images.ts';

const execute = promisify(execFile);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

type Master = {
  readonly folder: string;
  readonly data: string;
  readonly image: string;
  readonly bramble: (args: readonly string[], more?: Partial<Terminal>) => Promise<Ended>;
};

async function master(t: ExecutionContext, configuration = ''): Promise<Master> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-cli-image-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const data = join(folder, 'data');
  await mkdir(data);
  const config = join(folder, 'bramble.yaml');
  await writeFile(config, `data: ${data}\n${configuration}`);
  const image = join(folder, 'hypriotos-1.1.0.img');
  const files = {
    'start.elf': fillerBytes('start.elf', 500_000),
    'kernel7.img': fillerBytes('kernel7.img', 500_000),
    'device-init.yaml': 'hostname: black-pearl\n',
  };
  await makeSmallImage({ file: image, label: 'HypriotOS', files });
  const env = { BRAMBLE_CONFIG: config, BRAMBLE_SOCKET: join(folder, 'no-daemon.sock') };
  const bramble: Master['bramble'] = (args, more) =>
    runBramble(['image', ...args], env, { columns: 100, now: () => 0, ...more });
  return { folder, data, image, bramble };
}

const unkept = 'HypriotOS is Debian 8 to 10, for which nobody makes security updates any more: its boards get none';

test('add, list, show, verify and remove, as a person does it', async (t) => {
  const { folder, data, image, bramble } = await master(t);
  const zip = join(folder, 'hypriotos-1.1.0.img.zip');
  await execute('zip', ['-q', '-j', '-1', zip, image]);
  await writeFile(`${zip}.sha256`, `${sha256(await readFile(zip))}  hypriotos-1.1.0.img.zip\n`);
  t.deepEqual(await bramble(['list']), { code: 0, out: 'no image is imported yet: bramble image add FILE\n', err: '' });
  const added = await bramble(['add', zip]);
  t.is(added.code, 0, added.err);
  t.is(
    added.out,
    'hypriotos-1.1.0: HypriotOS with device-init (up to 1.1)\n' +
      'hypriotos-1.1.0: the checksum of the download is right (hypriotos-1.1.0.img.zip.sha256)\n' +
      `hypriotos-1.1.0: ${unkept}\n`,
  );
  t.regex(added.err, /^unpack .*100% {2}0 of 0 MiB$/m);
  const id = sha256(await readFile(image)).slice(0, 16);
  t.deepEqual(await readdir(join(data, 'bases')), [id]);
  t.regex(
    (await bramble(['list'])).out,
    new RegExp(`^NAME .*\\nhypriotos-1\\.1\\.0 +device-init +7\\.3 MB +${id} +HypriotOS`),
  );
  t.is((await bramble(['list', '-o', 'name'])).out, 'hypriotos-1.1.0\n');
  t.like(JSON.parse((await bramble(['list', '-o', 'json'])).out)[0], { id, flavour: 'hypriotos', held: 1 });
  const shown = await bramble(['show', 'hypriotos-1.1.0']);
  t.is(shown.code, 0, shown.err);
  t.true(shown.out.includes(`\nUpdates:     ${unkept}\n`));
  t.regex(shown.out, /^Imported: +hypriotos-1\.1\.0\.img\.zip, .*packed as zip$/m);
  t.regex(shown.out, /^Partitions:\n {2}1 {2}type 0c, 4\.1 MB from byte 1048576\n {2}2 {2}type 83, /m);
  t.regex(shown.out, /^Used by:\n {2}none$/m);
  t.like(parse((await bramble(['show', id, '-o', 'yaml'])).out), { id, uses: { boards: [], keys: [] } });
  t.like(await bramble(['verify', 'hypriotos-1.1.0']), {
    code: 0,
    out: `hypriotos-1.1.0: as it was imported\nhypriotos-1.1.0: ${unkept}\n`,
  });
  t.regex((await bramble(['add', zip])).out, /was imported already/);
  t.like(await bramble(['remove', 'hypriotos-1.1.0']), { code: 0, out: 'hypriotos-1.1.0: removed\n' });
  t.deepEqual(await readdir(join(data, 'bases')), []);
  const gone = await bramble(['show', 'hypriotos-1.1.0']);
  t.is(gone.code, 4);
  t.regex(gone.err, /there is no image hypriotos-1\.1\.0; none is imported/);
});

test('an image that a board or bramble.yaml needs is not removed, unless it is forced', async (t) => {
  const { data, image, bramble } = await master(t, 'images: { kit: mine, models: { pi3: mine } }\n');
  t.is((await bramble(['add', image, '--name', 'mine'])).code, 0);
  const bytes = await readFile(image);
  const overlays = join(data, 'overlays');
  await mkdir(overlays);
  const run = { sector: 0, count: 1, bytes: new Uint8Array(512) };
  const over = (baseDigest: string): Uint8Array => encodeOverlay({ baseDigest, baseBytes: bytes.length, runs: [run] });
  await writeFile(join(overlays, 'd-0123456789ab.overlay'), over(sha256(bytes)));
  await writeFile(join(overlays, 'd-999999999999.overlay'), over('1'.repeat(64)));
  const refused = await bramble(['remove', 'mine']);
  t.is(refused.code, 1);
  t.is(
    refused.err,
    [
      'bramble: mine is in use (--force removes it all the same):',
      'bramble:   images.kit of bramble.yaml',
      'bramble:   images.models.pi3 of bramble.yaml',
      'bramble:   the board d-0123456789ab, whose installation is not over',
      '',
    ].join('\n'),
  );
  const mine = (await bramble(['show', 'mine'])).out;
  t.notRegex(mine, /Held|packed as none/);
  t.regex(mine, /Used by:\n {2}images\.kit.*\n {2}images\.models\.pi3.*\n {2}the board d-0123/);
  t.is((await bramble(['remove', 'mine', '--force'])).code, 0);
  t.is((await bramble(['remove', 'mine', '--force'])).code, 4);
});

test('an image that is there under another name is not given a second one', async (t) => {
  const { folder, data, image, bramble } = await master(t);
  t.is((await bramble(['add', image])).code, 0);
  const zip = join(folder, 'again.zip');
  await execute('zip', ['-q', '-j', '-1', zip, image]);
  for (const file of [image, zip]) {
    const again = await bramble(['add', file, '--name', 'mine']);
    t.is(again.code, 1, file);
    t.regex(again.err, /imported as hypriotos-1\.1\.0: use that name, or remove it first \(bramble image remove/);
  }
  t.is((await readdir(join(data, 'bases'))).length, 1);
  t.is((await bramble(['add', image, '--name', 'hypriotos-1.1.0'])).code, 0);
});

test('a second image that leaves open which one is meant says so', async (t) => {
  const { folder, image, bramble } = await master(t);
  const first = await bramble(['add', image]);
  t.notRegex(first.out, /cannot be installed/);
  const other = join(folder, 'other.img');
  const files = { 'kernel7.img': fillerBytes('other', 1000), 'device-init.yaml': 'hostname: x\n' };
  await makeSmallImage({ file: other, label: 'HypriotOS', files });
  const second = await bramble(['add', other]);
  t.is(second.code, 0, second.err);
  t.regex(
    second.out,
    /boards cannot be installed: several base images are imported: name one as images\.default \((other, hypriotos-1\.1\.0|hypriotos-1\.1\.0, other)\)\n$/,
  );
});

test('what a card forgot is told by verify, and a damaged record by list', async (t) => {
  const { data, image, bramble } = await master(t);
  t.is((await bramble(['add', image])).code, 0);
  const [id = ''] = await readdir(join(data, 'bases'));
  const handle = await open(join(data, 'bases', id, 'base.img'), 'r+');
  await handle.write(Buffer.from('!'), 0, 1, 5_000_000);
  await handle.close();
  const verified = await bramble(['verify', id]);
  t.is(verified.code, 1);
  t.regex(
    verified.err,
    /hypriotos-1\.1\.0 is damaged: its SHA-256 is [0-9a-f]{64}, and was [0-9a-f]{64} .*add it again/,
  );
  await writeFile(join(data, 'bases', id, 'base.json'), '{}');
  const listed = await bramble(['list']);
  t.is(listed.code, 1);
  t.regex(listed.err, /base\.json is not what an import writes/);
});

test('a base whose record is damaged goes away by its id, or is mended by adding the image again', async (t) => {
  const { data, image, bramble } = await master(t, 'images: { kit: mine }\n');
  t.is((await bramble(['add', image, '--name', 'mine'])).code, 0);
  const [id = ''] = await readdir(join(data, 'bases'));
  const record = join(data, 'bases', id, 'base.json');
  const whole = await readFile(record, 'utf8');
  for (const text of ['', '{"id"', '[]']) {
    await writeFile(record, text);
    t.like(await bramble(['add', image, '--name', 'mine']), { code: 0 });
    t.is(await readFile(record, 'utf8'), whole, text);
    t.deepEqual(await readdir(join(data, 'bases')), [id]);
    t.like(await bramble(['verify', 'mine']), { code: 0 });
  }
  // What else is lost comes back with it.
  await writeFile(record, '');
  await rm(join(data, 'bases', id, 'base.img'));
  t.like(await bramble(['add', image]), { code: 0 });
  t.like(await bramble(['verify', id]), { code: 0 });
  await writeFile(record, '');
  const shown = await bramble(['show', id]);
  t.is(shown.code, 1);
  t.regex(shown.err, new RegExp(`is not what an import writes: .*bramble image remove ${id}`));
  const overlays = join(data, 'overlays');
  await mkdir(overlays);
  const run = { sector: 0, count: 1, bytes: new Uint8Array(512) };
  const bytes = await readFile(image);
  const overlay = encodeOverlay({ baseDigest: sha256(bytes), baseBytes: bytes.length, runs: [run] });
  await writeFile(join(overlays, 'd-0123456789ab.overlay'), overlay);
  const refused = await bramble(['remove', id]);
  t.is(refused.code, 1);
  t.regex(refused.err, /is in use.*\n.*the board d-0123456789ab/);
  t.like(await bramble(['remove', id, '--force']), { code: 0, out: `${id}: removed\n` });
  t.deepEqual(await readdir(join(data, 'bases')), []);
  t.is((await bramble(['remove', id, '--force'])).code, 4);
});

test('what cannot be done is said with what to do', async (t) => {
  const { folder, image, bramble } = await master(t);
  const wrong = await bramble(['add', image, '--sha256', 'ab'.repeat(32)]);
  t.is(wrong.code, 1);
  t.regex(wrong.err, /has the SHA-256 [0-9a-f]{64}; --sha256 wants (ab){32}: fetch it again/);
  t.is((await bramble(['add', image, '--sha256', 'abc'])).code, 64);
  t.is((await bramble(['add'])).code, 64);
  t.is((await bramble(['list', '--config', join(folder, 'none.yaml')])).code, 1);
  const missing = await bramble(['add', join(folder, 'missing.zip')]);
  t.is(missing.code, 1);
  t.regex(missing.err, /: there is no such file or folder: \S+missing\.zip$/m);
  const note = join(folder, 'notes.txt');
  await writeFile(note, 'buy a card\n');
  t.regex((await bramble(['add', note])).err, /notes\.txt is a text of 11 bytes, no disk image/);
  const stopped = new AbortController();
  stopped.abort();
  const interrupted = await bramble(['add', image], { signal: stopped.signal });
  t.is(interrupted.code, 1);
  t.regex(interrupted.err, /interrupted; the same command goes on where it was/);
});

test('without the right to the data folder: run it with sudo', async (t) => {
  const { folder, data, image } = await master(t);
  // Root of a user namespace has no power over what belongs to somebody outside of it; nobody else has either.
  if (process.getuid?.() === 0) await chown(data, 65_534, 65_534);
  await chmod(data, process.getuid?.() === 0 ? 0o700 : 0);
  t.teardown(() => chmod(data, 0o700));
  const main = new URL('../../cli/main.ts', import.meta.url).pathname;
  const env = { ...process.env, BRAMBLE_CONFIG: join(folder, 'bramble.yaml') };
  const inNamespace = process.getuid?.() === 0 ? ['unshare', '--user', '--map-root-user'] : [];
  for (const words of [['list'], ['add', image], ['show', 'x']]) {
    const [program = '', ...args] = [...inNamespace, process.execPath, main, 'image', ...words];
    const failed: unknown = await execute(program, args, { env }).then(
      () => undefined,
      (error: unknown) => error,
    );
    t.like(failed, { code: 1 });
    t.regex(
      String(failed instanceof Error && 'stderr' in failed ? failed.stderr : ''),
      /run it with sudo/,
      words.join(' '),
    );
  }
});
