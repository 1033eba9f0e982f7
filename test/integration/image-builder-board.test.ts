/** From a base to a board's image, seen by foreign tools: mtools, fsck.vfat, cloud-init, a shell on the board. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { parseHostname, parseIpv4 } from '../../config/values.ts';
import {
  type Base,
  type BoardPlan,
  type BoardWish,
  type ByteSource,
  buildOverlay,
  decodeOverlay,
  encodeOverlay,
  existingBootFiles,
  heldBase,
  importBase,
  listBases,
  listBootFiles,
  openBase,
  openBootFile,
  openDisk,
  overlaySource,
  planBoard,
  readBootFile,
  readDiskMark,
} from '../../image-builder/index.ts';
import { fsckBoot, type LabFormat, labBootFiles, makeLabBase, mtoolsRead } from '../support/images.ts';

const run = promisify(execFile);
const signal = AbortSignal.timeout(110_000);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const sorted = (texts: readonly string[]): string[] => [...texts].sort((a, b) => (a < b ? -1 : 1));

async function workDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'bramble-board-'));
  t.teardown(async () => await rm(directory, { recursive: true, force: true }));
  return directory;
}

async function labBase(
  t: ExecutionContext,
  format: LabFormat,
  table: 'dos' | 'gpt' = 'dos',
): Promise<{ directory: string; file: string; base: Base }> {
  const directory = await workDirectory(t);
  const file = join(directory, `lab-${format}.img`);
  await makeLabBase({ file, format, table });
  const base = must(await importBase({ file, directory: join(directory, 'bases'), signal }));
  t.teardown(async () => await base.close());
  return { directory, file, base };
}

async function saveSource(source: ByteSource, file: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(source.size);
  await source.read(bytes, 0);
  await writeFile(file, bytes);
  return bytes;
}

async function wishFor(directory: string, format: LabFormat, number = 1): Promise<BoardWish> {
  const key = join(directory, `key-${number}`);
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', `board ${number}`, '-f', key]);
  const publicLine = (await readFile(`${key}.pub`, 'utf8')).trim();
  return {
    hostname: must(parseHostname(`worker-kube${number}`)),
    address: { ip: must(parseIpv4(`192.168.1.${200 + number}`)), prefix: 24, gateway: must(parseIpv4('192.168.1.1')) },
    sshHostKey: { privateOpenssh: await readFile(key, 'utf8'), publicLine },
    authorizedKey: publicLine,
    timezone: 'Europe/Amsterdam',
    format,
    mark: { deviceId: 'd-0123456789ab', clusterId: 'lab', arming: `arming-${number}` },
  };
}

const planFor = async (base: Base, wish: BoardWish): Promise<BoardPlan> =>
  must(planBoard(wish, must(await existingBootFiles(base))));

const boardImage = test.macro(async (t, format: LabFormat) => {
  const { directory, file, base } = await labBase(t, format);
  t.is(base.format, format);
  const before = sha256(await readFile(join(base.directory, 'base.img')));
  const plan = await planFor(base, await wishFor(directory, format));
  const overlay = must(await buildOverlay({ base, plan, signal }));
  const encoded = encodeOverlay(overlay);
  t.true(encoded.length < 256 * 1024, `an overlay of ${encoded.length} bytes`);
  t.is(sha256(await readFile(join(base.directory, 'base.img'))), before);
  t.is(before, base.sha256);
  const image = join(directory, 'board.img');
  await saveSource(must(overlaySource(base.source, must(decodeOverlay(encoded)))), image);
  t.like(await fsckBoot(image, base.bootPartition.bytes), { code: 0 });
  for (const { path, bytes } of plan.files) t.true((await mtoolsRead(image, path)).equals(bytes), path);
  const settings = format === 'cloud-init' ? 'user-data' : 'device-init.yaml';
  t.regex((await mtoolsRead(image, settings)).toString(), /^hostname: worker-kube1$/m);
  const planned = new Set(plan.files.map((entry) => entry.path));
  for (const [path, bytes] of labBootFiles(format)) {
    if (!planned.has(path)) t.true((await mtoolsRead(image, path)).equals(bytes), path);
  }
  const disk = must(await openDisk(image));
  t.deepEqual(must(await readDiskMark(disk)), { deviceId: 'd-0123456789ab', clusterId: 'lab', arming: 'arming-1' });
  await disk.close();
  const untouched = must(await openDisk(file));
  t.is(must(await readDiskMark(untouched)), undefined);
  await untouched.close();
});
test('a board’s image with cloud-init on FAT32', boardImage, 'cloud-init');
test('a board’s image with device-init on FAT16', boardImage, 'device-init');

const heldImage = test.macro(async (t, table: 'dos' | 'gpt', sectors: number) => {
  const { directory, base } = await labBase(t, 'device-init', table);
  t.is(base.held, sectors);
  const overlay = must(
    await buildOverlay({ base, plan: await planFor(base, await wishFor(directory, 'device-init')), signal }),
  );
  const disk = await saveSource(heldBase(base), join(directory, 'held.img'));
  t.is(sha256(disk), base.heldSha256);
  t.true(disk.subarray(0, sectors * 512).every((byte) => byte === 0));
  t.deepEqual(
    overlay.runs.slice(table === 'gpt' ? -2 : -1).map(({ sector, count }) => [sector, count]),
    [
      [1, 33],
      [0, 1],
    ].slice(table === 'gpt' ? 0 : 1),
  );
  for (const { sector, bytes } of overlay.runs) {
    if (sector === 1) t.true(disk.subarray(0, 34 * 512).every((byte) => byte === 0));
    if (sector === 0) t.true(disk.subarray(0, 512).every((byte) => byte === 0));
    disk.set(bytes, sector * 512);
  }
  const image = join(directory, 'whole.img');
  const whole = await saveSource(must(overlaySource(base.source, overlay)), image);
  t.is(sha256(disk), sha256(whole));
  const { stdout, stderr } = await run('sfdisk', ['-d', image]);
  t.regex(stdout, new RegExp(`^label: ${table}$`, 'm'));
  t.is(stderr, '', 'both copies of a GPT are whole');
  t.like(await fsckBoot(image, base.bootPartition.bytes), { code: 0 });
});
const heldTitle = 'held base and the runs in their order give the whole image; before the last one there is no table';
test(`${heldTitle}: MBR`, heldImage, 'dos', 1);
test(`${heldTitle}: GPT`, heldImage, 'gpt', 34);

test('two boards from one base: each its own, the same plan the same bytes', async (t) => {
  const { directory, base } = await labBase(t, 'device-init');
  const [one, two] = [
    await planFor(base, await wishFor(directory, 'device-init', 1)),
    await planFor(base, await wishFor(directory, 'device-init', 2)),
  ];
  const build = async (plan: BoardPlan): Promise<string> =>
    sha256(encodeOverlay(must(await buildOverlay({ base, plan, signal }))));
  const [first, second, again] = await Promise.all([build(one), build(two), build(one)]);
  t.is(first, again);
  t.not(first, second);
});

test('boot files come straight out of the base, in any case, in any pieces, side by side', async (t) => {
  const { base } = await labBase(t, 'cloud-init');
  const files = labBootFiles('cloud-init');
  t.deepEqual(sorted(must(await listBootFiles(base)).map(({ path }) => path)), sorted([...files.keys()]));
  const readInPieces = async ([path, bytes]: [string, Uint8Array]): Promise<void> => {
    const source = must(await openBootFile(base, path.toUpperCase()));
    const all = Buffer.alloc(bytes.length);
    for (let at = 0; at < all.length; at += 14_680) await source?.read(all.subarray(at, at + 14_680), at);
    t.is(source?.size, bytes.length);
    t.true(all.equals(bytes), path);
  };
  await Promise.all([...files].map(readInPieces));
  t.is(must(await openBootFile(base, 'bootsig.bin')), undefined);
  t.is(must(await openBootFile(base, '1a2b3c4d/start4.elf')), undefined);
  t.false((await openBootFile(base, '../../etc/passwd')).ok);
  t.is(must(await readBootFile(base, 'config.txt'))?.length, files.get('config.txt')?.length);
  t.false((await openBootFile(base, 'overlays')).ok);
  const [known = ''] = files.keys();
  for (let name = 0; name < 1100; name += 1) await openBootFile(base, `made-up-${name}`);
  t.true(base.places.size <= 1000, `${base.places.size} places`);
  t.true(base.places.has('made-up-1099'), 'the last ones');
  t.true(base.places.has(known.toLowerCase()), 'and whatever is there');
  base.places.delete(known.toLowerCase());
  base.places.set('made-up-more', undefined);
  await openBootFile(base, known);
  t.true(base.places.has(known.toLowerCase()), 'a file that is there is remembered, however full of others it is');
});

test('importing twice is one base; it opens again; a list shows it and names what is damaged', async (t) => {
  const { directory, file, base } = await labBase(t, 'cloud-init');
  const bases = join(directory, 'bases');
  const again = must(await importBase({ file, directory: bases, signal }));
  await again.close();
  t.is(again.id, base.id);
  t.is(base.sha256, sha256(await readFile(file)));
  t.deepEqual(await readdir(bases), [base.id]);
  t.like(await listBases(bases), {
    bases: [{ id: base.id, name: 'lab-cloud-init', format: 'cloud-init', label: 'bootfs' }],
    damaged: [],
  });
  t.deepEqual(await listBases(join(directory, 'nowhere')), { bases: [], damaged: [] });
  const { blocks } = await stat(join(base.directory, 'base.img'));
  t.true(blocks * 512 < base.bytes, 'zeros became holes');
  await writeFile(join(base.directory, 'base.json'), '{"id": 7}');
  t.is((await listBases(bases)).damaged[0]?.code, 'BASE_DAMAGED_RECORD');
  const opened = await openBase(base.directory);
  t.is(opened.ok ? '' : opened.error.code, 'BASE_DAMAGED_RECORD');
});

test('a base whose file changed its size is refused', async (t) => {
  const { base } = await labBase(t, 'device-init');
  await truncate(join(base.directory, 'base.img'), base.bytes - 512);
  const opened = await openBase(base.directory);
  t.is(opened.ok ? '' : opened.error.code, 'BASE_CHANGED');
  const missing = await openBase(`${base.directory}x`);
  t.is(missing.ok ? '' : missing.error.code, 'BASE_NOT_FOUND');
});

test('Debian’s cloud-init finds nothing wrong with user-data', async (t) => {
  const { directory, base } = await labBase(t, 'cloud-init');
  const plan = await planFor(base, await wishFor(directory, 'cloud-init'));
  for (const path of ['user-data', 'bramble/user-data.kept']) {
    const file = join(directory, 'user-data.yaml');
    await writeFile(file, plan.files.find((entry) => entry.path === path)?.bytes ?? '');
    const { stdout } = await run('cloud-init', ['schema', '--config-file', file]);
    t.regex(stdout, /Valid cloud-config/);
  }
});
