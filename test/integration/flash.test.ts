/** Images to files and to disks; the disks are loop devices. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import {
  deviceNumber,
  diskContents,
  flashDisk,
  type ImageStream,
  imageFile,
  readBlockDevices,
  saveImage,
} from '../../image-builder/index.ts';
import { fillerBytes, makeLabBase } from '../support/images.ts';

const run = promisify(execFile);
const signal = AbortSignal.timeout(110_000);
const MIB = 2 ** 20;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-flash-'));
  t.teardown(async () => await rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A loop device over a file full of old data; undefined where there are none to be had. */
async function loopDisk(t: ExecutionContext, folder: string, mebibytes: number): Promise<string | undefined> {
  const file = join(folder, 'disk');
  await writeFile(file, fillerBytes('old data', mebibytes * MIB));
  try {
    const device = (await run('losetup', ['--find', '--show', file])).stdout.trim();
    t.teardown(async () => await run('losetup', ['--detach', device]).catch(() => undefined));
    return device;
  } catch {
    t.log('no loop device can be had here (root?): not tested');
    t.pass();
    return undefined;
  }
}

const bytesOf = (bytes: Uint8Array, more: Partial<ImageStream> = {}): ImageStream => ({
  bytes: bytes.length,
  chunks: inOddChunks(bytes),
  ...more,
});

async function* inOddChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 999_999) yield bytes.subarray(at, at + 999_999);
}

test('a disk gets the image and nothing else of it changes but an old backup GPT; it is read back', async (t) => {
  const folder = await folderOf(t);
  const path = await loopDisk(t, folder, 24);
  if (path === undefined) return;
  const image = fillerBytes('image', 9 * MIB + 512);
  const steps: string[] = [];
  const onProgress = (step: string, done: number, of: number): void => void steps.push(`${step} ${done} of ${of}`);
  must(await flashDisk({ path, bytes: 24 * MIB, image: bytesOf(image), onProgress, signal }));
  const disk = await readFile(join(folder, 'disk'));
  t.is(sha256(disk.subarray(0, image.length)), sha256(image));
  const old = fillerBytes('old data', 24 * MIB);
  const end = 24 * MIB - 34 * 512;
  t.true(disk.subarray(image.length, end).equals(old.subarray(image.length, end)));
  t.true(disk.subarray(end).every((byte) => byte === 0));
  t.deepEqual(
    [steps[0], steps[2], steps.at(-1)],
    [
      `write 4194304 of ${image.length}`,
      `write ${image.length} of ${image.length}`,
      `verify ${image.length} of ${image.length}`,
    ],
  );
});

test('a stream that breaks off, and one that is stopped, leave a disk that nothing starts from', async (t) => {
  const folder = await folderOf(t);
  const path = await loopDisk(t, folder, 16);
  if (path === undefined) return;
  const image = fillerBytes('image', 12 * MIB);
  const short = await flashDisk({
    path,
    bytes: 16 * MIB,
    image: bytesOf(image.subarray(0, 9 * MIB), { bytes: image.length }),
    signal,
  });
  t.regex(short.ok ? '' : short.error.detail, /ended at byte 9437184 of 12582912/);
  const firstSector = async (): Promise<boolean> =>
    (await readFile(join(folder, 'disk'))).subarray(0, 512).every((byte) => byte === 0);
  t.true(await firstSector());
  const stop = new AbortController();
  const stopped = flashDisk({
    path,
    bytes: 16 * MIB,
    image: bytesOf(image),
    onProgress: (step) => step === 'verify' && stop.abort(new Error('ctrl-C')),
    signal: stop.signal,
  });
  await t.throwsAsync(stopped, { message: 'ctrl-C' });
  t.true(await firstSector());
  const late = flashDisk({ path, bytes: 16 * MIB, image: bytesOf(image), signal: stop.signal });
  await t.throwsAsync(late, { message: 'ctrl-C' });
});

test('a disk that is too small, mounted, or not there is not touched', async (t) => {
  const folder = await folderOf(t);
  const path = await loopDisk(t, folder, 16);
  if (path === undefined) return;
  const before = sha256(await readFile(join(folder, 'disk')));
  const image = bytesOf(fillerBytes('image', 17 * MIB));
  const small = await flashDisk({ path, bytes: 16 * MIB, image, signal });
  t.is(small.ok ? '' : small.error.code, 'TARGET_TOO_SMALL');
  t.is(sha256(await readFile(join(folder, 'disk'))), before);
  await run('mkfs.ext4', ['-q', path]);
  const point = join(folder, 'mounted');
  await mkdir(point);
  await run('mount', [path, point]);
  t.teardown(async () => await run('umount', [point]).catch(() => undefined));
  const held = await flashDisk({ path, bytes: 16 * MIB, image: bytesOf(fillerBytes('image', MIB)), signal });
  t.is(held.ok ? '' : held.error.code, 'TARGET_BUSY');
  const devices = await readBlockDevices();
  const number = await deviceNumber(path);
  t.true(devices.mounts.some((mount) => mount.number === number && mount.point === point));
  await run('umount', [point]);
  const none = await flashDisk({ path: join(folder, 'none'), bytes: MIB, image: bytesOf(new Uint8Array(512)), signal });
  t.is(none.ok ? '' : none.error.code, 'IMAGE_IO');
});

test('a card that gives back something else is found out, and does not start', async (t) => {
  const folder = await folderOf(t);
  const path = await loopDisk(t, folder, 16);
  if (path === undefined) return;
  const image = fillerBytes('image', 12 * MIB);
  const backing = await open(join(folder, 'disk'), 'r+');
  t.teardown(async () => await backing.close());
  let spoilt: Promise<unknown> | undefined;
  const worn = await flashDisk({
    path,
    bytes: 16 * MIB,
    image: {
      bytes: image.length,
      chunks: (async function* () {
        yield image.subarray(0, 11 * MIB);
        // 8 MiB are on the disk by now; one bit of them goes bad below the block device.
        spoilt = backing.write(Uint8Array.of((image[5 * MIB] ?? 0) ^ 1), 0, 1, 5 * MIB).then(() => backing.sync());
        await spoilt;
        yield image.subarray(11 * MIB);
      })(),
    },
    signal,
  });
  t.truthy(spoilt);
  t.is(worn.ok ? '' : worn.error.code, 'VERIFY_FAILED');
  t.regex(worn.ok ? '' : worn.error.detail, /from MiB 4 on/);
  t.true((await readFile(join(folder, 'disk'))).subarray(0, 512).every((byte) => byte === 0));
});

test('this machine’s disks as the kernel tells them: a loop device has its size, and is no partition', async (t) => {
  const folder = await folderOf(t);
  const path = await loopDisk(t, folder, 16);
  if (path === undefined) return;
  const number = await deviceNumber(path);
  const disk = (await readBlockDevices()).disks.find((known) => known.number === number);
  t.like(disk, { name: path.replace('/dev/', ''), bytes: 16 * MIB, readOnly: false, backing: join(folder, 'disk') });
  t.is(await deviceNumber(join(folder, 'disk')), undefined);
  t.is(await deviceNumber('/dev/none-of-that-name'), undefined);
});

test('what is on a disk, in words', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'base.img');
  await makeLabBase({ file, format: 'cloud-init' });
  t.is(await diskContents(file, (await stat(file)).size), '2 partitions, the first one called bootfs');
  await writeFile(file, new Uint8Array(MIB));
  t.is(await diskContents(file, MIB), 'no partition table');
  await writeFile(file, fillerBytes('x', MIB));
  t.regex(await diskContents(file, MIB), /something else may be on it/);
  await t.throwsAsync(diskContents(join(folder, 'none'), MIB), { code: 'ENOENT' });
});

test('an image file: whole under its name, with holes, for its owner only; else nothing is there', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'board.img');
  const image = new Uint8Array(32 * MIB);
  image.set(fillerBytes('some', 2 * MIB), 9 * MIB);
  await writeFile(file, 'an older one');
  must(await saveImage({ file, image: bytesOf(image), signal }));
  t.is(sha256(await readFile(file)), sha256(image));
  const { blocks, mode } = await stat(file);
  t.true(blocks * 512 < 8 * MIB, `${blocks * 512} bytes on disk`);
  t.is(mode & 0o777, 0o600);
  const broken = await saveImage({ file, image: bytesOf(image.subarray(0, 5 * MIB), { bytes: image.length }), signal });
  t.is(broken.ok ? '' : broken.error.code, 'IMAGE_IO');
  t.is(sha256(await readFile(file)), sha256(image), 'the older one is as it was');
  t.deepEqual(await readdir(folder), ['board.img']);
  const nowhere = await saveImage({ file: join(folder, 'none/x.img'), image: bytesOf(image), signal });
  t.is(nowhere.ok ? '' : nowhere.error.code, 'IMAGE_IO');
});

test('a file is an image if it has a partition table; a packed one says what to do', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'base.img');
  await makeLabBase({ file, format: 'device-init' });
  const image = must(await imageFile(file));
  const copy = join(folder, 'copy.img');
  must(await saveImage({ file: copy, image, signal }));
  t.is(sha256(await readFile(copy)), sha256(await readFile(file)));
  await writeFile(file, fillerBytes('no image', 4096));
  const other = await imageFile(file);
  t.regex(other.ok ? '' : other.error.code, /^PARTITION_/);
  // As most of them it has no whole number of sectors.
  await writeFile(file, Buffer.concat([Buffer.from('1f8b08', 'hex'), fillerBytes('packed', 4096)]));
  const packed = await imageFile(file);
  t.regex(packed.ok ? '' : packed.error.detail, /is packed as gzip: unpack it first/);
  await writeFile(file, fillerBytes('odd', 1000));
  const odd = await imageFile(file);
  t.is(odd.ok ? '' : odd.error.code, 'BASE_SIZE');
});
