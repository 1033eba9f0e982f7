import test from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must, problem } from '../../../../config/result.ts';
import { installerKit } from '../../../../daemon/app/boards/installer-kit.ts';
import type { readBusybox } from '../../../../image-builder/index.ts';
import { createLogDouble } from '../../../support/doubles.ts';

function kit(busybox: typeof readBusybox) {
  const config = parseConfig('');
  if (!config.ok) throw new Error('not a configuration');
  const log = createLogDouble();
  return { ...installerKit({ config: config.value, kit: async () => undefined, readBusybox: busybox, log }), log };
}

test('made once, however many boards ask', async (t) => {
  let asked = 0;
  const { initramfs, advice } = kit(async () => {
    asked += 1;
    return { ok: true, value: Buffer.from('busybox') };
  });
  const [one, other] = await Promise.all([initramfs(), initramfs()]);
  t.true(must(one).length > 0);
  t.is(must(one), must(other));
  t.is(must(await initramfs()), must(one));
  t.is(asked, 1);
  t.deepEqual(advice(), []);
});

test('what went wrong in the middle of it is tried again, not kept', async (t) => {
  let asked = 0;
  const { initramfs } = kit(async () => {
    asked += 1;
    if (asked === 1) throw new Error('the disk sleeps');
    return { ok: true, value: Buffer.from('busybox') };
  });
  const [one, other] = await Promise.allSettled([initramfs(), initramfs()]);
  t.deepEqual([one.status, other.status, asked], ['rejected', 'rejected', 1], 'once for all who ask at once');
  t.true((await initramfs()).ok);
});

test('without busybox there is none; the log and the owner are told, once, until it is mended', async (t) => {
  const missing = problem('NO_BUSYBOX', 'install it');
  const answers = [missing, missing];
  const { initramfs, advice, log } = kit(async () => answers.shift() ?? { ok: true, value: Buffer.from('busybox') });
  t.like(await initramfs(), { ok: false, error: { code: 'NO_BUSYBOX' } });
  t.false((await initramfs()).ok);
  t.deepEqual(advice(), ['install it']);
  t.is(log.records.filter(({ level }) => level === 'error').length, 1);
  t.true((await initramfs()).ok);
  t.deepEqual(advice(), []);
});
