import test from 'ava';
import { after, millis, minutes, seconds } from '../../../config/values.ts';
import { lifetime } from '../../../daemon/lifecycle/lifetime.ts';
import { createPatience } from '../../../daemon/lifecycle/patience.ts';
import { aDevice, START, states } from '../../support/boards.ts';

const late = (patience: ReturnType<typeof createPatience>, time: number, device = aDevice(states.booting)) =>
  patience.rested(millis(time), [device]).length > 0;
const span = lifetime(states.booting) ?? 0;

test('a board is late when its state has lasted long enough, whatever the clock says', (t) => {
  const patience = createPatience();
  t.false(late(patience, span - 1));
  t.true(late(patience, 1));
  t.true(late(patience, 1), 'and stays so until something is done about it');
});

test('a restart counts from the beginning: the board is not to blame for the power cut', (t) => {
  const old = aDevice(states.booting, { since: after(START, minutes(-600)), deadline: after(START, minutes(-595)) });
  t.false(late(createPatience(), seconds(5), old));
});

test('another state begins anew; a state that may last for ever is never late', (t) => {
  const patience = createPatience();
  t.false(late(patience, span - 1));
  const again = aDevice(states.booting, { since: after(START, minutes(1)), deadline: after(START, minutes(6)) });
  t.false(late(patience, span - 1, again));
  t.false(late(patience, minutes(6000), aDevice(states.ready)));
});
