import test from 'ava';
import { millis, minutes, seconds } from '../../../../config/values.ts';
import {
  isSteady,
  looksWell,
  STEADY,
  STEADY_MAX,
  type Steadiness,
  steady,
  steadyTime,
} from '../../../../daemon/cluster/failover/steadiness.ts';
import { nothingKnown, type Sight, suspect } from '../../../../daemon/cluster/failover/suspicion.ts';

const well: Sight = {
  path: 'alive',
  peer: 'unknown',
  peerSince: undefined,
  lease: seconds(4),
  power: 'unknown',
  ready: true,
};

for (const [changes, expected] of [
  [{}, true],
  // After a restart of the daemon: it may never have answered this one.
  [{ path: 'unknown' }, true],
  [{ power: 'on' }, true],
  [{ path: 'silent' }, false],
  [{ lease: undefined }, false],
  [{ lease: seconds(13) }, false],
  [{ ready: false }, false],
  [{ power: 'off' }, false],
] as const satisfies readonly (readonly [Partial<Sight>, boolean])[]) {
  test(`a board with ${JSON.stringify(changes, (_, value) => value ?? 'never')} looks ${expected ? 'well' : 'ill'}`, (t) => {
    const sight = { ...well, ...changes };
    const from = suspect(nothingKnown, sight, seconds(0));
    t.is(looksWell(sight, suspect(from, sight, seconds(2)), seconds(2)), expected);
  });
}

test('it is back once it looked well for the whole time, without a break', (t) => {
  let state: Steadiness | undefined;
  let suspicion = nothingKnown;
  const look = (second: number, sight: Sight = well): boolean => {
    suspicion = suspect(suspicion, sight, seconds(second));
    state = steady(state, { sight, suspicion }, seconds(second));
    return isSteady(state, seconds(second), STEADY);
  };
  for (let second = 0; second < 15; second += 1) t.false(look(second), `${second} s`);
  t.true(look(15));
  t.true(look(16, { ...well, path: 'silent' }), 'one lost packet');
  t.true(look(17));
  t.true(look(18, { ...well, path: 'silent' }));
  t.false(look(20, { ...well, path: 'silent' }));
  for (let second = 21; second < 36; second += 1) t.false(look(second), `${second} s`);
  t.true(look(36));
});

test('a board that flaps has to be well for longer each time, up to a limit; one that held out is forgiven', (t) => {
  t.is(steadyTime(undefined, seconds(0)), STEADY);
  t.is(steadyTime({ needed: STEADY, at: millis(0) }, minutes(9)), seconds(30));
  t.is(steadyTime({ needed: seconds(240), at: millis(0) }, minutes(1)), STEADY_MAX);
  t.is(steadyTime({ needed: seconds(240), at: millis(0) }, minutes(11)), STEADY);
});
