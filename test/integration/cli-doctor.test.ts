/** `bramble doctor` over a real data folder, beside a daemon that answers and without one. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { statusRoute } from '../../daemon/http/endpoints/read.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import { importBase } from '../../image-builder/index.ts';
import { runBramble } from '../support/command-line.ts';
import { eepromImage } from '../support/eeprom.ts';
import { makeLabBase } from '../support/images.ts';
import { deviceFake, statusFake } from '../unit/http/views-fake.ts';
import { silentLog } from './installer-boot-fake.ts';

const signal = AbortSignal.timeout(110_000);

async function master(t: ExecutionContext, netboot: string) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-doctor-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const [config, socket, data] = [join(folder, 'bramble.yaml'), join(folder, 'brambled.sock'), join(folder, 'data')];
  await writeFile(config, `data: ${data}\nnetboot: ${netboot}\n`);
  const doctor = (...args: readonly string[]) =>
    runBramble(['doctor', '--config', config, ...args], { BRAMBLE_SOCKET: socket });
  return { folder, socket, data, doctor };
}

test('a master without a daemon and without an image: what to do, and 2', async (t) => {
  const lost = 'images: { additions: [{ files: [{ path: /etc/motd, from: /nonexistent/motd }] }] }';
  const { folder, doctor } = await master(t, `{}\n${lost}`);
  const seen = await doctor();
  t.is(seen.code, 2);
  t.regex(seen.out, /✘ daemon +the daemon does not answer/);
  t.regex(seen.out, /✘ images +no base image is imported: sudo bramble image add/);
  t.regex(seen.out, /✘ images +images\.additions: \/nonexistent\/motd is not there\n/);
  t.regex(seen.out, /\npi3b\+ +nothing: /);
  t.true(
    seen.out.split('\n').every((line) => line.length <= 80),
    'in its columns',
  );
  t.is((await doctor('--config', join(folder, 'none.yaml'))).code, 1);
});

test('a master with a boot kit and an EEPROM image: what the kit starts, and what the image does', async (t) => {
  const { folder, socket, data, doctor } = await master(t, '{enable: true, eeprom: true}');
  const file = join(folder, 'kit.img');
  await makeLabBase({ file, format: 'cloud-init' });
  await must(await importBase({ file, directory: join(data, 'bases'), signal })).close();
  await mkdir(join(data, 'eeprom/2711'), { recursive: true });
  await writeFile(join(data, 'eeprom/2711/pieeprom.upd'), eepromImage('BOOT_ORDER=0xf21\n'));
  const stopped = new AbortController();
  const routes = [statusRoute({ status: () => statusFake([deviceFake('worker-kube1')]) })];
  const server = must(await serveHttp({ listen: { socket }, routes, log: silentLog, signal: stopped.signal }));
  t.teardown(async () => {
    stopped.abort();
    await server.closed;
  });
  const seen = await doctor();
  t.is(seen.code, 0, seen.out);
  t.regex(seen.out, /✔ boot kit +kit starts the installer on pi3, pi3b\+, pi4, pi5\n/);
  t.regex(
    seen.out.replace(/\n +/g, ' '),
    /BOOT_ORDER 0xf21 \(SD card or eMMC, then network, then from the start again\)/,
  );
  await writeFile(join(data, 'eeprom/2711/pieeprom.upd'), 'a poem');
  const wrong = await doctor('-o', 'json');
  t.is(wrong.code, 2);
  t.like(JSON.parse(wrong.out).findings.at(-2), { level: 'wrong', about: 'EEPROM' });
});
