/** The image that the owner gets as a file, and the one that a board's installer writes: the same bytes. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseConfig } from '../../config/load.ts';
import { must } from '../../config/result.ts';
import { type ImageDesk, imageDesk } from '../../daemon/app/boards/images.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { importBase } from '../../image-builder/index.ts';
import { aDevice, aReport, states } from '../support/boards.ts';
import { createLogDouble, createRandomDouble } from '../support/doubles.ts';
import { makeLabBase } from '../support/images.ts';

const signal = AbortSignal.timeout(110_000);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function desk(t: ExecutionContext): Promise<ImageDesk> {
  const data = await mkdtemp(join(tmpdir(), 'image-desk-'));
  t.teardown(() => rm(data, { recursive: true, force: true }));
  await makeLabBase({ file: join(data, 'base.img'), format: 'cloud-init' });
  await must(await importBase({ file: join(data, 'base.img'), directory: join(data, 'bases'), signal })).close();
  const config = parseConfig(`data: ${data}`);
  if (!config.ok) throw new Error('the configuration of this test is wrong');
  const key = generateSshKeyPair('worker-kube1');
  const images = imageDesk({
    config: config.value,
    clusterId: '0'.repeat(16),
    authorizedKey: key.publicLine,
    hostKeyFor: async () => key,
    storedHostKey: () => key,
    site: () => undefined,
    random: createRandomDouble(),
    log: createLogDouble(),
  });
  t.teardown(images.close);
  return images;
}

async function bytesOf(source: { size: number; read: (into: Uint8Array, offset: number) => Promise<number> }) {
  const bytes = new Uint8Array(source.size);
  await source.read(bytes, 0);
  return bytes;
}

test('of a board that is being installed: what its installer writes, whenever and however often it is asked for', async (t) => {
  const images = await desk(t);
  const accepted = aDevice({ ...states.accepted, report: aReport({ disk: { bytes: 8_000_000_000 } }) });
  const made = await images.make(accepted, signal);
  if (made.event !== 'image-made') return t.fail(JSON.stringify(made));
  const installing = aDevice({ ...states.installing, arming: made.arming });
  const base = await images.baseOf(installing);
  const [held, sectors] = [await images.openBase(base?.sha256 ?? ''), await images.sectorsOf(installing)];
  if (held === undefined || sectors === undefined) return t.fail();
  const disk = await bytesOf(held);
  for (const { sector, count, blobSector } of sectors.runs) {
    disk.set(sectors.blob.subarray(blobSector * 512, (blobSector + count) * 512), sector * 512);
  }
  const file = await bytesOf(must(await images.whole(installing, signal)));
  t.is(sha256(file), sha256(disk));
  t.is(sha256(await bytesOf(must(await images.whole(installing, signal)))), sha256(disk));
  t.is(must(await images.bytesFor(installing)), disk.length);
});

test('of any other board: a new one each time, and nothing is stored', async (t) => {
  const images = await desk(t);
  const board = aDevice(states.unreachable);
  const [one, two] = [await images.whole(board, signal), await images.whole(board, signal)];
  t.not(sha256(await bytesOf(must(one))), sha256(await bytesOf(must(two))), 'each has an arming of its own');
  t.is(await images.sectorsOf(board), undefined);
  const lost = await images.whole(aDevice(states.installing), signal);
  t.regex(lost.ok ? '' : lost.error.detail, /is made once its installer asks/);
});
