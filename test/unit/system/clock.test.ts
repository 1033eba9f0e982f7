import { getEventListeners } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { millis, since } from '../../../config/values.ts';
import type { Clock } from '../../../daemon/ports.ts';
import { systemClock } from '../../../daemon/system/clock.ts';
import { createClockDouble } from '../../support/doubles.ts';

type Subject = { readonly clock: Clock; readonly pass: (duration: number) => Promise<void> };

const subjects: Readonly<Record<string, () => Subject>> = {
  'the system clock': () => ({ clock: systemClock, pass: async () => {} }),
  'the double': () => {
    const clock = createClockDouble();
    return { clock, pass: (duration) => clock.advance(millis(duration)) };
  },
};

const contract: Readonly<Record<string, (t: ExecutionContext, subject: Subject) => Promise<void>>> = {
  'sleep settles after the duration': async (t, { clock, pass }) => {
    const start = clock.now();
    const asleep = clock.sleep(millis(20), new AbortController().signal);
    await pass(25);
    await asleep;
    // A timer may fire a millisecond early as the wall clock sees it.
    t.true(since(start, clock.now()) >= 19);
  },
  'who sleeps shorter wakes first': async (t, { clock, pass }) => {
    const { signal } = new AbortController();
    const woken: number[] = [];
    const all = [60, 5, 30].map((duration) => clock.sleep(millis(duration), signal).then(() => woken.push(duration)));
    await pass(100);
    await Promise.all(all);
    t.deepEqual(woken, [5, 30, 60]);
  },
  'an abort ends the sleep at once, with its reason': async (t, { clock }) => {
    const controller = new AbortController();
    const asleep = clock.sleep(millis(3_600_000), controller.signal);
    const reason = new Error('enough');
    controller.abort(reason);
    t.is(await t.throwsAsync(asleep), reason);
  },
  'an aborted signal lets nobody sleep': async (t, { clock }) => {
    const reason = new Error('before');
    t.is(await t.throwsAsync(clock.sleep(millis(3_600_000), AbortSignal.abort(reason))), reason);
  },
  'longer than a timer of Node lasts is not at once': async (t, { clock, pass }) => {
    const controller = new AbortController();
    let woken = false;
    const asleep = clock.sleep(millis(2 ** 32), controller.signal).then(() => {
      woken = true;
    });
    const shorter = clock.sleep(millis(20), controller.signal);
    await pass(20);
    await shorter;
    t.false(woken);
    controller.abort(new Error('enough'));
    await t.throwsAsync(asleep);
  },
};

for (const [name, subject] of Object.entries(subjects)) {
  for (const [promise, check] of Object.entries(contract)) {
    test(`${name}: ${promise}`, (t) => check(t, subject()));
  }
}

test('the system clock leaves no listener behind', async (t) => {
  const { signal } = new AbortController();
  await systemClock.sleep(millis(1), signal);
  t.deepEqual(getEventListeners(signal, 'abort'), []);
});

test('the double runs a loop that sleeps again and again', async (t) => {
  const clock = createClockDouble();
  const controller = new AbortController();
  const ticks: number[] = [];
  const start = clock.now();
  const loop = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(millis(10), controller.signal);
      ticks.push(since(start, clock.now()));
    }
  };
  const running = loop();
  await clock.whenSleeping(1);
  await clock.advance(millis(35));
  t.deepEqual(ticks, [10, 20, 30]);
  t.is(clock.sleepers().length, 1);
  controller.abort(new Error('end'));
  await t.throwsAsync(running, { message: 'end' });
  t.deepEqual(clock.sleepers(), []);
});
