import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import { parseIpv4, subnetOf } from '../../../../config/values.ts';
import { staticAddress } from '../../../../daemon/app/boards/board-plan.ts';
import { imageDesk } from '../../../../daemon/app/boards/images.ts';
import { aDevice, aHeardDevice, states } from '../../../support/boards.ts';
import { createLogDouble, createRandomDouble } from '../../../support/doubles.ts';

async function desk(t: ExecutionContext) {
  const data = await mkdtemp(join(tmpdir(), 'images-'));
  t.teardown(() => rm(data, { recursive: true }));
  const config = parseConfig(`data: ${data}`);
  if (!config.ok) throw new Error('the configuration of this test is wrong');
  const log = createLogDouble();
  const images = imageDesk({
    config: config.value,
    clusterId: '0'.repeat(16),
    authorizedKey: 'ssh-ed25519 AAAA',
    hostKeyFor: () => Promise.reject(new Error('not asked')),
    storedHostKey: () => undefined,
    site: () => undefined,
    random: createRandomDouble(),
    log,
  });
  return { data, images, log };
}

test('sectors hold a host key: those that a crash left are taken away at the start, those in need stay', async (t) => {
  const { data, images } = await desk(t);
  await images.sweep(() => false);
  const folder = join(data, 'overlays');
  await mkdir(folder);
  for (const name of ['d-000000000001.overlay', 'd-000000000002.overlay', 'd-000000000003.overlay.tmp']) {
    await writeFile(join(folder, name), 'x');
  }
  await images.sweep((id) => id === 'd-000000000002');
  t.deepEqual(await readdir(folder), ['d-000000000002.overlay']);
});

test('sectors that cannot be taken away are a warning, not the end', async (t) => {
  const { data, images, log } = await desk(t);
  const device = aDevice(states.starting);
  // A folder in their place: rm without `recursive` refuses it.
  await mkdir(join(data, 'overlays', `${device.id}.overlay`), { recursive: true });
  await t.notThrowsAsync(images.discard(device.id));
  t.truthy(log.find('the sectors of a board stay'));
});

test('a damaged base is told of once, not at every boot file', async (t) => {
  const { data, images, log } = await desk(t);
  await mkdir(join(data, 'bases', '0123456789abcdef'), { recursive: true });
  for (let count = 0; count < 3; count++) t.is(await images.openKitFile('start4.elf'), undefined);
  t.is(log.records.filter(({ level }) => level === 'warn').length, 1);
});

test('a permanent address stands in the board’s own configuration; one of the router’s does not', (t) => {
  const [address, router] = [aDevice().address, must(parseIpv4('10.77.0.254'))];
  const site = { subnet: subnetOf(address, 24), gateway: router, dns: [router] };
  t.deepEqual(staticAddress(aDevice(), site), { ip: address, prefix: 24, gateway: router, dns: [router] });
  t.is(staticAddress(aHeardDevice(states.accepted, { address }), site), undefined);
  t.is(staticAddress(aDevice(), undefined), undefined);
});
