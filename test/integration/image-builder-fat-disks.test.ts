/**
 * Random file operations on FAT volumes in MBR and GPT disks, whoever formatted them: after each batch mtools and fsck.vfat
 * see what we think that we wrote, and what mtools writes, we read.
 */
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile as save } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { must } from '../../config/result.ts';
import { changedSectors, memorySource } from '../../image-builder/device.ts';
import { listFiles, openVolume, readFile as readFat, type Volume } from '../../image-builder/fat/volume.ts';
import { freeBytes, makeDirectory, remove, writeFile } from '../../image-builder/fat/write.ts';
import { fillerBytes } from '../support/images.ts';
import {
  compareWithForeign,
  type DiskKind,
  env,
  type Model,
  makeDisk,
  openDiskVolume,
  run,
  sorted,
  writeSectors,
} from './image-builder-fat-fixture.ts';

/** Names that share their first six letters, look like others' 8.3 names, or are long, spaced, dotted, beyond ASCII. */
const names = [
  ...['config.txt', 'CMDLINE.TXT', 'x', 'a.b.c.txt', '.hidden', 'LOWER.ext', 'no-extension-but-long'],
  ...['network-config', 'network-config.old', 'network-configuration', 'networ.txt', 'NETWORKS.TXT'],
  ...['überlänge.txt', 'straße.cfg', 'STRASSE.CFG', '日本語.txt', 'brackets [1] + semi;colon,comma=.ini'],
  ...[`${'n'.repeat(120)}.bin`, 'thirteen-char', 'twenty-six-characters-long', 'bcm2710-rpi-3-b-plus.dtb'],
];
const folders = ['', 'bramble/', 'overlays/', 'Overlays Of Long Name/', 'overlays/deep/Deeper still/'];
const path = fc
  .tuple(fc.constantFrom(...folders), fc.constantFrom(...names), fc.constantFrom('', 'upper', 'lower'))
  .map(
    ([folder, name, style]) =>
      folder + (style === 'upper' ? upper(name) : style === 'lower' ? name.toLowerCase() : name),
  );
/** ASCII only: what `ß` becomes is not asked here. */
const upper = (name: string): string => name.replace(/[a-z]/g, (char) => char.toUpperCase());

/** In clusters and bytes around their boundary. */
const size = fc.oneof(
  fc.record({ clusters: fc.integer({ min: 0, max: 20 }), bytes: fc.constantFrom(-1, 0, 1, 100) }),
  fc.record({ clusters: fc.constant(0), bytes: fc.integer({ min: 0, max: 60_000 }) }),
);
type Size = { readonly clusters: number; readonly bytes: number };
type Operation =
  | { readonly kind: 'write'; readonly path: string; readonly size: Size }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'mkdir'; readonly path: string }
  /** A file as large as all that is free, then one more byte, then without it. */
  | { readonly kind: 'fill' };
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('write' as const), path, size }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove' as const), path }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mkdir' as const), path: fc.constantFrom(...folders) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fill' as const) }) },
);
const batches = fc.array(fc.array(operation, { minLength: 5, maxLength: 20 }), { minLength: 2, maxLength: 2 });

async function apply(t: ExecutionContext, volume: Volume, model: Model, step: Operation, turn: number): Promise<void> {
  const { clusterBytes } = volume.geometry;
  if (step.kind === 'mkdir') {
    must(await makeDirectory(volume, step.path));
  } else if (step.kind === 'remove') {
    t.is(must(await remove(volume, step.path)), model.delete(step.path.toLowerCase()), `removing ${step.path}`);
  } else if (step.kind === 'write') {
    const bytes = fillerBytes(`${step.path}${turn}`, Math.max(0, step.size.clusters * clusterBytes + step.size.bytes));
    must(await writeFile(volume, step.path, bytes));
    const key = step.path.toLowerCase();
    model.set(key, { path: model.get(key)?.path ?? step.path, bytes });
  } else {
    await fill(t, volume);
  }
}

async function fill(t: ExecutionContext, volume: Volume): Promise<void> {
  const free = must(await freeBytes(volume));
  const over = await writeFile(volume, 'FILL.BIN', new Uint8Array(free + 1));
  t.like(over, { ok: false, error: { code: 'FAT_FULL' } });
  t.is(must(await freeBytes(volume)), free, 'nothing was taken for what did not fit');
  const filled = await writeFile(volume, 'FILL.BIN', new Uint8Array(free));
  // The root directory may have to grow for it by a cluster, which is then not there.
  if (!filled.ok) t.is(filled.error.code, 'FAT_FULL');
  t.is(must(await freeBytes(volume)), filled.ok ? 0 : free);
  t.is(must(await remove(volume, 'fill.bin')), filled.ok);
}

/** Printed, so that what failed can be had again: `BRAMBLE_FAT_SEED=…`. */
const seed = Number(process.env['BRAMBLE_FAT_SEED'] ?? Date.now() % 2 ** 31);
const bounded = { seed, numRuns: 3, endOnFailure: true };

const weWrite = test.macro(async (t, kind: DiskKind) => {
  t.timeout(180_000);
  t.log(`seed ${seed}`);
  const disk = await makeDisk(t, kind);
  const property = fc.asyncProperty(batches, async (given) => {
    await save(disk.file, disk.empty);
    const layer = changedSectors(memorySource(disk.empty));
    const volume = must(await openVolume(layer.device, disk.partition));
    t.is(volume.geometry.type, kind.type);
    const model: Model = new Map();
    // mdir calls an empty root "not found".
    await apply(t, volume, model, { kind: 'write', path: 'first.txt', size: { clusters: 1, bytes: 0 } }, -1);
    let turn = 0;
    for (const batch of given) {
      for (const step of batch) await apply(t, volume, model, step, turn++);
      await writeSectors(disk.file, layer.sectors);
      await compareWithForeign(t, disk, model);
    }
  });
  await fc.assert(property, bounded);
});

/** What mtools put there, in an order and with removals that leave holes. */
const mtoolsWrites = test.macro(async (t, kind: DiskKind) => {
  t.timeout(180_000);
  t.log(`seed ${seed}`);
  const disk = await makeDisk(t, kind);
  // mtools writes what fits into 8.3 in a code page that is nowhere written down, if it is beyond ASCII.
  const plain = path.filter((one) => !one.toLowerCase().endsWith('straße.cfg'));
  const step = fc.record({ path: plain, size: fc.integer({ min: 0, max: 40_000 }), remove: fc.boolean() });
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
    await save(disk.file, disk.empty);
    const tree = `${disk.file}.tree`;
    for (const folder of folders.slice(1)) await mkdir(join(tree, folder), { recursive: true });
    await run(
      'mcopy',
      [
        '-s',
        '-n',
        '-i',
        disk.drive,
        ...['bramble', 'overlays', 'Overlays Of Long Name'].map((one) => join(tree, one)),
        '::',
      ],
      { env },
    );
    const model: Model = new Map();
    for (const [turn, one] of steps.entries()) {
      const key = one.path.toLowerCase();
      const known = model.get(key);
      if (known !== undefined && one.remove) {
        await run('mdel', ['-i', disk.drive, `::${known.path.replace(/[[\]]/g, '?')}`], { env });
        model.delete(key);
        continue;
      }
      const bytes = fillerBytes(`${one.path}${turn}`, one.size);
      const name = known?.path ?? one.path;
      await save(join(tree, name), bytes);
      await run('mcopy', ['-o', '-i', disk.drive, join(tree, name), `::${dirname(name)}`], { env });
      model.set(key, { path: name, bytes });
    }
    const volume = await openDiskVolume(disk);
    const seen = must(await listFiles(volume)).map((file) => `${file.path} ${file.size}`);
    t.deepEqual(sorted(seen), sorted([...model.values()].map((file) => `${file.path} ${file.bytes.length}`)));
    for (const file of model.values()) {
      t.true(Buffer.from(must(await readFat(volume, upper(file.path))) ?? []).equals(file.bytes), file.path);
    }
    const { stdout } = await run('mdir', ['-a', '-i', disk.drive, '::'], { env });
    const shown = /([\d ]+) bytes free/.exec(stdout)?.[1] ?? '';
    t.is(must(await freeBytes(volume)), Number(shown.replaceAll(' ', '')));
    await rm(tree, { recursive: true });
  });
  await fc.assert(property, bounded);
});

const kinds: readonly DiskKind[] = [
  { maker: 'mkfs.vfat', type: 16, table: 'dos', perCluster: 4 },
  { maker: 'mkfs.vfat', type: 32, table: 'gpt' },
  { maker: 'mformat', type: 16, table: 'gpt' },
  { maker: 'mformat', type: 32, table: 'dos' },
  { maker: 'ours', type: 16, table: 'dos' },
  { maker: 'ours', type: 32, table: 'gpt' },
];
for (const kind of kinds) {
  const title = `FAT${kind.type} of ${kind.maker} in ${kind.table === 'gpt' ? 'a GPT' : 'an MBR'}`;
  test.serial(`${title}: what we do, mtools and fsck.vfat see`, weWrite, kind);
  test.serial(`${title}: what mtools does, we see`, mtoolsWrites, kind);
}

test.serial(
  'an 8.3 name finds the long name behind it, and a new long name makes way for an 8.3 name that is there',
  async (t) => {
    const disk = await makeDisk(t, { maker: 'mkfs.vfat', type: 16, table: 'dos' });
    const layer = changedSectors(memorySource(disk.empty));
    const volume = must(await openVolume(layer.device, disk.partition));
    const [a, b, c] = ['a', 'b', 'c'].map((name) => fillerBytes(name, 700));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three');
    must(await writeFile(volume, 'NETWOR~1', a));
    must(await writeFile(volume, 'network-config', b));
    // This is the file above, by its other name.
    must(await writeFile(volume, 'networ~2', c));
    await writeSectors(disk.file, layer.sectors);
    const model: Model = new Map();
    model.set('1', { path: 'NETWOR~1', bytes: a });
    model.set('2', { path: 'network-config', bytes: c });
    await compareWithForeign(t, disk, model);
  },
);

test.serial('a file that would just fit, but for the place of its name, is refused and takes nothing', async (t) => {
  const disk = await makeDisk(t, { maker: 'mkfs.vfat', type: 32, table: 'dos' });
  const layer = changedSectors(memorySource(disk.empty));
  const volume = must(await openVolume(layer.device, disk.partition));
  const model: Model = new Map();
  // With the label, the first cluster of the root is full.
  for (let number = 0; number < 15; number++) {
    must(await writeFile(volume, `F${number}`, Buffer.of(number)));
    model.set(`${number}`, { path: `F${number}`, bytes: Buffer.of(number) });
  }
  const free = must(await freeBytes(volume));
  t.like(await writeFile(volume, 'ALL.BIN', new Uint8Array(free)), { ok: false, error: { code: 'FAT_FULL' } });
  t.like(await writeFile(volume, 'deep/er/ALL.BIN', new Uint8Array(free)), { ok: false, error: { code: 'FAT_FULL' } });
  must(await remove(volume, 'deep/er'));
  await writeSectors(disk.file, layer.sectors);
  await compareWithForeign(t, disk, model);
});

/** Linux' own driver, where the kernel has one: without it this test says so by its title. */
const kernelHasVfat = /\tvfat$/m.test(readFileSync('/proc/filesystems', 'utf8'));
const mountTest = kernelHasVfat ? test.serial : test.skip;
const missing = kernelHasVfat ? '' : ' (this kernel has no vfat)';
mountTest(`what we wrote, Linux reads from a loop mount${missing}`, async (t) => {
  for (const type of [16, 32] as const) {
    const disk = await makeDisk(t, { maker: 'mkfs.vfat', type, table: 'dos' });
    const layer = changedSectors(memorySource(disk.empty));
    const volume = must(await openVolume(layer.device, disk.partition));
    const files = names.map((name, number) => ({
      path: `${folders[number % folders.length]}${name}`,
      bytes: fillerBytes(name, number * 300),
    }));
    for (const { path: name, bytes } of files) must(await writeFile(volume, name, bytes));
    await writeSectors(disk.file, layer.sectors);
    const point = `${disk.file}.mounted`;
    await mkdir(point);
    const { offset, bytes: sizelimit } = disk.partition;
    await run('mount', ['-t', 'vfat', '-o', `loop,ro,utf8,offset=${offset},sizelimit=${sizelimit}`, disk.file, point]);
    try {
      for (const { path: name, bytes } of files) t.true((await readFile(join(point, name))).equals(bytes), name);
    } finally {
      await run('umount', [point]);
    }
  }
});
