import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import { eepromDesk, eepromFindings } from '../../../../daemon/app/boards/eeproms.ts';
import type { ByteSource } from '../../../../daemon/ports.ts';
import { createLogDouble } from '../../../support/doubles.ts';
import { eepromImage } from '../../../support/eeprom.ts';

const conf = '[all]\nBOOT_ORDER=0xf21\n';
const image2711 = eepromImage(conf);
const image2712 = eepromImage(conf, 2 * 1024 * 1024);

async function desk(t: ExecutionContext, netboot: string) {
  const data = await mkdtemp(join(tmpdir(), 'eeproms-'));
  t.teardown(() => rm(data, { recursive: true }));
  const config = parseConfig(`data: ${data}\nnetboot: ${netboot}`);
  if (!config.ok) throw new Error('the configuration of this test is wrong');
  const log = createLogDouble();
  const put = async (chip: string, name: string, bytes: Uint8Array, seconds = 1_780_000_000): Promise<void> => {
    await mkdir(join(data, 'eeprom', chip), { recursive: true });
    await writeFile(join(data, 'eeprom', chip, name), bytes);
    await utimes(join(data, 'eeprom', chip, name), seconds, seconds);
  };
  const found = () => eepromFindings(config.value);
  return { ...eepromDesk({ config: config.value, log }), put, log, found };
}

async function textOf(source: ByteSource | undefined): Promise<string | undefined> {
  if (source === undefined) return undefined;
  const bytes = Buffer.alloc(source.size);
  await source.read(bytes, 0);
  return bytes.toString('latin1');
}
const signature = (image: Uint8Array, seconds: number): string =>
  `${createHash('sha256').update(image).digest('hex')}\nts: ${seconds}\n`;

test('each chip gets its own image; a Pi 3 and a board that nobody knows get none', async (t) => {
  const { open, put } = await desk(t, '{eeprom: true}');
  t.is(await open('pi4', 'pieeprom.sig'), undefined, 'none is supplied');
  await put('2711', 'pieeprom.upd', image2711);
  await put('2712', 'pieeprom.upd', image2712, 1_780_000_500);
  for (const model of ['pi4', 'pi400', 'cm4'] as const) {
    t.is(await textOf(await open(model, 'pieeprom.sig')), signature(image2711, 1_780_000_000), model);
  }
  for (const model of ['pi5', 'pi500', 'cm5'] as const) {
    t.is(await textOf(await open(model, 'pieeprom.sig')), signature(image2712, 1_780_000_500), model);
  }
  t.is(await textOf(await open('pi4', 'pieeprom.upd')), image2711.toString('latin1'));
  for (const model of ['pi2', 'pi3', 'pi3b+', undefined] as const) {
    t.is(await open(model, 'pieeprom.sig'), undefined, String(model));
    t.is(await open(model, 'pieeprom.upd'), undefined, String(model));
  }
});

test('none without the owner’s leave, and none that is no image of the chip: the log says why, once', async (t) => {
  const { open, put } = await desk(t, '{eeprom: false, enable: true}');
  await put('2711', 'pieeprom.upd', image2711);
  t.is(await open('pi4', 'pieeprom.sig'), undefined);
  const allowed = await desk(t, '{eeprom: true}');
  await allowed.put('2711', 'pieeprom.upd', image2712);
  for (let boot = 0; boot < 3; boot++) t.is(await allowed.open('pi4', 'pieeprom.sig'), undefined);
  t.is(allowed.log.records.filter(({ level }) => level === 'warn').length, 1);
});

test('a file that was replaced is served from then on, with its own time', async (t) => {
  const { open, put } = await desk(t, '{eeprom: true}');
  await put('2711', 'pieeprom.upd', image2711);
  await open('pi4', 'pieeprom.sig');
  const newer = eepromImage('BOOT_ORDER=0xf12\n');
  await put('2711', 'pieeprom.upd', newer, 1_790_000_000);
  t.is(await textOf(await open('pi4', 'pieeprom.sig')), signature(newer, 1_790_000_000));
});

test('on the card: only where netboot is enabled, one chip at a time, and only with recovery.bin', async (t) => {
  const off = await desk(t, '{eeprom: true}');
  await off.put('2711', 'pieeprom.upd', image2711);
  await off.put('2711', 'recovery.bin', Buffer.from('recovery'));
  t.is(must(await off.forCard(undefined)), undefined);
  const refused = await off.forCard('2711');
  t.regex(refused.ok ? '' : refused.error.detail, /netboot\.enable/);

  const { forCard, put } = await desk(t, '{enable: true}');
  t.is(must(await forCard(undefined)), undefined);
  await put('2711', 'pieeprom.upd', image2711);
  t.is(must(await forCard(undefined)), undefined, 'without recovery.bin the mask ROM starts nothing');
  const incomplete = await forCard('2711');
  t.regex(incomplete.ok ? '' : incomplete.error.detail, /eeprom\/2711 has to hold/);
  await put('2711', 'recovery.bin', Buffer.from('recovery'));
  t.like(must(await forCard(undefined)), { chip: '2711', at: 1_780_000_000 });
  await put('2712', 'pieeprom.upd', image2712);
  await put('2712', 'recovery.bin', Buffer.from('another'));
  const unclear = await forCard(undefined);
  t.regex(unclear.ok ? '' : unclear.error.detail, /--eeprom 2711, 2712 or none/);
  t.is(must(await forCard('2712'))?.recovery.length, 7);
  t.is(must(await forCard('none')), undefined);
});

test('what keeps an image from the boards is told, and nothing where none is wanted or all is there', async (t) => {
  const image = eepromImage('BOOT_ORDER=0xf1\n');
  const cases = [
    ['{}', [['2711', 'pieeprom.upd', image]], undefined, undefined],
    ['{eeprom: true}', [], true, /^no EEPROM image is there.*put pieeprom\.upd \(from.*eeprom\/2711, for a Pi 5/],
    ['{enable: true}', [], false, /put pieeprom\.upd and recovery\.bin/],
    ['{eeprom: true}', [['2712', 'pieeprom.upd', image]], true, /\/2712: an EEPROM image of BCM2712 has 2097152 bytes/],
    ['{eeprom: true}', [['2711', 'pieeprom.upd', image2712]], true, /\/2711: .*has 2097152 bytes, 524288 at most/],
    ['{eeprom: true}', [['2711', 'pieeprom.upd', image]], true, /BOOT_ORDER .* no network/],
    ['{enable: true}', [['2711', 'pieeprom.upd', image2711]], true, /\/2711: recovery\.bin is missing/],
    ['{enable: true, eeprom: true}', [['2711', 'pieeprom.upd', image2711]], undefined, undefined],
  ] as const;
  for (const [netboot, files, wrong, detail] of cases) {
    const { put, found } = await desk(t, netboot);
    for (const [chip, name, bytes] of files) await put(chip, name, bytes);
    const [finding, ...more] = await found();
    t.deepEqual([finding?.wrong, more], [wrong, []], netboot);
    if (detail !== undefined) t.regex(finding?.detail ?? '', detail);
  }
});
