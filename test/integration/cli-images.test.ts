/** `bramble image build`, `join-card` and `flash`: the real command line, a daemon's socket, and loop devices for cards. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { Terminal } from '../../cli/output/terminal.ts';
import { must } from '../../config/result.ts';
import { cardRoutes } from '../../daemon/http/endpoints/cards.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import { type Ended, runBramble } from '../support/command-line.ts';
import { fillerBytes, makeLabBase } from '../support/images.ts';
import { cardsFake } from '../unit/http/cards-fake.ts';
import { silentLog } from './installer-boot-fake.ts';

const shell = promisify(execFile);
const MIB = 2 ** 20;
const image = fillerBytes('a board’s image', 5 * MIB);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function daemonFake(t: ExecutionContext): Promise<{ folder: string; socket: string; asked: unknown[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-cards-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const socket = join(folder, 'brambled.sock');
  const asked: unknown[] = [];
  const stopped = new AbortController();
  const routes = cardRoutes(cardsFake(image, asked));
  const server = must(await serveHttp({ listen: { socket }, routes, log: silentLog, signal: stopped.signal }));
  t.teardown(async () => {
    stopped.abort();
    await server.closed;
  });
  return { folder, socket, asked };
}

const bramble = (socket: string, args: readonly string[], { env, ...more }: Partial<Terminal> = {}): Promise<Ended> =>
  runBramble(['image', ...args], { BRAMBLE_SOCKET: socket, ...env }, more);

/** A loop device over 8 MiB of old data; undefined where there are none to be had. */
async function loopDisk(t: ExecutionContext, folder: string): Promise<{ path: string; file: string } | undefined> {
  const file = join(folder, 'disk');
  await writeFile(file, fillerBytes('old', 8 * MIB));
  try {
    const path = (await shell('losetup', ['--find', '--show', file])).stdout.trim();
    t.teardown(async () => await shell('losetup', ['--detach', path]).catch(() => undefined));
    return { path, file };
  } catch {
    t.log('no loop device can be had here (root?): not tested');
    t.pass();
    return undefined;
  }
}
const allow = (path: string) => ({ BRAMBLE_FLASH_ALLOW: path.replace('/dev/', '') });

test('image build: the daemon’s bytes under the file’s name; by whom it was asked for goes along', async (t) => {
  const { folder, socket, asked } = await daemonFake(t);
  const file = join(folder, 'board.img');
  const built = await bramble(socket, ['build', '--for', 'worker-kube1', '-o', file]);
  t.is(built.code, 0);
  t.is(sha256(await readFile(file)), sha256(image));
  t.deepEqual(asked, [{ name: 'worker-kube1', by: 'anna', most: undefined, isNew: false }]);
  t.is((await bramble(socket, ['build', '--for', 'web1', '--new', '-o', file])).code, 0);
  t.like(asked[1], { name: 'web1', isNew: true });
  t.regex(built.err, /write +\[#{30}\]100% {2}5 of 5 MiB/);
  t.regex(built.err, /worker-kube1: a note/);
});

test('image build: what cannot be written to, and what the daemon refuses, leaves nothing', async (t) => {
  const { folder, socket, asked } = await daemonFake(t);
  t.like(await bramble(socket, ['build', '-o', join(folder, 'x.img')]), { code: 64 });
  t.like(await bramble(socket, ['build', '--for', 'worker-kube1', '-o', folder]), { code: 64 });
  t.like(
    await bramble(socket, ['build', '--for', 'worker-kube1', '-o', '-']),
    { code: 64 },
    'nowhere to write bytes to',
  );
  t.deepEqual(asked, [], 'the daemon was not even asked');
  const refused = await bramble(socket, ['build', '--for', 'worker-kube9', '-o', join(folder, 'x.img')]);
  t.like(refused, { code: 1 });
  t.regex(refused.err, /worker-kube9 is rejected/);
  t.like(await bramble(socket, ['build', '--for', '../healthz', '-o', join(folder, 'x.img')]), { code: 64 });
  const bad = await bramble(socket, ['build', '--for', 'Bad_Name!', '-o', join(folder, 'x.img')]);
  t.is(bad.code, 64);
  t.regex(bad.err, /1 to 63 of a-z, 0-9 and "-"/);
  const away = await bramble(join(folder, 'none.sock'), [
    'build',
    '--for',
    'worker-kube1',
    '-o',
    join(folder, 'x.img'),
  ]);
  t.is(away.code, 3);
  t.deepEqual(
    (await readdir(folder)).filter((name) => name !== 'brambled.sock'),
    [],
  );
});

test('image build -o -: into a pipe, never onto a terminal', async (t) => {
  const { socket } = await daemonFake(t);
  const chunks: Uint8Array[] = [];
  const outBytes = async (bytes: Uint8Array): Promise<void> => void chunks.push(Uint8Array.from(bytes));
  const piped = await bramble(socket, ['build', '--for', 'worker-kube1', '-o', '-'], { outBytes });
  t.is(piped.code, 0);
  t.is(sha256(Buffer.concat(chunks)), sha256(image));
  const shown = await bramble(socket, ['build', '--for', 'worker-kube1', '-o', '-'], { outBytes, isTerminal: true });
  t.is(shown.code, 64);
});

test('image join-card', async (t) => {
  const { folder, socket, asked } = await daemonFake(t);
  const file = join(folder, 'card.img');
  const made = await bramble(socket, ['join-card', '-o', file, '--eeprom', '2711']);
  t.is(made.code, 0);
  t.regex(made.err, /starts pi4/);
  t.is(sha256(await readFile(file)), sha256(image));
  t.is((await stat(file)).mode & 0o777, 0o600);
  t.deepEqual(asked, [{ eeprom: '2711' }]);
  t.is((await bramble(socket, ['join-card', '-o', file, '--eeprom', '2713'])).code, 64);
});

test('image flash: shows the disk, asks, writes, reads back; another answer than yes writes nothing', async (t) => {
  const { folder, socket, asked } = await daemonFake(t);
  const disk = await loopDisk(t, folder);
  if (disk === undefined) return;
  const env = allow(disk.path);
  const questions: string[] = [];
  const answering = (answer: string): Partial<Terminal> => ({
    env,
    ask: async (question) => {
      questions.push(question);
      return answer;
    },
  });
  const args = ['flash', '--for', 'worker-kube1', disk.path];
  const no = await bramble(socket, args, answering('y'));
  t.is(no.code, 1);
  t.regex(no.out, /\/dev\/loop\d+: a disk, 8\.3 MB; on it: no partition table that can be read/);
  t.regex(questions[0] ?? '', /Everything on \/dev\/loop\d+ will be lost\. Type yes/);
  t.deepEqual(asked, [], 'nothing is made for nothing');
  t.is((await bramble(socket, args, { env })).code, 64, 'nobody there to be asked');
  const old = sha256(fillerBytes('old', 8 * MIB));
  t.is(sha256(await readFile(disk.file)), old);
  const yes = await bramble(socket, args, answering('yes'));
  t.is(yes.code, 0, yes.err);
  t.deepEqual(asked, [{ name: 'worker-kube1', by: 'anna', most: 8 * MIB, isNew: false }]);
  t.is(sha256((await readFile(disk.file)).subarray(0, image.length)), sha256(image));
  t.regex(yes.out, /read back/);
  t.regex(yes.err, /write .*100%.*\nverify .*100%/s);
});

test('image flash: the join card, and a file; --yes does not ask; through a link in /dev/disk as well', async (t) => {
  const { folder, socket } = await daemonFake(t);
  const disk = await loopDisk(t, folder);
  if (disk === undefined) return;
  const env = allow(disk.path);
  const link = join(folder, 'usb-Generic_Card');
  await symlink(disk.path, link);
  t.is((await bramble(socket, ['flash', '--join-card', '--yes', link], { env })).code, 0);
  t.is(sha256((await readFile(disk.file)).subarray(0, image.length)), sha256(image));
  const packed = join(folder, 'packed.xz');
  await writeFile(packed, Buffer.concat([Buffer.from('fd377a585a00', 'hex'), fillerBytes('xz', MIB)]));
  const refused = await bramble(socket, ['flash', packed, disk.path, '--yes'], { env });
  t.is(refused.code, 1);
  t.regex(refused.err, /packed\.xz is packed as xz: unpack it first, or .*bramble image add/);
  const large = join(folder, 'base.img');
  await makeLabBase({ file: large, format: 'device-init' });
  const tooLarge = await bramble(socket, ['flash', large, disk.path, '--yes'], { env });
  t.regex(tooLarge.err, /the image needs \d+ bytes and \/dev\/loop\d+ has 8388608/);
});

test('image flash: disks that are built in, used, or none are refused, whoever asks', async (t) => {
  const { folder, socket, asked } = await daemonFake(t);
  const disk = await loopDisk(t, folder);
  if (disk === undefined) return;
  const flash = (path: string, env = {}) => bramble(socket, ['flash', '--for', 'worker-kube1', '--yes', path], { env });
  t.regex((await flash(disk.path)).err, /is built in/);
  t.regex((await flash(disk.file, allow(disk.path))).err, /is no disk/);
  t.regex((await flash('/dev/null')).err, /is no disk/);
  await shell('mkfs.ext4', ['-q', disk.path]);
  const point = join(folder, 'mounted');
  await mkdir(point);
  await shell('mount', [disk.path, point]);
  t.teardown(async () => await shell('umount', [point]).catch(() => undefined));
  const mounted = await flash(disk.path, allow(disk.path));
  await shell('umount', [point]);
  t.is(mounted.code, 1);
  t.true(mounted.err.includes(`is mounted (${point})`), mounted.err);
  t.deepEqual(asked, []);
});

test('image flash without a device, without an image, or with two of one kind says what is missing', async (t) => {
  const { socket } = await daemonFake(t);
  const ended = async (...args: string[]): Promise<string> => {
    const { code, err } = await bramble(socket, ['flash', ...args]);
    return `${code} ${err}`;
  };
  t.regex(await ended(), /^64 .*what is to be written/s);
  t.regex(await ended('--join-card'), /^64 .*(name the device|no disk that may be written)/s);
  t.regex(await ended('base.img'), /^64 .*(name the device|no disk that may be written)/s);
  t.regex(await ended('--join-card', '--for', 'worker-kube1', '/dev/sdx'), /^64 .*not both/s);
  t.regex(await ended('--join-card', 'base.img', '/dev/sdx'), /^64 .*one image and one device/s);
});
