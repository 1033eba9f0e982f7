import test from 'ava';
import { after, type Instant, instant, type Millis, millis } from '../../../config/values.ts';
import { createAlarm, earliest } from '../../../daemon/mdns/alarm.ts';
import { createClockDouble, createLogDouble } from '../../support/doubles.ts';

function stage() {
  const inner = createClockDouble(instant(1000));
  let shift = 0;
  const clock = {
    now: (): Instant => after(inner.now(), millis(shift)),
    sleep: (duration: Millis, signal: AbortSignal) => inner.sleep(duration, signal),
  };
  const rung: Instant[] = [];
  const ending = new AbortController();
  const alarm = createAlarm({
    clock,
    log: createLogDouble(),
    signal: ending.signal,
    onDue: () => rung.push(alarm.now()),
  });
  return { inner, alarm, rung, ending, setWall: (by: number) => (shift = by) };
}

test('rings once, at the last time that was set', async (t) => {
  const { inner, alarm, rung } = stage();
  alarm.set(instant(1500));
  alarm.set(instant(1200));
  alarm.set(instant(1300));
  await inner.advance(millis(5000));
  t.deepEqual(rung, [instant(1300)]);
  alarm.set(instant(9000));
  alarm.set(undefined);
  await inner.advance(millis(9000));
  t.is(rung.length, 1);
});

test('a wall clock that is set back by an hour delays nothing, and time does not go back', async (t) => {
  const { inner, alarm, rung, setWall } = stage();
  t.is(alarm.now(), instant(1000));
  alarm.set(instant(1250));
  setWall(-3_600_000);
  await inner.advance(millis(250));
  t.deepEqual(rung, [instant(1250)]);
  t.is(alarm.now(), instant(1250));
  await inner.advance(millis(100));
  t.is(alarm.now(), instant(1350));
});

test('not after the end', async (t) => {
  const { inner, alarm, rung, ending } = stage();
  alarm.set(instant(1250));
  ending.abort();
  alarm.set(instant(1260));
  await inner.advance(millis(1000));
  t.deepEqual(rung, []);
  t.deepEqual(inner.sleepers(), []);
});

test('the earliest of what is due', (t) => {
  t.is(earliest([undefined, instant(3), instant(2)]), instant(2));
  t.is(earliest([undefined]), undefined);
});
