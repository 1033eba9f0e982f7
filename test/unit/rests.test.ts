import test from 'ava';
import { millis, seconds } from '../../config/values.ts';
import { createRests } from '../../daemon/rests.ts';
import { createClockDouble } from '../support/doubles.ts';

test('counts while it is followed, never more than went by, and ends with its signal', async (t) => {
  const clock = createClockDouble();
  const rests = createRests(clock);
  const life = new AbortController();
  const followed = rests.follow(life.signal);
  await clock.advance(seconds(12));
  t.is(rests.elapsed(), seconds(10));
  life.abort();
  await followed;
  await clock.advance(seconds(60));
  t.is(rests.elapsed(), seconds(10));
});

test('rests of another length; a wall clock that jumps is no time', async (t) => {
  const clock = createClockDouble();
  let jumped = 0;
  const jumping = { ...clock, now: () => clock.now() + jumped };
  const rests = createRests(jumping, millis(250));
  const life = new AbortController();
  const followed = rests.follow(life.signal);
  jumped = 86_400_000;
  await clock.advance(millis(500));
  jumped = -86_400_000;
  await clock.advance(millis(250));
  t.is(rests.count(), 3);
  t.is(rests.elapsed(), millis(750));
  life.abort();
  await followed;
  t.deepEqual(clock.sleepers(), []);
});
