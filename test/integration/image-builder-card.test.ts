/** The join card, seen by foreign tools: mtools, fsck.vfat, sfdisk, cpio. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { cardFile, cardImage } from '../../image-builder/card-image.ts';
import { type Base, type ByteSource, importBase, type JoinCard, joinCard } from '../../image-builder/index.ts';
import type { JoinCardOptions } from '../../image-builder/join-card.ts';
import { fillerBytes, fsckBoot, labBootFiles, makeLabBase, mtoolsList, mtoolsRead } from '../support/images.ts';
import { madeInitramfs } from '../support/initramfs.ts';

const run = promisify(execFile);
const signal = AbortSignal.timeout(110_000);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const sorted = (texts: readonly string[]): string[] => [...texts].sort((a, b) => (a < b ? -1 : 1));
const config = { server: 'http://192.168.1.10:8067', clusterKey: '0123456789abcdef'.repeat(4), cluster: 'lab' };
const conf = `server=${config.server}\ncluster-key=${config.clusterKey}\ncluster=lab\n`;

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-card-'));
  t.teardown(async () => await rm(folder, { recursive: true, force: true }));
  return folder;
}

async function kitOf(t: ExecutionContext, folder: string): Promise<Base> {
  const file = join(folder, 'kit.img');
  await makeLabBase({ file, format: 'cloud-init' });
  const kit = must(await importBase({ file, directory: join(folder, 'bases'), signal }));
  t.teardown(async () => await kit.close());
  return kit;
}

async function save(source: ByteSource, file: string): Promise<string> {
  const bytes = new Uint8Array(source.size);
  await source.read(bytes, 0);
  await writeFile(file, bytes);
  return sha256(bytes);
}

const make = async (kit: Base, more: Partial<JoinCardOptions> = {}): Promise<JoinCard> =>
  must(await joinCard({ kit, initramfs: await madeInitramfs(), config, enableNetboot: false, signal, ...more }));

test('the join card: every reader sees it, the same bytes whenever it is made', async (t) => {
  const folder = await folderOf(t);
  const kit = await kitOf(t, folder);
  const card = join(folder, 'card.img');
  const { source, models } = await make(kit);
  t.deepEqual(models, ['pi3', 'pi3b+', 'pi4', 'pi5']);
  const first = await save(source, card);
  t.is(await save((await make(kit)).source, card), first);
  const other = await make(kit, { config: { ...config, clusterKey: 'f'.repeat(64) } });
  t.not(await save(other.source, join(folder, 'other.img')), first);
  const { size } = await stat(card);
  t.true(size < 32 * 1024 * 1024, `${size} bytes`);
  t.like(await fsckBoot(card, size - 1024 * 1024), { code: 0 });
  const ofKit = [...labBootFiles('cloud-init').keys()].filter((path) => /\.(bin|elf|dat|dtb|img)$/.test(path));
  const own = ['bramble-installer.cpio.gz', 'bramble/join.conf', 'cmdline.txt', 'config.txt'];
  t.deepEqual(await mtoolsList(card), sorted([...ofKit, ...own]));
  for (const path of ['start4.elf', 'kernel8.img', 'overlays/overlay_map.dtb']) {
    t.true((await mtoolsRead(card, path)).equals(labBootFiles('cloud-init').get(path) ?? new Uint8Array(0)), path);
  }
  t.is((await mtoolsRead(card, 'bramble/join.conf')).toString(), conf);
  const { stdout } = await run('sfdisk', ['-d', card]);
  t.regex(stdout, /card\.img1 : start= +2048, .*type=e/);
});

test('the card’s initramfs: the installer’s own, and a second archive that the kernel unpacks over it', async (t) => {
  const folder = await folderOf(t);
  const kit = await kitOf(t, folder);
  const card = join(folder, 'card.img');
  await save((await make(kit)).source, card);
  const initramfs = await mtoolsRead(card, 'bramble-installer.cpio.gz');
  const installer = await madeInitramfs();
  t.true(initramfs.subarray(0, installer.length).equals(installer));
  await writeFile(join(folder, 'second.gz'), initramfs.subarray(installer.length));
  await run('sh', ['-c', 'mkdir root && cd root && gzip -dc ../second.gz | cpio -idm'], { cwd: folder });
  const unpacked = join(folder, 'root/etc/bramble/join.conf');
  t.is((await run('cat', [unpacked])).stdout, conf);
  t.is((await stat(unpacked)).mode & 0o777, 0o600);
});

test('where netboot is enabled, the card carries the EEPROM’s files as recovery.bin wants them', async (t) => {
  const folder = await folderOf(t);
  const kit = await kitOf(t, folder);
  const card = join(folder, 'card.img');
  const image = fillerBytes('pieeprom', 512 * 1024);
  const eeprom = { chip: '2711', recovery: fillerBytes('recovery', 105_396), image, at: 1_780_000_000 } as const;
  await save((await make(kit, { enableNetboot: true, eeprom })).source, card);
  t.is((await mtoolsRead(card, 'pieeprom.sig')).toString(), `${sha256(image)}\nts: 1780000000\n`);
  t.true((await mtoolsRead(card, 'pieeprom.upd')).equals(image));
  t.true((await mtoolsList(card)).includes('recovery.bin'));
  await save((await make(kit, { eeprom })).source, card);
  t.false((await mtoolsList(card)).includes('recovery.bin'), 'not unless it is enabled');
});

test('a kit that starts no board, and a server that is none, are refused with the reason', async (t) => {
  const folder = await folderOf(t);
  const kit = await kitOf(t, folder);
  const bad = await joinCard({
    kit,
    initramfs: new Uint8Array(0),
    config: { ...config, server: 'http://a\nb' },
    enableNetboot: false,
    signal,
  });
  t.is(bad.ok ? '' : bad.error.code, 'PLAN_BAD_VALUE');
  const file = join(folder, 'old.img');
  await makeLabBase({ file, format: 'device-init' });
  for (const kernel of ['kernel8.img', 'kernel_2712.img']) await run('mdel', ['-i', `${file}@@1M`, `::${kernel}`]);
  const old = must(await importBase({ file, directory: join(folder, 'bases'), signal }));
  t.teardown(async () => await old.close());
  const none = await joinCard({ kit: old, initramfs: new Uint8Array(0), config, enableNetboot: false, signal });
  t.is(none.ok ? '' : none.error.code, 'KIT_INCOMPLETE');
  t.regex(none.ok ? '' : none.error.detail, /lacks kernel.*images\.kit/);
});

test('a card of a given size; one that is too small says so', async (t) => {
  const folder = await folderOf(t);
  const files = [cardFile('a/b', fillerBytes('b', 3_000_000))];
  const options = { files, label: 'BRAMBLE', id: 7, signal };
  const file = join(folder, 'large.img');
  const large = 64 * 1024 * 1024;
  await save(must(await cardImage({ ...options, bytes: large })), file);
  t.is((await stat(file)).size, large);
  t.like(await fsckBoot(file, large - 1024 * 1024), { code: 0 });
  const many = [...files, cardFile('c', fillerBytes('c', 6_000_000))];
  const tight = await cardImage({ ...options, files: many, bytes: 8 * 1024 * 1024 });
  t.is(tight.ok ? '' : tight.error.code, 'FAT_FULL');
});
