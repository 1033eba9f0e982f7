/**
 * A power cut at any byte leaves a join card or a finished system. Every write of the real script is recorded, and every
 * state that a cut may leave is looked at: whatever was not yet on the disk for certain may be there or not, sector by sector.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import type { SectorsPayload } from '../../daemon/http/endpoints/boot.ts';
import type { BootSource } from '../../daemon/lifecycle/device.ts';
import { memorySource, readOnlyDevice } from '../../image-builder/device.ts';
import { openVolume, readFile as readFatFile } from '../../image-builder/fat/volume.ts';
import { showDisk } from '../support/board-disks.ts';
import { FAT_SECTOR, makeFatDisk } from '../support/fat-disk.ts';
import { baseOf, bootFake, emptyFolder, installOf, runInstaller, serveFake, stop } from './installer-boot-fake.ts';
import {
  apply,
  brokenPromises,
  type DiskWrite,
  epochsOf,
  type Promised,
  recordedWrites,
  SECTOR,
  sectorOf,
} from './installer-writes.ts';

const execute = promisify(execFile);
const mebi = 1024 * 1024;
const base = baseOf(7 * mebi + 5 * SECTOR);
/** Partition and disk: a FAT32 is none with fewer than 65525 clusters. */
const sizes = { '16': { sectors: 8400, bytes: 24 * mebi }, '32': { sectors: 70_000, bytes: 80 * mebi } } as const;

/** Descending, as an overlay has them: files, a GPT, sector 0. */
const payload: SectorsPayload = (() => {
  const blob = Buffer.alloc(SECTOR * 40);
  for (let sector = 0; sector < 40; sector += 1) blob.fill(0x41 + sector, sector * SECTOR, (sector + 1) * SECTOR);
  blob.set([0x55, 0xaa], 39 * SECTOR + 510);
  return {
    runs: [
      { sector: 9000, count: 3, blobSector: 0 },
      { sector: 2100, count: 3, blobSector: 3 },
      { sector: 1, count: 33, blobSector: 6 },
      { sector: 0, count: 1, blobSector: 39 },
    ],
    blob,
  };
})();

/** The image that is to be on the disk, as far as the base goes. */
const finished = (() => {
  const image = Buffer.from(base);
  for (const { sector, count, blobSector } of payload.runs) {
    Buffer.from(payload.blob).copy(image, sector * SECTOR, blobSector * SECTOR, (blobSector + count) * SECTOR);
  }
  return image;
})();

const noise = (bytes: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: bytes }, (_, index) => Math.imul(index + seed, 2654435761) >>> 24));
const files = {
  'kernel8.img': noise(700_001, 1),
  'bramble-installer.cpio.gz': noise(300_017, 2),
  'config.txt': 'kernel=kernel8.img\ninitramfs bramble-installer.cpio.gz followkernel\n',
  'bramble/join.conf': 'server=http://192.168.1.10:8067\ncluster-key=00\ncluster=c\n',
};
const ownFiles = {
  ...files,
  'bramble/bramble-installer.cpio.gz': noise(1000, 3),
  'bramble/board.json': '{"deviceId":"d-0123456789ab","clusterId":"c","arming":"a"}\n',
};

type Medium = {
  readonly title: string;
  readonly source: BootSource;
  readonly kind: '16' | '32';
  readonly table?: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
};
const media: readonly Medium[] = [
  { title: 'a join card, FAT16', source: 'join-card', kind: '16', files },
  { title: 'a join card, FAT32', source: 'join-card', kind: '32', files },
  {
    title: 'an installed system',
    source: 'reinstall',
    kind: '32',
    files: ownFiles,
    table: `start=${FAT_SECTOR}, size=70000, type=c\nstart=73728, size=8192, type=83\n`,
  },
  {
    title: 'an installed system with a GPT',
    source: 'reinstall',
    kind: '16',
    files: ownFiles,
    table: `label: gpt\nstart=${FAT_SECTOR}, size=8400, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\nstart=12288, size=8192\n`,
  },
];

async function mediumIn(folder: string, { kind, table, files: content }: Medium): Promise<string> {
  const file = join(folder, 'disk');
  const wanted = { file, ...sizes[kind], kind, clusterSectors: 1, files: content };
  await makeFatDisk({ ...wanted, ...(table !== undefined && { table }) });
  await showDisk(folder, { name: 'mmcblk0', file, mmc: 'SD' });
  return file;
}

/** One run of the installer over the disk in `folder`; with `record`, what it wrote. */
async function install(t: ExecutionContext, folder: string, source: BootSource, record = false) {
  const fake = bootFake({ script: [() => installOf(base, payload), () => stop], base, payload });
  const recorded = join(folder, 'record');
  if (record) await mkdir(recorded);
  const run = await runInstaller(t, folder, {
    BRAMBLE_SERVER: await serveFake(t, fake),
    BRAMBLE_SOURCE: source,
    BRAMBLE_CARD: source === 'netboot' ? '' : 'mmcblk0',
    ...(record && { RECORD: recorded }),
  });
  return { fake, run, writes: record ? await recordedWrites(recorded) : [] };
}

/** Where sector 0's first partition is, if it is a table with nothing but one. */
function onlyPartition(sector0: Buffer): { from: number; sectors: number } | undefined {
  const [first, ...others] = [446, 462, 478, 494].map((at) => sector0.subarray(at, at + 16));
  if (sector0.readUInt16LE(510) !== 0xaa55 || first === undefined || others.some((entry) => entry[4] !== 0)) return;
  return { from: first.readUInt32LE(8), sectors: first.readUInt32LE(12) };
}

/** Our own FAT code, mtools and fsck.vfat agree that this is a boot partition with these files. */
async function boots(t: ExecutionContext, image: Buffer, from: number, medium: Medium, folder: string): Promise<void> {
  const place = { offset: from * SECTOR, bytes: sizes[medium.kind].sectors * SECTOR };
  const volume = must(await openVolume(readOnlyDevice(memorySource(image)), place));
  for (const [path, content] of Object.entries(medium.files)) {
    t.true(Buffer.from(content).equals(must(await readFatFile(volume, path)) ?? Buffer.alloc(0)), path);
  }
  const file = join(folder, 'state');
  await writeFile(file, image);
  for (const [path, content] of Object.entries(medium.files)) {
    const copy = join(folder, 'copy');
    await execute('mcopy', ['-n', '-o', '-i', `${file}@@${place.offset}`, `::${path}`, copy], {
      env: { ...process.env, MTOOLS_SKIP_CHECK: '1' },
    });
    t.true(Buffer.from(content).equals(await readFile(copy)), path);
  }
  await writeFile(file, image.subarray(place.offset, place.offset + place.bytes));
  await execute('fsck.vfat', ['-n', file]);
}

for (const medium of media) {
  test(`over ${medium.title}: at each power cut it starts the installer, or the finished system`, async (t) => {
    const folder = await emptyFolder(t);
    const disk = await mediumIn(folder, medium);
    const before = await readFile(disk);
    const { run, fake, writes } = await install(t, folder, medium.source, true);
    t.is(run.code, 0, run.log);
    t.true(run.rebooted);
    t.is(fake.claims[0]?.disks[0]?.content, 'ours');
    const after = await readFile(disk);
    t.true(finished.equals(after.subarray(0, finished.length)));

    // The record is whole: written over the old disk it gives the new one.
    const replayed = Buffer.from(before);
    for (const write of writes) apply(replayed, write);
    t.true(replayed.equals(after));

    const tables = writes.filter(({ sector, data }) => sector === 0 && data.length > 0);
    t.deepEqual(
      tables.map(({ data, durable }) => [data.length, durable]),
      [
        [SECTOR, true],
        [SECTOR, true],
      ],
    );
    const moved = tables[0]?.data ?? Buffer.alloc(SECTOR);
    const kept = onlyPartition(moved);
    if (kept === undefined) return t.fail('sector 0 does not lead to the copy');
    const cardSectors = sizes[medium.kind].sectors;
    t.is(kept.sectors, cardSectors);
    t.true(kept.from * SECTOR >= base.length, 'behind the image');

    const midway = stateAfter(before, writes, (write) => write.sector === 0 && write.data.length > 0);
    await boots(t, before, FAT_SECTOR, medium, folder);
    await boots(t, midway, kept.from, medium, folder);
    t.is(midway.readUInt32LE(kept.from * SECTOR + 28), kept.from, 'hidden sectors');

    const area = (image: Buffer, from: number): Buffer => image.subarray(from * SECTOR, (from + cardSectors) * SECTOR);
    const promises: readonly Promised[] = [
      { name: 'the card', sector0: sectorOf(before, 0), from: FAT_SECTOR, content: area(before, FAT_SECTOR) },
      { name: 'its copy', sector0: moved, from: kept.from, content: area(midway, kept.from) },
      { name: 'the system', sector0: sectorOf(finished, 0), from: 0, content: finished },
    ];
    const epochs = epochsOf(writes);
    t.true(epochs.length > 5);
    t.deepEqual([...brokenPromises(before, epochs, promises)].slice(0, 5), []);

    // The key of a join card does not stay behind.
    t.is(
      area(after, kept.from).every((byte) => byte === 0),
      medium.source === 'join-card',
    );
  });
}

/** The disk once the first write that fits was made. */
function stateAfter(before: Buffer, writes: readonly DiskWrite[], fits: (write: DiskWrite) => boolean): Buffer {
  const image = Buffer.from(before);
  for (const write of writes) {
    apply(image, write);
    if (fits(write)) break;
  }
  return image;
}

test('a promise that is broken is seen: the check can fail', async (t) => {
  const card = Buffer.alloc(SECTOR * 4, 7);
  const table = Buffer.alloc(SECTOR, 1);
  const promises: readonly Promised[] = [
    { name: 'old', sector0: sectorOf(card, 0), from: 1, content: card.subarray(SECTOR) },
    { name: 'new', sector0: table, from: 1, content: Buffer.alloc(SECTOR * 3, 9) },
  ];
  const data = { sector: 1, data: Buffer.alloc(SECTOR * 3, 9) };
  const last = { sector: 0, data: table, durable: true };
  t.true([...brokenPromises(card, [[{ ...data, durable: false }, last]], promises)].length > 0, 'without a barrier');
  t.true([...brokenPromises(card, [[{ ...data, durable: true }], [last]], promises)].length > 0, 'over the old one');
  t.true(
    [...brokenPromises(card, [[{ sector: 0, data: Buffer.alloc(SECTOR, 3), durable: true }]], promises)].length > 0,
  );
  const fresh = Buffer.concat([card.subarray(0, SECTOR), Buffer.alloc(SECTOR * 3, 9)]);
  const [, grown] = promises;
  const only = grown === undefined ? [] : [{ ...grown, sector0: sectorOf(card, 0) }, grown];
  t.deepEqual([...brokenPromises(fresh, [[last]], only)], []);
});

test('after a power cut at any stage the installer that starts then finishes the work', async (t) => {
  const [medium] = media;
  if (medium === undefined) return t.fail();
  const folder = await emptyFolder(t);
  const disk = await mediumIn(folder, medium);
  const before = await readFile(disk);
  const { writes } = await install(t, folder, medium.source, true);
  const tables = writes.flatMap(({ sector, data }, number) => (sector === 0 && data.length > 0 ? [number] : []));
  const [moved = 0, final = 0] = tables;
  // In the middle of the copy; the sector that leads to it; in the stream; before the last sector.
  for (const [cut, torn] of [
    [moved - 1, 0.5],
    [moved, 1],
    [moved + 3, 0.3],
    [final, 0],
  ] as const) {
    const image = Buffer.from(before);
    for (const write of writes.slice(0, cut)) apply(image, write);
    const half = writes[cut];
    if (half !== undefined) {
      const whole = Math.floor((half.data.length / SECTOR) * torn) * SECTOR;
      apply(image, { ...half, data: half.data.subarray(0, whole) });
    }
    await writeFile(disk, image);
    const again = await install(t, folder, medium.source);
    t.is(again.run.code, 0, again.run.log);
    t.is(again.fake.claims[0]?.disks[0]?.content, 'ours', `cut at write ${cut}`);
    t.true(finished.equals((await readFile(disk)).subarray(0, finished.length)), `cut at write ${cut}`);
    // A copy that is there already is not made again.
    t.is(/copying its boot partition/.test(again.run.log), cut < moved, `cut at write ${cut}`);
  }
});

for (const source of ['join-card', 'reinstall'] as const) {
  test(`${source}: a daemon that does not take the installation: the finished system is not written over`, async (t) => {
    const folder = await emptyFolder(t);
    // With a boot partition that a second attempt could take for the installer's.
    const made = join(folder, 'system');
    await makeFatDisk({
      file: made,
      ...sizes['16'],
      bytes: 12 * mebi,
      kind: '16',
      clusterSectors: 1,
      table: `start=${FAT_SECTOR}, size=8400, type=e\nstart=12288, size=8192, type=83\n`,
      files: { 'kernel8.img': 'the system’s', 'bramble/board.json': '{"deviceId":"d-0123456789ab","clusterId":"c"}\n' },
    });
    const system = await readFile(made);
    const blob = Buffer.from(sectorOf(system, 0));
    const ownPayload: SectorsPayload = { runs: [{ sector: 0, count: 1, blobSector: 0 }], blob };
    const ownBase = Buffer.concat([Buffer.alloc(SECTOR), system.subarray(SECTOR)]);

    const content = source === 'join-card' ? files : ownFiles;
    const disk = await mediumIn(folder, { title: '', source, kind: '16', files: content });
    const before = await readFile(disk);
    const order = installOf(ownBase, ownPayload);
    const fake = bootFake({ script: [() => order, () => order, () => stop], base: ownBase, payload: ownPayload });
    const left: Buffer[] = [];
    const refusing = {
      ...fake,
      installed: async () => {
        left.push(await readFile(disk));
        return false;
      },
    };
    const recorded = join(folder, 'record');
    await mkdir(recorded);
    const run = await runInstaller(t, folder, {
      BRAMBLE_SERVER: await serveFake(t, refusing),
      BRAMBLE_SOURCE: source,
      BRAMBLE_CARD: 'mmcblk0',
      RECORD: recorded,
    });
    t.is(run.code, 0, run.log);
    t.true(run.rebooted);
    t.is(fake.claims.length, 1, 'it does not start over');

    const writes = await recordedWrites(recorded);
    const midway = stateAfter(before, writes, (write) => write.sector === 0 && write.data.length > 0);
    const kept = onlyPartition(sectorOf(midway, 0));
    if (kept === undefined) return t.fail('sector 0 does not lead to the copy');
    const area = (image: Buffer, from: number): Buffer => image.subarray(from * SECTOR, (from + 8400) * SECTOR);
    const promises: readonly Promised[] = [
      { name: 'the card', sector0: sectorOf(before, 0), from: FAT_SECTOR, content: area(before, FAT_SECTOR) },
      { name: 'its copy', sector0: sectorOf(midway, 0), from: kept.from, content: area(midway, kept.from) },
      { name: 'the system', sector0: blob, from: 0, content: system },
    ];
    t.deepEqual([...brokenPromises(before, epochsOf(writes), promises)].slice(0, 5), []);
    t.true(system.equals((await readFile(disk)).subarray(0, system.length)));
    // Once: its key is gone before anybody is told.
    const [told, ...more] = left.map((image) => image.includes('cluster-key='));
    t.deepEqual([told, more.length], [source !== 'join-card', 0]);
  });
}

test('a boot partition that holds no installer is not kept instead of the system that it is of', async (t) => {
  for (const source of ['join-card', 'reinstall'] as const) {
    const folder = await emptyFolder(t);
    const { 'bramble/join.conf': _, 'bramble/bramble-installer.cpio.gz': __, ...system } = ownFiles;
    const disk = await mediumIn(folder, { title: '', source, kind: '32', files: system });
    const before = await readFile(disk);
    const { fake, run } = await install(t, folder, source);
    t.is(run.code, 10, run.log);
    t.is(fake.failures[0]?.code, 'CARD_WITHOUT_INSTALLER');
    t.true(before.equals(await readFile(disk)));
  }
});

test('over a disk from the network: nothing starts from it until it is finished, and a cut leaves our mark', async (t) => {
  const folder = await emptyFolder(t);
  const factory: Medium = { title: '', source: 'netboot', kind: '16', files: {} };
  const disk = await mediumIn(folder, factory);
  const before = await readFile(disk);
  const { run, writes } = await install(t, folder, 'netboot', true);
  t.is(run.code, 0, run.log);
  const last = sizes['16'].bytes / SECTOR - 1;
  const mark = Buffer.alloc(SECTOR);
  mark.write('bramble-board-mark');
  const promises: readonly Promised[] = [
    {
      name: 'the factory’s FAT',
      sector0: sectorOf(before, 0),
      from: 34,
      content: before.subarray(34 * SECTOR, 8 * mebi),
    },
    { name: 'the mark', sector0: Buffer.alloc(SECTOR), from: last, content: mark },
    { name: 'the system', sector0: sectorOf(finished, 0), from: 0, content: finished },
  ];
  t.deepEqual([...brokenPromises(before, epochsOf(writes), promises)].slice(0, 5), []);
  t.true(
    sectorOf(await readFile(disk), last).every((byte) => byte === 0),
    'the mark goes',
  );
});

test('a disk without room for image and boot partition is left alone, and is told so', async (t) => {
  const folder = await emptyFolder(t);
  const [medium] = media;
  if (medium === undefined) return t.fail();
  const file = join(folder, 'disk');
  const wanted = { file, ...sizes['16'], bytes: 11 * mebi, kind: '16', clusterSectors: 1, files } as const;
  await makeFatDisk(wanted);
  await showDisk(folder, { name: 'mmcblk0', file, mmc: 'SD' });
  const before = await readFile(file);
  const { fake, run } = await install(t, folder, 'join-card');
  t.is(run.code, 10, run.log);
  t.is(fake.failures[0]?.code, 'DISK_TOO_SMALL');
  t.regex(fake.failures[0]?.detail ?? '', /boot partition/);
  t.true(before.equals(await readFile(file)));
});
