import test from 'ava';
import { seconds } from '../../../config/values.ts';
import { createRests } from '../../../daemon/app/rests.ts';
import { createClockDouble } from '../../support/doubles.ts';

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
