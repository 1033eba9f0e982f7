import test, { type ExecutionContext } from 'ava';
import { must } from '../../../../config/result.ts';
import { minutes, parseDeviceId } from '../../../../config/values.ts';
import { createOpening } from '../../../../daemon/app/boards/opening.ts';
import { createRests, REST } from '../../../../daemon/rests.ts';
import type { Write } from '../../../../daemon/store/store.ts';
import { type ClockDouble, createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const id = (number: number) => must(parseDeviceId(`d-${String(number).padStart(12, '0')}`));
const tenMinutes = { by: 'anna', left: minutes(10) };

/** One process over `settings`, which is the disk (double). */
function process_(t: ExecutionContext, settings: Map<string, string>, clock: ClockDouble = createClockDouble()) {
  const stop = new AbortController();
  const rests = createRests(clock);
  const disk: { isFull: boolean; writes: number } = { isFull: false, writes: 0 };
  const commit = async (batch: readonly Write[]): Promise<number> => {
    if (disk.isFull) throw new Error('STORE_FULL');
    for (const one of batch) {
      if (one.write === 'put-setting') settings.set(one.key, one.value);
      if (one.write === 'delete-setting') settings.delete(one.key);
      if (one.write === 'append-notice') notices.push(one.reason);
    }
    disk.writes += 1;
    return disk.writes;
  };
  const log = createLogDouble();
  const notices: string[] = [];
  const opening = createOpening({ settings, commit, onNotice: () => undefined, clock, rests, log });
  const done = Promise.all([rests.follow(stop.signal), opening.follow(stop.signal)]);
  const kill = async (): Promise<void> => {
    stop.abort();
    await done;
  };
  t.teardown(kill);
  return { opening, clock, notices, disk, log, kill };
}

test('so many boards and no more, each once; then it is closed, on disk too', async (t) => {
  const settings = new Map<string, string>();
  const { opening, notices } = process_(t, settings);
  t.is(opening.now(), undefined);
  t.false(await opening.take(id(1)), 'nothing is open');
  await opening.open({ ...tenMinutes, boards: 2 });
  t.deepEqual(await Promise.all([1, 2, 3].map((number) => opening.take(id(number)))), [true, true, false]);
  t.true(await opening.take(id(1)), 'its place is its own, if what followed could not be written');
  t.is(opening.openedFor(id(1)), 'anna');
  t.is(opening.openedFor(id(3)), undefined);
  t.is(opening.now(), undefined);
  t.deepEqual([...settings], []);
  t.deepEqual(notices, ['open for 2 boards and 10 min, by anna', 'closed by its last board']);
});

test('it closes when its time is over, counted in rests, and nobody comes in by an old place', async (t) => {
  const settings = new Map<string, string>();
  const { opening, clock, log, notices } = process_(t, settings);
  await opening.open({ ...tenMinutes, boards: 5 });
  await opening.take(id(1));
  await clock.advance(minutes(9));
  t.like(opening.now(), { boards: 4, left: minutes(1) });
  await clock.advance(minutes(1));
  t.is(opening.now(), undefined);
  t.is(opening.openedFor(id(1)), undefined);
  t.false(await opening.take(id(1)));
  await clock.advance(REST);
  t.deepEqual([...settings], [], 'also on disk');
  t.like(log.find('admission is closed'), { fields: { by: 'its time' } });
  t.is(notices.at(-1), 'closed by its time');
});

test('closed by the owner: at once, also where that cannot be written', async (t) => {
  const settings = new Map<string, string>();
  const { opening, disk, clock } = process_(t, settings);
  await opening.open({ ...tenMinutes, boards: 5 });
  disk.isFull = true;
  await t.throwsAsync(opening.close('bert'));
  t.is(opening.now(), undefined);
  disk.isFull = false;
  await clock.advance(REST);
  t.deepEqual([...settings], [], 'what could not be written is written later');
});

test('what cannot be written is not open, and no place is lost to a full disk', async (t) => {
  const { opening, disk } = process_(t, new Map());
  disk.isFull = true;
  await t.throwsAsync(opening.open({ ...tenMinutes, boards: 1 }));
  t.is(opening.now(), undefined);
  disk.isFull = false;
  await opening.open({ ...tenMinutes, boards: 1 });
  disk.isFull = true;
  await t.throwsAsync(opening.take(id(1)));
  disk.isFull = false;
  t.true(await opening.take(id(2)));
});

test('a restart keeps what is left, and is never later than it was to be', async (t) => {
  const settings = new Map<string, string>();
  const clock = createClockDouble();
  const first = process_(t, settings, clock);
  await first.opening.open({ ...tenMinutes, boards: 3 });
  await first.opening.take(id(1));
  await clock.advance(minutes(4));
  await first.kill();
  await clock.advance(minutes(2));
  const second = process_(t, settings, clock);
  const { boards, left } = second.opening.now() ?? { boards: 0, left: 0 };
  t.is(boards, 2);
  t.true(left <= minutes(4) && left > minutes(3), String(left));
  await second.kill();
  await clock.advance(minutes(5));
  t.is(process_(t, settings, clock).opening.now(), undefined, 'its time was over while nobody counted');
});

test('a clock that is set back while it runs costs it a minute more at most', async (t) => {
  const settings = new Map<string, string>();
  const clock = createClockDouble();
  const first = process_(t, settings, clock);
  await first.opening.open({ ...tenMinutes, boards: 3 });
  await clock.advance(minutes(8));
  await first.kill();
  const kept: { left: number } = JSON.parse([...settings.values()][0] ?? '');
  t.true(kept.left <= minutes(3), `it was noted now and then: ${kept.left}`);
});

test('an open window writes once a minute, a closed one never', async (t) => {
  const { opening, clock, disk } = process_(t, new Map());
  await clock.advance(minutes(30));
  t.is(disk.writes, 0);
  await opening.open({ ...tenMinutes, boards: 3 });
  await clock.advance(minutes(5));
  t.true(disk.writes > 1 && disk.writes <= 7, String(disk.writes));
  await clock.advance(minutes(6));
  const { writes } = disk;
  await clock.advance(minutes(30));
  t.is(disk.writes, writes);
});
