/** What of a conflict comes into a board's event log. */
import test, { type ExecutionContext } from 'ava';
import { ok } from '../../../../config/result.ts';
import { minutes, seconds } from '../../../../config/values.ts';
import { nameConflicts } from '../../../../daemon/app/network/name-conflicts.ts';
import { createFleet } from '../../../../daemon/lifecycle/fleet.ts';
import { transition } from '../../../../daemon/lifecycle/transition.ts';
import { aDevice, START, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

function stage(t: ExecutionContext) {
  const clock = createClockDouble();
  const ending = new AbortController();
  t.teardown(() => ending.abort());
  const fleet = createFleet([aDevice(states.ready)]);
  const conflicts = new Map<string, string>();
  const events: string[] = [];
  const disk: { full: boolean } = { full: false };
  const listeners = nameConflicts({
    conflicts,
    runner: {
      fleet,
      dispatch: async (_, event) => {
        if (disk.full) throw new Error('SQLITE_FULL');
        events.push(event.event === 'name-conflict' ? `${event.event} ${event.by}` : event.event);
        return ok(transition(aDevice(states.ready), event, START));
      },
    },
    clock,
    log: createLogDouble(),
    signal: ending.signal,
  });
  return { ...listeners, clock, conflicts, events, fleet, disk };
}
const theirs = { name: 'worker-kube1.local', theirs: '10.77.0.99' };

test('a conflict about a board is an event of that board, and so is its end', async (t) => {
  const it = stage(t);
  it.onConflict(theirs);
  t.deepEqual([...it.conflicts], [['worker-kube1.local', '10.77.0.99']], 'the status has it at once');
  await it.clock.advance(seconds(11));
  t.deepEqual(it.events, ['name-conflict 10.77.0.99']);
  await it.clock.advance(minutes(60));
  t.is(it.events.length, 1);
  it.onConflictOver(theirs);
  t.is(it.conflicts.size, 0);
  await it.clock.advance(minutes(6));
  t.deepEqual(it.events, ['name-conflict 10.77.0.99', 'name-conflict-over']);
});

test('its service counts as the board; the master has no event log', async (t) => {
  const it = stage(t);
  it.onConflict({ name: 'worker-kube1._ssh._tcp.local', theirs: '10.77.0.99' });
  it.onConflict({ name: 'master.local', theirs: '10.77.0.98', newName: 'master-2.local' });
  await it.clock.advance(minutes(1));
  t.deepEqual(it.events, ['name-conflict 10.77.0.99']);
  t.is(it.conflicts.get('master.local'), 'we are master-2.local');
});

test('what is over within seconds is no event', async (t) => {
  const it = stage(t);
  it.onConflict(theirs);
  await it.clock.advance(seconds(5));
  it.onConflictOver(theirs);
  await it.clock.advance(minutes(30));
  t.deepEqual(it.events, []);
});

test('a name that is taken and given back all the time writes once in five minutes', async (t) => {
  const it = stage(t);
  for (let turn = 0; turn < 1800; turn += 1) {
    if (turn % 2 === 0) it.onConflict(theirs);
    else it.onConflictOver(theirs);
    await it.clock.advance(seconds(2));
  }
  t.true(it.events.length > 3 && it.events.length <= 13, `${it.events.length}`);
});

test('what cannot be written is tried again; a board that is gone is not', async (t) => {
  const it = stage(t);
  it.disk.full = true;
  it.onConflict(theirs);
  await it.clock.advance(minutes(6));
  it.disk.full = false;
  await it.clock.advance(minutes(6));
  t.deepEqual(it.events, ['name-conflict 10.77.0.99']);
  it.fleet.remove(aDevice().id);
  it.onConflictOver(theirs);
  await it.clock.advance(minutes(30));
  t.is(it.events.length, 1);
});
