/** Kernel modules out of a base's own initramfs, packed by the programs that distributions pack them with. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { parseConfig } from '../../config/load.ts';
import { must } from '../../config/result.ts';
import type { BaseShelf } from '../../daemon/app/boards/base-shelf.ts';
import { installerKit } from '../../daemon/app/boards/installer-kit.ts';
import { netbootKit } from '../../daemon/app/boards/netboot-kit.ts';
import { type Base, importBase, kitModules } from '../../image-builder/index.ts';
import { readArchives } from '../../image-builder/unpack-cpio.ts';
import { unpackInitramfs } from '../../image-builder/unpack-initramfs.ts';
import { createLogDouble } from '../support/doubles.ts';
import { fillerBytes, makeLabBase, mtoolsDrive } from '../support/images.ts';
import { emptyFolder } from './installer-boot-fake.ts';

const shell = async (folder: string, script: string): Promise<void> =>
  void (await promisify(execFile)('sh', ['-ec', script], { cwd: folder }));

/** No module, but as one begins: nothing here runs it. */
const moduleBytes = (name: string): Buffer =>
  Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), fillerBytes(name, 3000)]);

/** What `depmod` and `mkinitramfs` leave for one kernel, the modules not packed. */
async function moduleTree(folder: string, kernel: string, names: readonly string[]): Promise<string> {
  const tree = join(folder, kernel);
  const below = join(tree, 'usr/lib/modules', kernel);
  for (const name of names) {
    const file = join(below, 'kernel', `${name}.ko`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, moduleBytes(`${kernel} ${name}`));
  }
  await writeFile(join(below, 'modules.builtin'), 'kernel/fs/ext4.ko\n');
  return tree;
}

const dependencies = (ending: string): string =>
  [`kernel/net/virtio_net.ko${ending}: kernel/virtio.ko${ending}`, `kernel/virtio.ko${ending}:`, ''].join('\n');

const archive = 'find . | LC_ALL=C sort | cpio -o -H newc --quiet';
const kernels = { v8: '6.12.47-v8', bcm2712: '6.12.47-2712' };

/** A base whose kernels have each their own way: modules packed in a plain archive before the rest, and rest packed as one. */
async function madeKit(t: ExecutionContext): Promise<Base> {
  const folder = await emptyFolder(t);
  const v8 = await moduleTree(folder, kernels.v8, ['net/virtio_net', 'virtio']);
  await writeFile(join(v8, 'usr/lib/modules', kernels.v8, 'modules.dep'), dependencies('.xz'));
  // The kernel has no CRC64, which xz takes if nobody says otherwise.
  await shell(v8, 'find . -name "*.ko" -exec xz --check=crc32 {} +');
  await mkdir(join(folder, 'rest'));
  await writeFile(join(folder, 'rest/init'), '#!/bin/sh\n');
  await shell(folder, `(cd ${kernels.v8}; ${archive}) >initramfs8; (cd rest; ${archive} | zstd -q -19) >>initramfs8`);
  const other = await moduleTree(folder, kernels.bcm2712, ['net/virtio_net', 'virtio', 'net/only_here']);
  await writeFile(join(other, 'usr/lib/modules', kernels.bcm2712, 'modules.dep'), dependencies(''));
  await shell(other, `${archive} | xz --check=crc32 >../initramfs_2712`);

  const image = join(folder, 'kit.img');
  await makeLabBase({ file: image, format: 'cloud-init' });
  await shell(folder, `mcopy -o -i '${mtoolsDrive(image)}' initramfs8 initramfs_2712 ::`);
  const { signal } = new AbortController();
  const base = must(await importBase({ file: image, directory: join(folder, 'bases'), signal }));
  t.teardown(base.close);
  return base;
}

test('modules of both kernels, not compressed, what they need first; what one kernel lacks is named', async (t) => {
  const kit = await madeKit(t);
  const { modules, problems } = await kitModules(kit, ['ext4', 'virtio_net', 'only_here']);
  t.deepEqual(
    modules.map(({ kernel, file }) => `${kernel} ${file}`),
    [
      ...['virtio.ko', 'virtio_net.ko'].map((file) => `${kernels.v8} ${file}`),
      ...['virtio.ko', 'virtio_net.ko', 'only_here.ko'].map((file) => `${kernels.bcm2712} ${file}`),
    ],
  );
  const names = ['virtio', 'net/virtio_net'];
  t.deepEqual(
    modules.slice(0, 2).map(({ bytes }) => Buffer.from(bytes)),
    names.map((name) => moduleBytes(`${kernels.v8} ${name}`)),
  );
  t.is(problems.length, 1);
  t.like(problems[0], { code: 'MODULE_NOT_FOUND' });
  t.regex(problems[0]?.detail ?? '', /^initramfs8 of kit: .*only_here/);
});

test('the daemon’s initramfs has them where init looks, and the owner is told what is missing', async (t) => {
  const kit = await madeKit(t);
  const config = parseConfig('images: {modules: [virtio_net, only_here]}');
  if (!config.ok) throw new Error('not a configuration');
  const { initramfs, advice } = installerKit({
    config: config.value,
    kit: async () => kit,
    readBusybox: async () => ({ ok: true, value: Buffer.from('busybox') }),
    log: createLogDouble(),
  });
  const { files } = readArchives(gunzipSync(must(await initramfs())));
  const paths = files.map(({ path }) => path).filter((path) => path.endsWith('.ko'));
  t.deepEqual(paths, [
    'lib/modules/6.12.47-v8/000-virtio.ko',
    'lib/modules/6.12.47-v8/001-virtio_net.ko',
    'lib/modules/6.12.47-2712/002-virtio.ko',
    'lib/modules/6.12.47-2712/003-virtio_net.ko',
    'lib/modules/6.12.47-2712/004-only_here.ko',
  ]);
  t.regex(advice().join(), /initramfs8 of kit: there is no kernel module only_here \(images\.modules\)/);
});

/** Its boot partition cannot be read (double), until it is mended. */
function flaky(base: Base) {
  let isBroken = true;
  const read: Base['boot']['device']['read'] = async (into, offset) => {
    if (isBroken) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', syscall: 'read' });
    return await base.boot.device.read(into, offset);
  };
  const mend = (): void => {
    isBroken = false;
  };
  const broken: Base = {
    ...base,
    boot: { ...base.boot, device: { ...base.boot.device, read } },
    close: async () => {},
  };
  return { base: broken, mend };
}

test('a kit that could not be read is read again at the next boot; what it does not have is not looked for again', async (t) => {
  const { base, mend } = flaky(await madeKit(t));
  const config = parseConfig('images: {modules: [virtio_net, only_here]}');
  if (!config.ok) throw new Error('not a configuration');
  let made = 0;
  const { initramfs, advice } = installerKit({
    config: config.value,
    kit: async () => base,
    readBusybox: async () => {
      made += 1;
      return { ok: true, value: Buffer.from('busybox') };
    },
    log: createLogDouble(),
  });
  await Promise.all([initramfs(), initramfs(), initramfs()]);
  t.is(made, 1, 'once for all boards that boot at once');
  t.regex(advice().join(), /EIO/);
  mend();
  const { files } = readArchives(gunzipSync(must(await initramfs())));
  t.is(files.filter(({ path }) => path.endsWith('.ko')).length, 5);
  t.notRegex(advice().join(), /EIO/);
  t.regex(advice().join(), /only_here/);
  await initramfs();
  t.is(made, 2);
});

test('what a kit lacks is looked for again if it could not be read', async (t) => {
  const { base, mend } = flaky(await madeKit(t));
  const config = parseConfig('');
  if (!config.ok) throw new Error('not a configuration');
  const shelf: BaseShelf = {
    records: async () => [base],
    named: async () => ({ ok: true, value: base }),
    open: async () => base,
    find: async () => base,
    close: async () => {},
  };
  const { kitGaps } = netbootKit(shelf, { config: config.value, log: createLogDouble() });
  const [one, other] = await Promise.all([kitGaps(), kitGaps()]);
  t.is(one, other);
  t.is(one.missing.size, 0);
  mend();
  const gaps = await kitGaps();
  t.true(gaps.missing.has('cm5'));
  t.is(await kitGaps(), gaps);
});

const packers = { gzip: 'gzip -n', xz: 'xz --check=crc32', zstd: 'zstd -q' };
for (const [name, packer] of Object.entries(packers)) {
  test(`${name}: whole, padded as in a boot partition, cut, and with a damaged byte`, async (t) => {
    const folder = await emptyFolder(t);
    await mkdir(join(folder, 'tree'));
    await writeFile(join(folder, 'tree/data'), fillerBytes('data', 100_000));
    await shell(folder, `(cd tree; ${archive}) | ${packer} >packed`);
    const packed = await readFile(join(folder, 'packed'));
    for (const bytes of [packed, Buffer.concat([packed, Buffer.alloc(300)])]) {
      const data = must(await unpackInitramfs(bytes)).find(({ path }) => path === 'data');
      t.true(Buffer.from(fillerBytes('data', 100_000)).equals(data?.bytes ?? new Uint8Array(0)));
    }
    t.like(await unpackInitramfs(packed.subarray(0, 50_000)), { ok: false, error: { code: 'INITRAMFS_TRUNCATED' } });
    const damaged = Buffer.from(packed);
    damaged[60_000] = (damaged[60_000] ?? 0) ^ 0xff;
    // zstd without a checksum cannot tell all damage; none may end the process.
    const read = await unpackInitramfs(damaged);
    t.true(name === 'zstd' || !read.ok);
  });
}

test('what unpacks to more than it may, and what nobody here packs, is refused', async (t) => {
  const folder = await emptyFolder(t);
  await shell(folder, 'head -c 4M /dev/zero >zeros; gzip -k zeros; xz -k zeros; zstd -q -k zeros');
  for (const ending of ['gz', 'xz', 'zst']) {
    const bomb = await readFile(join(folder, `zeros.${ending}`));
    t.like(await unpackInitramfs(bomb, 2 ** 20), { ok: false, error: { code: 'INITRAMFS_TOO_LARGE' } }, ending);
  }
  t.like(await unpackInitramfs(Buffer.from('lz4 or what')), { ok: false, error: { code: 'INITRAMFS_FORMAT' } });
});
