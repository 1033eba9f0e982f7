import test from 'ava';
import { millis } from '../../../config/values.ts';
import { createTicks, tickLength } from '../../../daemon/traffic/ticks.ts';
import { createClockDouble } from '../../support/doubles.ts';

test('counts rests, and ends with its signal', async (t) => {
  const clock = createClockDouble();
  const ticks = createTicks();
  const stop = new AbortController();
  const done = ticks.follow(clock, stop.signal);
  t.is(ticks.now(), 0);
  await clock.advance(millis(3 * tickLength));
  t.is(ticks.now(), 3);
  stop.abort();
  await done;
  t.deepEqual(clock.sleepers(), []);
});

test('a wall clock that jumps is no time', async (t) => {
  const clock = createClockDouble();
  const ticks = createTicks();
  const stop = new AbortController();
  let jumped = 0;
  const jumping = { ...clock, now: () => clock.now() + jumped };
  const done = ticks.follow(jumping, stop.signal);
  jumped = 86_400_000;
  await clock.advance(tickLength);
  jumped = -86_400_000;
  await clock.advance(tickLength);
  t.is(ticks.now(), 2);
  stop.abort();
  await done;
});
