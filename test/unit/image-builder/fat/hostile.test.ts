/** Damaged and malicious volumes: every answer is a Result, in bounded time. */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { must, type Result } from '../../../../config/result.ts';
import { changedSectors, memorySource, zeroSource } from '../../../../image-builder/device.ts';
import type { ImageProblem } from '../../../../image-builder/errors.ts';
import { formatFat } from '../../../../image-builder/fat/format.ts';
import { listFiles, openVolume, readFile, type Volume } from '../../../../image-builder/fat/volume.ts';
import { freeBytes, makeDirectory, remove, writeFile } from '../../../../image-builder/fat/write.ts';

const BYTES = 3 * 1024 * 1024;

type Built = { readonly image: Uint8Array; readonly volume: Volume };

/** FAT16 of 3 MiB: LOOP.BIN (4 clusters from cluster 3), SUB (cluster 2), SUB/INNER.TXT. */
async function build(): Promise<Built> {
  const layer = changedSectors(zeroSource(BYTES));
  await formatFat(layer.device, { offset: 0, bytes: BYTES, label: 'HOSTILE', volumeId: 1 });
  const volume = must(await openVolume(layer.device, { offset: 0, bytes: BYTES }));
  must(await makeDirectory(volume, 'SUB'));
  must(await writeFile(volume, 'LOOP.BIN', new Uint8Array(2000)));
  must(await writeFile(volume, 'SUB/INNER.TXT', Buffer.from('inner')));
  const image = new Uint8Array(BYTES);
  await layer.device.read(image, 0);
  return { image, volume };
}

async function openImage(image: Uint8Array): Promise<Result<Volume, ImageProblem>> {
  return await openVolume(changedSectors(memorySource(image)).device, { offset: 0, bytes: BYTES });
}

/** Sets a table entry in both copies. */
function setFat({ image, volume }: Built, cluster: number, value: number): void {
  for (const copy of volume.geometry.fatCopies) new DataView(image.buffer).setUint16(copy + cluster * 2, value, true);
}

const code = (result: Result<unknown, ImageProblem>): string => (result.ok ? 'ok' : result.error.code);
const clustersOfLoop = 3;

const chains: readonly (readonly [name: string, cluster: number, value: number, code: string])[] = [
  ['a chain that bites its own tail', clustersOfLoop + 3, clustersOfLoop, 'FAT_CLUSTER_LOOP'],
  ['a cluster that follows itself', clustersOfLoop + 1, clustersOfLoop + 1, 'FAT_CLUSTER_LOOP'],
  ['a chain that runs out of the volume', clustersOfLoop + 1, 0xfff0, 'FAT_CLUSTER_RANGE'],
  ['a chain into a free cluster', clustersOfLoop + 1, 0, 'FAT_CLUSTER_RANGE'],
  ['a chain into a bad cluster', clustersOfLoop + 1, 0xfff7, 'FAT_CLUSTER_RANGE'],
  ['a chain that ends too early', clustersOfLoop + 1, 0xffff, 'FAT_CHAIN_SHORT'],
];

for (const [name, cluster, value, expected] of chains) {
  test(`${name}: reading → ${expected}`, async (t) => {
    const built = await build();
    setFat(built, cluster, value);
    const volume = must(await openImage(built.image));
    t.is(code(await readFile(volume, 'loop.bin')), expected);
    const removed = code(await remove(volume, 'loop.bin'));
    t.is(removed, expected === 'FAT_CHAIN_SHORT' ? 'ok' : expected);
  });
}

test('a directory that is its own child ends as damage', async (t) => {
  const built = await build();
  // SUB/INNER.TXT is SUB's third slot; it becomes a directory that starts at SUB's own cluster.
  const slot = built.volume.geometry.dataOffset + 64;
  built.image[slot + 11] = 0x10;
  new DataView(built.image.buffer).setUint16(slot + 26, 2, true);
  const volume = must(await openImage(built.image));
  t.is(code(await listFiles(volume)), 'FAT_DAMAGED_DIRECTORY');
});

test('a directory chain that loops ends as a loop', async (t) => {
  const built = await build();
  setFat(built, 2, 2);
  const volume = must(await openImage(built.image));
  t.is(code(await listFiles(volume)), 'FAT_CLUSTER_LOOP');
  t.is(code(await writeFile(volume, 'SUB/NEW.TXT', new Uint8Array(1))), 'FAT_CLUSTER_LOOP');
});

test('paths are inside the volume and of the right kind', async (t) => {
  const { image } = await build();
  const volume = must(await openImage(image));
  const answers = {
    '..': code(await readFile(volume, '../etc/passwd')),
    'a directory read': code(await readFile(volume, 'SUB')),
    'a file as a folder': code(await readFile(volume, 'LOOP.BIN/X')),
    'a directory written': code(await writeFile(volume, 'sub', new Uint8Array(1))),
    'a file made a directory': code(await makeDirectory(volume, 'LOOP.BIN/SUB')),
    'a full directory removed': code(await remove(volume, 'SUB')),
    'larger than asked for': code(await readFile(volume, 'LOOP.BIN', 1999)),
  };
  t.deepEqual(answers, {
    '..': 'FAT_BAD_NAME',
    'a directory read': 'FAT_NOT_A_FILE',
    'a file as a folder': 'FAT_NOT_A_DIRECTORY',
    'a directory written': 'FAT_NOT_A_FILE',
    'a file made a directory': 'FAT_NOT_A_DIRECTORY',
    'a full directory removed': 'FAT_NOT_EMPTY',
    'larger than asked for': 'FAT_FILE_TOO_LARGE',
  });
  t.is(must(await readFile(volume, 'nothing/here')), undefined);
  t.false(must(await remove(volume, 'nothing')));
});

async function useAll(t: ExecutionContext, image: Uint8Array): Promise<void> {
  const opened = await openImage(image);
  if (!opened.ok) {
    t.regex(opened.error.code, /^(FAT|IMAGE)_/);
    return;
  }
  const volume = opened.value;
  const results = [
    await listFiles(volume),
    await readFile(volume, 'LOOP.BIN', 1 << 20),
    await readFile(volume, 'SUB/INNER.TXT', 1 << 20),
    await freeBytes(volume),
    await writeFile(volume, 'SUB/a longer name.txt', new Uint8Array(3000)),
    await writeFile(volume, 'LOOP.BIN', new Uint8Array(100)),
    await remove(volume, 'SUB/INNER.TXT'),
  ];
  t.true(results.every((result) => result.ok || /^(FAT|IMAGE)_/.test(result.error.code)));
}

test('any few bytes of the structures changed: only Results come back', async (t) => {
  const { image, volume } = await build();
  const root = 'offset' in volume.geometry.root ? volume.geometry.root.offset : 0;
  const { fatOffset, dataOffset } = volume.geometry;
  const place = fc.oneof(
    fc.integer({ min: 0, max: 63 }),
    fc.integer({ min: fatOffset, max: fatOffset + 32 }),
    fc.integer({ min: root, max: root + 160 }),
    fc.integer({ min: dataOffset, max: dataOffset + 160 }),
  );
  const change = fc.tuple(place, fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 3, 0x0f, 0x10, 0xff)));
  const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), async (changes) => {
    const spoilt = image.slice();
    for (const [at, byte] of changes) spoilt[at] = byte;
    await useAll(t, spoilt);
  });
  await fc.assert(property, { numRuns: 300 });
});

test('an image that ends early is a problem, not an exception', async (t) => {
  const { image } = await build();
  const short = await openVolume(changedSectors(memorySource(image.slice(0, 8192))).device, {
    offset: 0,
    bytes: BYTES,
  });
  t.is(code(await listFiles(must(short))), 'IMAGE_IO');
});
