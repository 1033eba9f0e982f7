import test from 'ava';
import { millis, seconds } from '../../../config/values.ts';
import { idleTimer } from '../../../daemon/tftp/idle-timer.ts';
import { createClockDouble } from '../../support/doubles.ts';

const setUp = () => {
  const clock = createClockDouble();
  let fired = 0;
  const timer = idleTimer(clock, () => {
    fired += 1;
  });
  return { clock, timer, fired: () => fired };
};

test('fires after the time of the last arming, at most a quarter late', async (t) => {
  const { clock, timer, fired } = setUp();
  timer.arm(seconds(1));
  await clock.advance(millis(900));
  timer.arm(seconds(1));
  await clock.advance(millis(999));
  t.is(fired(), 0);
  await clock.advance(millis(251));
  t.is(fired(), 1);
  timer.stop();
});

test('a much shorter wait does not have to sit out the rest of the long one', async (t) => {
  const { clock, timer, fired } = setUp();
  timer.arm(seconds(1));
  await clock.advance(millis(10));
  timer.arm(millis(20));
  await clock.advance(millis(26));
  t.is(fired(), 1);
  timer.stop();
});

test('what was stopped rests no more and fires no more', async (t) => {
  const { clock, timer, fired } = setUp();
  timer.arm(seconds(1));
  await clock.advance(millis(10));
  timer.stop();
  timer.arm(seconds(1));
  await clock.advance(seconds(10));
  t.is(fired(), 0);
  t.deepEqual(clock.sleepers(), []);
});
