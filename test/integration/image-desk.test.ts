/** A board's image as the daemon makes it, and as it shows it to the owner: read back by mtools. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { parseConfig } from '../../config/load.ts';
import { must } from '../../config/result.ts';
import { type Model, parseIpv4, subnetOf } from '../../config/values.ts';
import { type ImageDesk, imageDesk } from '../../daemon/app/boards/images.ts';
import type { ImageFilesView } from '../../daemon/http/wire.ts';
import { generateSshKeyPair, type SshKeyPair } from '../../daemon/join/keys.ts';
import type { Device } from '../../daemon/lifecycle/device.ts';
import { importBase } from '../../image-builder/index.ts';
import { aDevice, states } from '../support/boards.ts';
import { createLogDouble, createRandomDouble } from '../support/doubles.ts';
import { fsckBoot, type LabFormat, makeLabBase, mtoolsDrive, mtoolsRead } from '../support/images.ts';

const run = promisify(execFile);
const signal = AbortSignal.timeout(110_000);
const master = must(parseIpv4('10.77.0.1'));

type Desk = { readonly images: ImageDesk; readonly data: string; readonly keysMade: string[] };

/** `boot` takes the place of the lab base's own boot files. */
async function desk(
  t: ExecutionContext,
  format: LabFormat,
  settings: object = {},
  boot: Readonly<Record<string, string>> = {},
): Promise<Desk> {
  const data = await mkdtemp(join(tmpdir(), 'bramble-image-desk-'));
  t.teardown(() => rm(data, { recursive: true, force: true }));
  const file = join(data, 'lab.img');
  await makeLabBase({ file, format });
  for (const [path, text] of Object.entries(boot)) {
    const copy = join(data, 'copy');
    await writeFile(copy, text);
    if (path.includes('/')) await run('mmd', ['-D', 's', '-i', mtoolsDrive(file), `::${dirname(path)}`]);
    await run('mcopy', ['-o', '-i', mtoolsDrive(file), copy, `::${path}`]);
    await rm(copy);
  }
  await must(await importBase({ file, directory: join(data, 'bases'), signal })).close();
  await rm(file);
  const config = parseConfig(stringify({ data, images: settings, cluster: { driver: 'kubeadm' } }));
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const keys = new Map<string, SshKeyPair>();
  const keysMade: string[] = [];
  const images = imageDesk({
    config: config.value,
    clusterId: 'c'.repeat(16),
    authorizedKey: generateSshKeyPair('bramble').publicLine,
    hostKeyFor: async ({ id, name }) => {
      const key = keys.get(id) ?? generateSshKeyPair(name);
      keys.set(id, key);
      keysMade.push(name);
      return key;
    },
    storedHostKey: ({ id }) => keys.get(id),
    site: () => ({ subnet: subnetOf(master, 24), gateway: master, dns: [master] }),
    random: createRandomDouble(),
    log: createLogDouble(),
  });
  t.teardown(() => images.close());
  return { images, data, keysMade };
}

const board = (model: Model, state: Device['state'] = states.accepted): Device =>
  aDevice(state, { model: { model, final: true } });

/** The whole image as it will be on the disk: the public stream, and the board's own sectors over it. */
async function diskOf(images: ImageDesk, device: Device, file: string): Promise<number> {
  const base = await images.baseOf(device);
  const stream = await images.openBase(base?.sha256 ?? '');
  const sectors = await images.sectorsOf(device);
  if (stream === undefined || sectors === undefined) throw new Error('no image');
  const disk = Buffer.alloc(stream.size);
  await stream.read(disk, 0);
  for (const { sector, count, blobSector } of sectors.runs) {
    disk.set(sectors.blob.subarray(blobSector * 512, (blobSector + count) * 512), sector * 512);
  }
  await writeFile(file, disk);
  return disk.length;
}

const textOf = (view: ImageFilesView, path: string): string =>
  view.files.find((file) => file.path === path)?.text ?? `no ${path}`;

const shown = test.macro(async (t, format: LabFormat, model: Model) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-additions-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const [open, hidden] = [join(folder, 'open'), join(folder, 'hidden')];
  await writeFile(open, 'to be seen\n');
  await writeFile(hidden, 'hush, hush');
  const files = [
    { path: '/etc/open', from: open },
    { path: '/etc/hidden', from: hidden, secret: true, mode: '0600' },
  ];
  const { images, data } = await desk(t, format, {
    timezone: 'Europe/Amsterdam',
    additions: [{ match: { model, names: 'worker-*' }, files, runcmd: ['echo it is done'] }],
  });
  const accepted = board(model);
  const made = await images.make(accepted, signal);
  t.is(made.event, 'image-made', JSON.stringify(made));
  const arming = made.event === 'image-made' ? made.arming : '';
  const installing = board(model, { ...states.installing, arming });
  const image = join(data, 'disk.img');
  await diskOf(images, installing, image);
  t.like(await fsckBoot(image, (format === 'cloud-init' ? 36 : 20) * 1024 * 1024), { code: 0 });
  const view = must(await images.files(installing));
  t.like(view, { device: 'worker-kube1', format, made: true });
  let secrets = 0;
  for (const { path, bytes, secret, text } of view.files) {
    const there = await mtoolsRead(image, path);
    t.is(there.length, bytes, path);
    t.notRegex(text ?? '', /hush|BEGIN OPENSSH/, path);
    if (secret) {
      secrets += 1;
      t.regex(text ?? '', /\*\*\* secret, \d+ bytes \*\*\*/, path);
      t.regex(there.toString(), /hush|BEGIN OPENSSH/, path);
    } else t.is(there.toString(), text ?? '', path);
  }
  t.is(secrets, format === 'cloud-init' ? 1 : 2);
  await writeFile(open, 'changed since\n');
  t.false(must(await images.files(installing)).made, 'not what is on the disk any more');
  const settings = textOf(view, format === 'cloud-init' ? 'network-config' : 'bramble/first-boot.sh');
  t.regex(settings, /10\.77\.0\.100/, 'its permanent address');
  t.regex(textOf(view, format === 'cloud-init' ? 'user-data' : 'bramble/commands.sh'), /echo it is done/);
  t.regex(textOf(view, 'cmdline.txt'), /^[^\n]*cgroup_memory=1[^\n]*\n$/);
});
test('what is shown is what is on the disk, but for secrets: cloud-init', shown, 'cloud-init', 'pi4');
test('what is shown is what is on the disk, but for secrets: device-init', shown, 'device-init', 'pi3');

test('to look makes and stores nothing, whatever state the board is in', async (t) => {
  const { images, data, keysMade } = await desk(t, 'cloud-init');
  for (const state of Object.values(states).filter(({ name }) => name !== 'installing')) {
    const view = must(await images.files(board('pi5', state)));
    t.false(view.made, state.name);
    t.regex(textOf(view, 'meta-data'), /instance-id: worker-kube1-drawn-with-the-image/);
    t.regex(textOf(view, 'user-data'), /ed25519_public: ssh-ed25519 0+ worker-kube1/);
  }
  t.deepEqual(keysMade, []);
  t.deepEqual(await readdir(data), ['bases']);
  const { event } = await images.make(board('pi5'), signal);
  t.is(event, 'image-made');
  const after = must(await images.files(board('pi5', states.ready)));
  t.notRegex(textOf(after, 'user-data'), /ssh-ed25519 0+ /, 'its key is known now');
});

test('a board that the base does not know: refused with the reason, before anything is written', async (t) => {
  const { images, data, keysMade } = await desk(t, 'device-init');
  const failed = await images.make(board('cm5'), signal);
  t.like(failed, { event: 'image-failed', code: 'NOT_COMPATIBLE' });
  t.regex(
    'detail' in failed ? failed.detail : '',
    /^lab has no device tree .* for a Compute Module 5: import an image/,
  );
  t.deepEqual(await readdir(data), ['bases']);
  t.deepEqual(keysMade, []);
  const view = await images.files(board('cm5'));
  t.is(view.ok ? '' : view.error.code, 'NOT_COMPATIBLE');
  t.is((await images.make(board('pi3'), signal)).event, 'image-made', 'another board of the same base');
});

test('an owner’s file that is not there: the image fails with its name, and is made once it is there', async (t) => {
  const from = join(await mkdtemp(join(tmpdir(), 'bramble-additions-')), 'later', 'file');
  t.teardown(() => rm(join(from, '../..'), { recursive: true, force: true }));
  const { images } = await desk(t, 'cloud-init', { additions: [{ files: [{ path: '/etc/x', from }] }] });
  const failed = await images.make(board('pi4'), signal);
  t.like(failed, { event: 'image-failed', code: 'ADDITION_NOT_READ' });
  t.true('detail' in failed && failed.detail.includes(from), JSON.stringify(failed));
  await mkdir(join(from, '..'));
  await writeFile(from, 'x');
  t.is((await images.make(board('pi4'), signal)).event, 'image-made');
});

test('the command line goes where config.txt of this model looks for it, and a config.txt that boards would ignore is mended', async (t) => {
  const { images } = await desk(
    t,
    'cloud-init',
    {},
    {
      'config.txt': '# für Pis\n[pi4]\nos_prefix=new/\n[all]\narm_64bit=1\n',
      'new/cmdline.txt': 'root=/dev/new\n',
      'cmdline.txt': 'root=/dev/old\n',
    },
  );
  const of = async (model: Model) => must(await images.files(board(model)));
  t.regex(textOf(await of('pi4'), 'new/cmdline.txt'), /^root=\/dev\/new cgroup_memory=1 /);
  t.is(textOf(await of('pi4'), 'cmdline.txt'), 'no cmdline.txt');
  t.regex(textOf(await of('pi5'), 'cmdline.txt'), /^root=\/dev\/old cgroup_memory=1 /);
  t.regex(textOf(await of('pi5'), 'config.txt'), /^# f\?r Pis\n/);
});

test('what the kit lacks is looked up once', async (t) => {
  const { images } = await desk(t, 'cloud-init');
  const gaps = await images.kitGaps();
  t.is(gaps.kit, 'lab');
  t.deepEqual([...gaps.missing.keys()], ['pi2', 'pi400', 'cm4', 'pi500', 'cm5']);
  t.is(await images.kitGaps(), gaps);
});
