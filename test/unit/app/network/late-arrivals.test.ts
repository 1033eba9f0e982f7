/** When a board counts as late, on the clock. */
import test, { type ExecutionContext } from 'ava';
import { seconds } from '../../../../config/values.ts';
import { createLateArrivals } from '../../../../daemon/app/network/late-arrivals.ts';
import { aDevice, states } from '../../../support/boards.ts';
import { createClockDouble } from '../../../support/doubles.ts';

const board = aDevice(states.starting);

function stage(t: ExecutionContext) {
  const clock = createClockDouble();
  const ending = new AbortController();
  t.teardown(() => ending.abort());
  const arrivals = createLateArrivals({ clock, signal: ending.signal });
  const discover = (secs: number, isPxe = false) => arrivals.heard(board, { kind: 'discover', isPxe, secs });
  const installed = () => arrivals.changed({ before: aDevice(states.installing), after: board });
  return { ...arrivals, clock, discover, installed, late: () => arrivals.isLate(board) };
}

test('a system whose first message that we hear is half a minute old is late, until it is not', async (t) => {
  const it = stage(t);
  await it.clock.advance(seconds(40));
  it.discover(28);
  t.true(it.late());
  it.discover(31);
  t.true(it.late(), 'a repetition tells nothing');
  await it.clock.advance(seconds(3600));
  it.discover(1);
  t.false(it.late(), 'its port was set right');
});

test('what may have been said before we listened is held against nobody', async (t) => {
  const it = stage(t);
  await it.clock.advance(seconds(20));
  it.discover(28);
  t.false(it.late());
});

test('a system that waits for a server, and is heard all the time, is not late', async (t) => {
  const it = stage(t);
  await it.clock.advance(seconds(100));
  for (const secs of [0, 3, 6, 29, 32, 35]) {
    it.discover(secs);
    await it.clock.advance(seconds(3));
    t.false(it.late(), `${secs}`);
  }
});

test('the boot ROM of a board that was just installed has 25 seconds', async (t) => {
  const it = stage(t);
  it.installed();
  await it.clock.advance(seconds(12));
  it.discover(0, true);
  t.false(it.late());
  it.installed();
  await it.clock.advance(seconds(40));
  it.discover(0, true);
  t.true(it.late());
  it.discover(0, true);
  t.true(it.late(), 'it repeats itself');
  it.changed({ before: board, after: undefined });
  t.false(it.late());
});

test('a board that starts from its disk and netboots some other day is not late', async (t) => {
  const it = stage(t);
  it.installed();
  await it.clock.advance(seconds(86_400));
  it.discover(0, true);
  t.false(it.late());
  it.heard(board, { kind: 'request-renewing', isPxe: false, secs: 40 });
  t.false(it.late(), 'only DISCOVERs count');
});
