import test from 'ava';
import { after, type Instant, instant, type Millis, millis, minutes, seconds } from '../../../config/values.ts';
import { bootView } from '../../../daemon/app/owner/boot-view.ts';
import type { Sight } from '../../../daemon/boot/sight.ts';
import { createTimelines, span } from '../../../daemon/boot/timeline.ts';
import { aDevice, START, states } from '../../support/boards.ts';
import { bootStage } from '../../support/boot-stage.ts';
import { systemDiscover } from '../../support/boot-story.ts';

const { id } = aDevice();
const rom: Sight = { sight: 'dhcp', by: 'boot ROM', kind: 'DISCOVER' };
const system: Sight = { sight: 'dhcp', by: 'system', kind: 'REQUEST' };
const fetched = (path: string): Sight => ({ sight: 'fetched', path });

test('what repeats itself within one boot is one mark with its count; a later boot is one of its own', (t) => {
  const timelines = createTimelines();
  for (const time of [0, 5, 10]) timelines.see(id, after(START, seconds(time)), rom);
  timelines.see(id, after(START, seconds(11)), fetched('start4.elf'));
  const [boot] = timelines.of(id);
  t.deepEqual(
    boot?.map(({ text, count }) => [text, count]),
    [
      ['DISCOVER of its boot ROM', 3],
      ['has fetched start4.elf', 1],
    ],
  );
  t.deepEqual(
    bootView(boot ?? []).map(({ seconds: at, what }) => [at, what]),
    [
      [0, 'DISCOVER of its boot ROM (3 times in 10 s)'],
      [11, 'has fetched start4.elf'],
    ],
  );
  timelines.see(id, after(START, seconds(300)), rom);
  t.is(timelines.of(id).length, 2);
  timelines.forget(id);
  t.deepEqual(timelines.of(id), []);
});

test('a second stage that asks anew is the same boot; after its kernel, its installer or its system it is the next one', (t) => {
  const beyond: readonly Sight[] = [fetched('kernel8.img'), { sight: 'said', what: 'installer reports' }, system];
  for (const between of [fetched('bootcode.bin'), fetched('start4.elf'), ...beyond]) {
    const timelines = createTimelines();
    for (const sight of [rom, between, rom]) timelines.see(id, START, sight);
    t.is(timelines.of(id).length, beyond.includes(between) ? 2 : 1, JSON.stringify(between));
  }
});

test('a system that starts again after it was Ready begins a boot, one that renews its lease does not', (t) => {
  const timelines = createTimelines();
  const ready: Sight = { sight: 'state', name: 'ready', what: 'Node is Ready' };
  for (const sight of [rom, system, ready]) timelines.see(id, START, sight);
  timelines.see(id, after(START, seconds(30)), system);
  t.is(timelines.of(id).length, 1);
  timelines.see(id, after(START, minutes(5)), system);
  t.is(timelines.of(id).length, 2);
});

test('a board that makes names up, and one that starts for ever, keep no more than a bounded number of marks', (t) => {
  const timelines = createTimelines();
  timelines.see(id, START, rom);
  for (let number = 0; number < 10_000; number += 1) {
    timelines.see(id, START, { sight: 'missing', path: `x${number}` });
    timelines.see(id, START, fetched(`y${number}`));
  }
  t.is(timelines.of(id)[0]?.length, 120);
  t.is(timelines.of(id)[0]?.filter(({ sight }) => sight.sight === 'missing').length, 32);
  for (let number = 1; number < 50; number += 1) timelines.see(id, after(START, minutes(2 * number)), rom);
  t.is(timelines.of(id).length, 4);
});

test('a wall clock that is set in the middle of a boot moves nothing: what was counted tells', (t) => {
  let counted = 0;
  const timelines = createTimelines({ elapsed: () => millis(counted) });
  const at = (time: Millis, clock: Instant, sight: Sight): void => {
    counted = Math.floor(time / 5000) * 5000;
    timelines.see(id, clock, sight);
  };
  at(seconds(0), instant(0), rom);
  at(seconds(3), instant(3000), fetched('start4.elf'));
  // From 1970 to the time of the network, and a year back.
  at(seconds(21), START, fetched('config.txt'));
  at(seconds(32), instant(START - 365 * 24 * 3_600_000), fetched('kernel8.img'));
  t.deepEqual(
    bootView(timelines.of(id)[0] ?? []).map(({ seconds: time }) => time),
    [0, 3, 20, 30],
  );
  t.is(timelines.of(id).length, 1);
  t.is(span({ at: START, rested: millis(0) }, { at: instant(0), rested: millis(0) }), millis(0));
});

test('the whole way of a Pi 4, from its first packet to Ready', async (t) => {
  const stage = await bootStage(t, { model: 'pi4' });
  await stage.firmware();
  await stage.pass(12);
  await stage.dhcp(systemDiscover(stage, 'bramble-installer'));
  await stage.pass(1);
  stage.says('installer reports');
  stage.become(states.installing);
  for (let time = 0; time < 3; time += 1) {
    stage.says('writes its image');
    await stage.pass(10);
  }
  for (const state of [states.starting, states.joining, states.ready] as const) {
    stage.become(state);
    await stage.pass(20);
  }
  t.deepEqual(
    bootView(stage.boots()[0] ?? []).map(({ seconds: time, what }) => `${time.toFixed(1)} ${what}`),
    [
      '0.0 DISCOVER of its boot ROM',
      '0.0 OFFER: 10.77.0.100 and where to boot from',
      '0.0 REQUEST of its boot ROM',
      '0.0 ACK: 10.77.0.100',
      '0.0 first file: asks for start4.elf',
      '0.1 has fetched config.txt (3 times in 0.5 s)',
      '0.2 has fetched start4.elf',
      '0.3 has fetched fixup4.dat',
      '0.7 has fetched bramble-installer.cpio.gz (initramfs)',
      '0.8 has fetched bcm2711-rpi-4-b.dtb (device tree)',
      '0.8 has fetched overlays/overlay_map.dtb',
      '0.9 has fetched cmdline.txt',
      '1.0 has fetched kernel8.img (kernel)',
      '13.0 DISCOVER of its installer',
      '13.0 OFFER: 10.77.0.100',
      '14.0 installer reports',
      '14.0 installing: its image is being written to its disk',
      '14.0 writes its image (3 times in 20 s)',
      '44.0 starting: starts from its own disk',
      '64.0 joining: joins the cluster',
      '84.0 ready: Node is Ready; last checks before it gets work',
    ],
  );
});
