/** Our FAT writer against mtools and fsck.vfat: whatever we do to a volume, they see the same files and no damage. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile as save } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { changedSectors, layeredSource, memorySource, zeroSource } from '../../image-builder/device.ts';
import { formatFat } from '../../image-builder/fat/format.ts';
import { listFiles, openVolume, readFile as readFat } from '../../image-builder/fat/volume.ts';
import { freeBytes, remove, writeFile } from '../../image-builder/fat/write.ts';
import { fillerBytes } from '../support/images.ts';

const run = promisify(execFile);
const MEBIBYTE = 1024 * 1024;

const workDirectory = async (t: ExecutionContext): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'bramble-fat-'));
  t.teardown(async () => await rm(directory, { recursive: true, force: true }));
  return directory;
};

const sorted = (texts: readonly string[]): string[] => [...texts].sort((a, b) => (a < b ? -1 : 1));

/** Lower-case path → content: what both sides have to show. */
type Model = Map<string, { readonly path: string; readonly bytes: Uint8Array }>;

/** Both views of one volume file against the model. */
async function compare(t: ExecutionContext, image: string, out: string, model: Model): Promise<void> {
  const fsck = await run('fsck.vfat', ['-n', '-v', image]).catch((error: unknown) => error);
  t.false(fsck instanceof Error, fsck instanceof Error && 'stdout' in fsck ? String(fsck.stdout) : '');
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const env = { ...process.env, MTOOLSRC: '/dev/null', MTOOLS_SKIP_CHECK: '1', LC_ALL: 'C.UTF-8' };
  // Quirk: mdir calls an empty root "not found".
  if (model.size === 0) return;
  const { stdout } = await run('mdir', ['-b', '-a', '-/', '-i', image, '::'], { env });
  const files = stdout
    .split('\n')
    .filter((line) => line.startsWith('::/') && !line.endsWith('/'))
    .map((line) => line.slice(3));
  t.deepEqual(sorted(files), sorted([...model.values()].map((file) => file.path)));
  await run('mcopy', ['-s', '-n', '-i', image, '::/*', out], { env });
  for (const file of model.values()) t.true((await readFile(join(out, file.path))).equals(file.bytes), file.path);
}

type Maker = (image: string) => Promise<void>;
const mkfs =
  (bits: string, megabytes: number): Maker =>
  async (image) => {
    await save(image, '');
    await run('truncate', ['-s', `${megabytes}M`, image]);
    await run('mkfs.vfat', ['-F', bits, '-s', '1', image]);
  };
const ours =
  (megabytes: number): Maker =>
  async (image) => {
    const card = changedSectors(zeroSource(megabytes * MEBIBYTE));
    await formatFat(card.device, { offset: 0, bytes: megabytes * MEBIBYTE, label: 'BRAMBLE', volumeId: 0x4272616d });
    await saveSource(image, layeredSource(zeroSource(megabytes * MEBIBYTE), card.sectors));
  };

async function saveSource(
  image: string,
  source: { size: number; read: (into: Uint8Array, at: number) => Promise<number> },
): Promise<void> {
  const bytes = new Uint8Array(source.size);
  await source.read(bytes, 0);
  await save(image, bytes);
}

test('our own format is clean to fsck.vfat at every size class', async (t) => {
  const directory = await workDirectory(t);
  for (const megabytes of [3, 16, 31, 33, 35, 36, 64, 259, 261]) {
    const image = join(directory, `${megabytes}.img`);
    await ours(megabytes)(image);
    await compare(t, image, join(directory, 'out'), new Map());
    const volume = must(
      await openVolume(changedSectors(memorySource(await readFile(image))).device, {
        offset: 0,
        bytes: megabytes * MEBIBYTE,
      }),
    );
    t.is(volume.geometry.type, megabytes < 36 ? 16 : 32);
    await rm(image);
  }
});

test('a full volume says so, stays clean, and is free again after removing', async (t) => {
  const directory = await workDirectory(t);
  const image = join(directory, 'full.img');
  await mkfs('16', 5)(image);
  const layer = changedSectors(memorySource(await readFile(image)));
  const volume = must(await openVolume(layer.device, { offset: 0, bytes: 5 * MEBIBYTE }));
  const free = must(await freeBytes(volume));
  const bytes = fillerBytes('all', free);
  must(await writeFile(volume, 'all.bin', bytes));
  t.is(must(await freeBytes(volume)), 0);
  const more = await writeFile(volume, 'more.bin', new Uint8Array(1));
  t.false(more.ok);
  t.is(more.ok ? '' : more.error.code, 'FAT_FULL');
  await saveSource(image, layeredSource(memorySource(await readFile(image)), layer.sectors));
  await compare(t, image, join(directory, 'out'), new Map([['all.bin', { path: 'all.bin', bytes }]]));
  t.true(must(await remove(volume, 'ALL.BIN')));
  t.is(must(await freeBytes(volume)), free);
});

test('a directory grows over many clusters; the fixed FAT16 root is full at last', async (t) => {
  const directory = await workDirectory(t);
  const image = join(directory, 'many.img');
  await mkfs('16', 5)(image);
  const layer = changedSectors(memorySource(await readFile(image)));
  const volume = must(await openVolume(layer.device, { offset: 0, bytes: 5 * MEBIBYTE }));
  const model: Model = new Map();
  for (let turn = 0; turn < 300; turn += 1) {
    const file = { path: `overlays/some-overlay-${turn}.dtbo`, bytes: fillerBytes(`${turn}`, turn % 3) };
    must(await writeFile(volume, file.path, file.bytes));
    model.set(file.path, file);
  }
  let last = 'none';
  for (let turn = 0; turn < 600 && last !== 'FAT_DIRECTORY_FULL'; turn += 1) {
    const file = `ROOT${turn}`;
    const result = await writeFile(volume, file, new Uint8Array(0));
    if (result.ok) model.set(file, { path: file, bytes: new Uint8Array(0) });
    else last = result.error.code;
  }
  t.is(last, 'FAT_DIRECTORY_FULL');
  await saveSource(image, layeredSource(memorySource(await readFile(image)), layer.sectors));
  await compare(t, image, join(directory, 'out'), model);
});

test('what mtools writes, we read: long names, aliases, lower-case bits, fragments', async (t) => {
  const directory = await workDirectory(t);
  const image = join(directory, 'foreign.img');
  await mkfs('32', 36)(image);
  const env = { ...process.env, MTOOLSRC: '/dev/null', MTOOLS_SKIP_CHECK: '1' };
  const put = async (name: string, length: number): Promise<void> => {
    await save(join(directory, 'file'), fillerBytes(name, length));
    await run('mcopy', ['-o', '-i', image, join(directory, 'file'), `::${name}`], { env });
  };
  await put('gap.bin', 3000);
  await put('overlay-with-a-long-name.dtbo', 700);
  await run('mdel', ['-i', image, '::gap.bin'], { env });
  await put('Kernel8.img', 40_000);
  const volume = must(
    await openVolume(changedSectors(memorySource(await readFile(image))).device, { offset: 0, bytes: 36 * MEBIBYTE }),
  );
  t.deepEqual(
    must(await listFiles(volume))
      .map((file) => file.path)
      .sort(),
    ['Kernel8.img', 'overlay-with-a-long-name.dtbo'],
  );
  t.true(
    Buffer.from(fillerBytes('Kernel8.img', 40_000)).equals(
      must(await readFat(volume, 'KERNEL8.IMG')) ?? new Uint8Array(0),
    ),
  );
  t.true(
    Buffer.from(fillerBytes('overlay-with-a-long-name.dtbo', 700)).equals(
      must(await readFat(volume, 'overla~1.dtb')) ?? new Uint8Array(0),
    ),
  );
});
