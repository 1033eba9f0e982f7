import test from 'ava';
import { instant, minutes, seconds } from '../../../config/values.ts';
import { createPulse, onceBegun } from '../../../daemon/app/pulse.ts';
import { createClockDouble } from '../../support/doubles.ts';

test('a loop that gets on is not named; one that stands still is, until it goes on', async (t) => {
  const clock = createClockDouble();
  const abort = new AbortController();
  const pulse = createPulse(clock);
  const turn = pulse.loop('nodes', seconds(10));
  pulse.loop('slow', minutes(10));
  const following = pulse.follow(abort.signal);
  for (let count = 0; count < 20; count++) {
    await clock.advance(seconds(10));
    turn();
    t.deepEqual(pulse.stuck(), []);
  }
  await clock.advance(seconds(45));
  t.deepEqual(pulse.stuck(), ['nodes']);
  turn();
  t.deepEqual(pulse.stuck(), []);
  abort.abort();
  await t.notThrowsAsync(following);
});

test('a clock that is set hours ahead is no standstill', async (t) => {
  const double = createClockDouble();
  let ahead = 0;
  const clock = { now: () => instant(double.now() + ahead), sleep: double.sleep };
  const abort = new AbortController();
  const pulse = createPulse(clock);
  pulse.loop('nodes', seconds(10));
  void pulse.follow(abort.signal);
  await double.advance(seconds(10));
  ahead = minutes(600);
  await double.advance(seconds(10));
  t.deepEqual(pulse.stuck(), []);
  abort.abort();
});

test('a loop that is never begun is not stuck; once it has begun it may be', async (t) => {
  const clock = createClockDouble();
  const abort = new AbortController();
  const pulse = createPulse(clock);
  const turn = onceBegun(pulse, 'balance', seconds(10));
  const following = pulse.follow(abort.signal);
  await clock.whenSleeping(1);
  const goBy = async (rests: number): Promise<void> => {
    for (let count = 0; count < rests; count++) await clock.advance(seconds(5));
  };
  await goBy(100);
  t.deepEqual(pulse.stuck(), []);
  turn();
  await goBy(5);
  turn();
  t.deepEqual(pulse.stuck(), []);
  await goBy(8);
  t.deepEqual(pulse.stuck(), ['balance']);
  turn();
  t.deepEqual(pulse.stuck(), []);
  abort.abort();
  await following;
});
