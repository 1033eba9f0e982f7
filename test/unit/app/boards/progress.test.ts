import test from 'ava';
import { ok } from '../../../../config/result.ts';
import { minutes, seconds } from '../../../../config/values.ts';
import { createProgress } from '../../../../daemon/app/boards/progress.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import { createFleet } from '../../../../daemon/lifecycle/fleet.ts';
import { createPatience } from '../../../../daemon/lifecycle/patience.ts';
import { transition } from '../../../../daemon/lifecycle/transition.ts';
import { aDevice, events, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const TURN = seconds(10);
const GIB = 2 ** 30;

/** One board that is being installed, its deadline watched as the runner does; `writes` counts what would be on disk. */
function installation() {
  const clock = createClockDouble();
  const { device } = transition(aDevice(states.accepted), events['image-made'], clock.now());
  const fleet = createFleet([device]);
  const board = (): Device => fleet.byId(device.id) ?? device;
  const told = { writes: 0, turns: 0 };
  const patience = createPatience();
  const dispatch = async (_: unknown, event: Parameters<typeof transition>[1]) => {
    const moved = transition(board(), event, clock.now());
    fleet.put(moved.device);
    told.writes += 1;
    return ok(moved);
  };
  const progress = createProgress(() => ({ fleet, dispatch }));
  const stop = new AbortController();
  const onTurn = (): void => {
    told.turns += 1;
  };
  const following = progress.follow({ clock, log: createLogDouble(), signal: stop.signal, onTurn });
  /** `bytes`: what its installer tells, of 4 GiB; undefined while it tells nothing. */
  const turn = async (bytes: number | undefined): Promise<void> => {
    if (bytes !== undefined) progress.tell(board(), bytes, 4 * GIB);
    await clock.advance(TURN);
    for (const late of patience.rested(TURN, [board()])) {
      await dispatch(late.id, { event: 'deadline-passed', since: late.since });
    }
  };
  const end = async (): Promise<void> => {
    stop.abort();
    await following;
  };
  return { board, progress, turn, told, end };
}

test('an installation goes on for as long as it gets on; the disk is written every five minutes, not at each word', async (t) => {
  const { board, progress, turn, told, end } = installation();
  const turns = minutes(180) / TURN;
  for (let at = 1; at <= turns; at++) await turn((at / turns) * 4 * GIB);
  t.is(board().state.name, 'installing');
  t.is(progress.of(board()), 1);
  t.is(told.writes, 36);
  t.true(told.turns >= 36);
  for (let at = 0; at < minutes(30) / TURN; at++) await turn(4 * GIB);
  t.like(board().state, { name: 'failed', code: 'INSTALL_TIMEOUT' }, 'the same again is no progress');
  await end();
});

test('a quarter of an hour without a word is forgiven, half an hour is not', async (t) => {
  const { board, turn, end } = installation();
  await turn(GIB);
  for (let at = 0; at < minutes(15) / TURN; at++) await turn(undefined);
  await turn(GIB + 1);
  for (let at = 0; at < minutes(15) / TURN; at++) await turn(undefined);
  t.is(board().state.name, 'installing');
  for (let at = 0; at < minutes(15) / TURN; at++) await turn(undefined);
  t.like(board().state, { name: 'failed', code: 'INSTALL_TIMEOUT' });
  await end();
});

test('a board that was cut off begins anew and has its time; one that is cut off over and over has not', async (t) => {
  const { board, progress, turn, end } = installation();
  const run = async (): Promise<void> => {
    for (let at = 1; at <= minutes(40) / TURN; at++) await turn(at * 2 ** 23);
  };
  await run();
  await run();
  t.is(board().state.name, 'installing', 'its second run is not measured by what the first one reached');
  await run();
  await run();
  t.is(board().state.name, 'installing');
  await run();
  t.like(board().state, { name: 'failed', code: 'INSTALL_TIMEOUT' });
  await end();
  progress.forget(board().id);
  progress.tell(board(), GIB, 4 * GIB);
  t.is(progress.of(board()), undefined, 'a late word about a board that moved on');
});
