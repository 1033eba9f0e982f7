/**
 * An installer that was put into a board's own boot partition and is not wanted any more gives the board its config.txt back.
 * The real script, by busybox; what the FAT holds is mtools' and fsck.vfat's word, after every power cut.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { KEPT_CONFIG, renderOwnConfigTxt } from '../../daemon/boot/own-partition.ts';
import type { BootInstruction } from '../../daemon/http/order.ts';
import { showDisk } from '../support/board-disks.ts';
import { FAT_SECTOR, makeFatDisk } from '../support/fat-disk.ts';
import { bootFake, emptyFolder, runInstaller, serveFake, stop } from './installer-boot-fake.ts';
import { apply, recordedWrites, SECTOR } from './installer-writes.ts';

const execute = promisify(execFile);
const env = { ...process.env, MTOOLS_SKIP_CHECK: '1', MTOOLSRC: '/dev/null' };
const mebi = 1024 * 1024;
const sizes = { '16': { sectors: 8400, bytes: 12 * mebi }, '32': { sectors: 70_000, bytes: 48 * mebi } } as const;

/** Two clusters of one sector. */
const OWN = `# For more options see the documentation\n${'#'.repeat(600)}\n[all]\ndtoverlay=vc4-kms-v3d\n`;
const INSTALLER = renderOwnConfigTxt('kernel8.img');
const boot: BootInstruction = { action: 'boot', state: 'rejected', message: 'start from your disk', disk: 'mmcblk0' };

type Medium = {
  readonly kind: '16' | '32';
  /** Between the two files, so that they are in one sector of the directory or not. */
  readonly between: number;
  readonly gpt?: true;
  /** One partition only. */
  readonly alone?: true;
  readonly config?: string;
  readonly kept?: string | undefined;
};

async function mediumIn(folder: string, medium: Medium): Promise<string> {
  const { kind, between, config = INSTALLER, kept = OWN } = medium;
  const { sectors, bytes } = sizes[kind];
  const file = join(folder, 'disk');
  const second = FAT_SECTOR + sectors;
  const types = { '16': 'e', '32': 'c' } as const;
  const table = medium.gpt
    ? `label: gpt\nstart=${FAT_SECTOR}, size=${sectors}, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\nstart=${second}, size=2048\n`
    : `start=${FAT_SECTOR}, size=${sectors}, type=${types[kind]}\n${medium.alone ? '' : `start=${second}, size=2048, type=83\n`}`;
  const files = {
    'kernel8.img': 'the system’s',
    'bramble/board.json': '{"deviceId":"d-0123456789ab","clusterId":"c","arming":"a"}\n',
  };
  await makeFatDisk({ file, bytes, kind, sectors, clusterSectors: 1, table, files });
  const put = async (name: string, content: string): Promise<void> => {
    const from = join(folder, 'content');
    await writeFile(from, content);
    await execute('mcopy', ['-i', drive(file), from, `::${name}`], { env });
  };
  await put('config.txt', config);
  for (let number = 0; number < between; number += 1) await put(`overlay-${number}.dtbo`, 'x');
  if (medium.kept !== undefined || !('kept' in medium)) await put(KEPT_CONFIG, kept);
  await put('behind.txt', 'the last one');
  await showDisk(folder, { name: 'mmcblk0', file, mmc: 'SD' });
  return file;
}

const drive = (file: string): string => `${file}@@${FAT_SECTOR * SECTOR}`;

async function contentOf(file: string, name: string): Promise<string | undefined> {
  const copy = `${file}.copy`;
  await rm(copy, { force: true });
  await execute('mcopy', ['-n', '-i', drive(file), `::${name}`, copy], { env }).catch(() => undefined);
  return await readFile(copy, 'utf8').catch(() => undefined);
}

/** A copy of the partition: fsck.vfat takes no disk. */
async function partitionOf(file: string, kind: '16' | '32'): Promise<string> {
  const part = `${file}.part`;
  const from = FAT_SECTOR * SECTOR;
  await writeFile(part, (await readFile(file)).subarray(from, from + sizes[kind].sectors * SECTOR));
  return part;
}

/** Nothing that a check would mend: no cluster of two files, none of nobody, no name without an entry. */
async function isClean(file: string, kind: '16' | '32'): Promise<boolean> {
  const checked = execute('fsck.vfat', ['-n', await partitionOf(file, kind)]);
  return await checked.then(
    () => true,
    () => false,
  );
}

/** As the board's own system does at its start. */
async function mend(file: string, kind: '16' | '32'): Promise<void> {
  const part = await partitionOf(file, kind);
  // Ends with 1 if it mended anything.
  await execute('fsck.vfat', ['-a', part]).catch(() => undefined);
  const image = await readFile(file);
  (await readFile(part)).copy(image, FAT_SECTOR * SECTOR);
  await writeFile(file, image);
}

async function toldToBoot(t: ExecutionContext, folder: string, { record = false } = {}) {
  const fake = bootFake({ script: [() => boot, () => boot, () => stop] });
  const recorded = join(folder, 'record');
  if (record) await mkdir(recorded);
  await rm(join(folder, 'rebooted'), { force: true });
  const run = await runInstaller(t, folder, {
    BRAMBLE_SERVER: await serveFake(t, fake),
    BRAMBLE_SOURCE: 'reinstall',
    BRAMBLE_CARD: 'mmcblk0',
    ...(record && { RECORD: recorded }),
  });
  return { fake, run, writes: record ? await recordedWrites(recorded) : [] };
}

const media: readonly (readonly [title: string, Medium])[] = [
  ['FAT32, both names in one sector', { kind: '32', between: 0 }],
  ['FAT32, in two clusters of the directory', { kind: '32', between: 40 }],
  ['FAT16, in two sectors', { kind: '16', between: 40 }],
  ['FAT16 in a GPT', { kind: '16', between: 3, gpt: true }],
];
for (const [title, medium] of media) {
  test(`told to start its disk, it gives config.txt back first, whatever power does: ${title}`, async (t) => {
    const folder = await emptyFolder(t);
    const disk = await mediumIn(folder, medium);
    const before = await readFile(disk);
    t.true(await isClean(disk, medium.kind));
    const { run, fake, writes } = await toldToBoot(t, folder, { record: true });
    t.is(run.code, 0, run.log);
    t.true(run.rebooted);
    t.is(fake.claims.length, 1);
    t.is(await contentOf(disk, 'config.txt'), OWN);
    t.is(await contentOf(disk, 'behind.txt'), 'the last one');
    t.true(await isClean(disk, medium.kind));

    t.true(writes.length >= 3);
    t.true(
      writes.every(({ data, durable }) => data.length === SECTOR && durable),
      'each one sector, and on the disk',
    );
    for (let cut = 1; cut <= writes.length; cut += 1) {
      const image = Buffer.from(before);
      for (const write of writes.slice(0, cut)) apply(image, write);
      await writeFile(disk, image);
      const config = await contentOf(disk, 'config.txt');
      t.true(config === INSTALLER || config === OWN, `after ${cut} writes`);
      // Its own system checks the file system: nobody may have what is config.txt's.
      if (config === OWN) {
        await mend(disk, medium.kind);
        t.is(await contentOf(disk, 'config.txt'), OWN, `after ${cut} writes and a check`);
        t.true(await isClean(disk, medium.kind));
        continue;
      }
      const again = await toldToBoot(t, folder);
      t.true(again.run.rebooted, again.run.log);
      t.is(await contentOf(disk, 'config.txt'), OWN, `after ${cut} writes, and once more`);
      t.true(await isClean(disk, medium.kind));
    }
  });
}

test('one whose config.txt is its own already is started', async (t) => {
  const folder = await emptyFolder(t);
  const disk = await mediumIn(folder, { kind: '16', between: 0, config: OWN });
  const before = await readFile(disk);
  const { run } = await toldToBoot(t, folder);
  t.true(run.rebooted, run.log);
  t.true(before.equals(await readFile(disk)));
});

for (const [title, medium] of [
  ['what config.txt was is not there', { kind: '16', between: 0, kept: undefined }],
  ['what it was leads to the installer, too', { kind: '16', between: 0, kept: INSTALLER }],
  ['no system is behind the boot partition', { kind: '16', between: 0, alone: true }],
] as const satisfies readonly (readonly [string, Medium])[]) {
  test(`where ${title} it goes on asking, and neither writes nor restarts for ever`, async (t) => {
    const folder = await emptyFolder(t);
    const disk = await mediumIn(folder, medium);
    const before = await readFile(disk);
    const { run, fake } = await toldToBoot(t, folder);
    t.is(run.code, 10, run.log);
    t.false(run.rebooted);
    t.is(fake.claims.length, 3);
    t.regex(run.log, /config\.txt cannot be put back/);
    t.true(before.equals(await readFile(disk)));
  });
}
