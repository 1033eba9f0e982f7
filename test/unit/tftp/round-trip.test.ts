import test from 'ava';
import { millis } from '../../../config/values.ts';
import { lossAfter, withSample } from '../../../daemon/tftp/round-trip.ts';

test('the first sample counts for itself, with half of it as its variation', (t) => {
  const first = withSample(undefined, millis(8));
  t.deepEqual(first, { smoothed: millis(8), variation: millis(4) });
  t.is(lossAfter(first), millis(24));
});

test('steady round trips end in a short wait, unsteady ones in a long one', (t) => {
  let steady = withSample(undefined, millis(8));
  let unsteady = steady;
  for (let round = 0; round < 50; round += 1) {
    steady = withSample(steady, millis(8));
    unsteady = withSample(unsteady, millis(round % 2 === 0 ? 1 : 15));
  }
  t.true(lossAfter(steady) < 8.1);
  t.true(lossAfter(unsteady) > 30);
});
