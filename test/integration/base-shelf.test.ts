/** Bases that the owner removes and imports anew while the daemon has them open. */
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseConfig } from '../../config/load.ts';
import { must } from '../../config/result.ts';
import { parseDeviceId } from '../../config/values.ts';
import { imageDesk } from '../../daemon/app/boards/images.ts';
import { installerKit } from '../../daemon/app/boards/installer-kit.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { importBase, removeBase } from '../../image-builder/index.ts';
import { aDevice, states } from '../support/boards.ts';
import { createLogDouble, createRandomDouble } from '../support/doubles.ts';
import { makeLabBase } from '../support/images.ts';

const signal = AbortSignal.timeout(110_000);

async function shelf(t: ExecutionContext) {
  const data = await mkdtemp(join(tmpdir(), 'base-shelf-'));
  t.teardown(() => rm(data, { recursive: true, force: true }));
  const [file, directory] = [join(data, 'lab.img'), join(data, 'bases')];
  await makeLabBase({ file, format: 'cloud-init' });
  const add = async (name: string): Promise<string> => {
    const base = must(await importBase({ file, directory, signal, name }));
    await base.close();
    return base.id;
  };
  const id = await add('first');
  const config = parseConfig(`data: ${data}`);
  if (!config.ok) throw new Error('the configuration of this test is wrong');
  const key = generateSshKeyPair('worker-kube1');
  const log = createLogDouble();
  const images = imageDesk({
    ...{ config: config.value, clusterId: '0'.repeat(16), authorizedKey: key.publicLine, log },
    ...{ hostKeyFor: async () => key, storedHostKey: () => key, site: () => undefined, random: createRandomDouble() },
  });
  t.teardown(images.close);
  const remove = async (): Promise<void> => must(await removeBase(directory, id));
  /** Of the bases' folder, in this process. */
  const openFiles = async (): Promise<readonly string[]> => {
    const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
    return (await Promise.all(links)).filter((link) => link.startsWith(directory));
  };
  return { images, add, remove, openFiles, config: config.value, log };
}

test('what reads a base that is removed reads it to its end; then its place on the disk is free', async (t) => {
  const { images, remove, openFiles } = await shelf(t);
  const installing = aDevice(states.unreachable);
  const whole = must(await images.whole(installing, signal));
  const kernel = await images.openKitFile('kernel8.img');
  if (kernel === undefined) return t.fail('the lab base has a kernel');
  await remove();
  t.deepEqual(await images.records(), []);
  t.is((await openFiles()).length, 1);
  const bytes = new Uint8Array(whole.size);
  t.is(await whole.read(bytes, 0), whole.size);
  t.is(await kernel.read(new Uint8Array(512), kernel.size - 512), 512);
  await whole.close();
  await whole.close();
  t.is((await openFiles()).length, 1, 'one of the two is still being read');
  await kernel.close();
  t.deepEqual(await openFiles(), []);
});

test('a base that is removed in the middle of an installation is served to its end, and then its place is free', async (t) => {
  const { images, add, remove, openFiles } = await shelf(t);
  const accepted = aDevice(states.accepted);
  const made = await images.make(accepted, signal);
  if (made.event !== 'image-made') return t.fail(JSON.stringify(made));
  await remove();
  t.deepEqual(await images.records(), []);
  const installing = aDevice({ ...states.installing, arming: made.arming });
  const told = await images.baseOf(installing);
  if (told === undefined) return t.fail('what the board is told is not there any more');
  // The connection breaks, and it goes on where it was.
  for (let times = 0; times < 2; times += 1) {
    const stream = await images.openBase(told.sha256);
    t.is(stream?.size, told.bytes);
    t.is(await stream?.read(new Uint8Array(512), told.bytes - 512), 512);
    await stream?.close();
  }
  await must(await images.whole(installing, signal)).close();
  t.is((await openFiles()).length, 1);
  // No other board begins with it.
  t.like(await images.make(aDevice(states.accepted, { id: must(parseDeviceId('d-00000000000f')) }), signal), {
    event: 'image-failed',
    code: 'NO_BASE',
  });
  t.deepEqual(await images.baseOf(installing), told, 'also when its word comes that it is installed');
  await images.discard(installing.id);
  t.deepEqual(await openFiles(), []);
  t.is(await images.openBase(told.sha256), undefined);
  await add('again');
  t.truthy(await images.openBase(told.sha256));
});

test('nothing that was asked about a base keeps it open once it is removed', async (t) => {
  const { images, remove, openFiles, config, log } = await shelf(t);
  const accepted = aDevice(states.accepted);
  const made = await images.make(accepted, signal);
  if (made.event !== 'image-made') return t.fail(JSON.stringify(made));
  const installing = aDevice({ ...states.installing, arming: made.arming });
  const held = await images.openBase((await images.baseOf(installing))?.sha256 ?? '');
  await held?.close();
  await must(await images.whole(installing, signal)).close();
  must(await images.files(installing));
  must(await images.bytesFor(accepted));
  await images.kitFiles();
  await images.kitGaps();
  await images.kitGaps();
  t.is(await images.openKitFile('not-there'), undefined);
  const needy = { images: { ...config.images, modules: ['virtio'] } };
  const busybox = async () => ({ ok: true, value: Buffer.from('busybox') }) as const;
  const installer = installerKit({ config: needy, kit: images.kit, readBusybox: busybox, log });
  await Promise.all([installer.initramfs(), installer.initramfs()]);
  await images
    .make(aDevice(states.accepted, { model: { model: 'cm5', final: true } }), AbortSignal.abort())
    .catch(() => undefined);
  t.is((await openFiles()).length, 1, 'kept open while it is there');
  await images.discard(installing.id);
  await remove();
  t.deepEqual(await images.records(), []);
  t.deepEqual(await openFiles(), []);
});

test('a base that is removed and imported again is the one that is there now', async (t) => {
  const { images, add, remove, openFiles } = await shelf(t);
  t.is((await images.kitGaps()).kit, 'first');
  await remove();
  await add('second');
  t.is((await images.kitGaps()).kit, 'second');
  t.is(must(await images.findKit()).name, 'second');
  t.is((await openFiles()).length, 1);
});
