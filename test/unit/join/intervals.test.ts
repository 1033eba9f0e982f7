import test from 'ava';
import { retryIntervals } from '../../../daemon/join/intervals.ts';

test('pauses grow from 200 ms to 2 s and stay there', (t) => {
  const first = retryIntervals().take(10).toArray();
  t.deepEqual(first.map(Number), [200, 300, 450, 675, 1013, 1520, 2000, 2000, 2000, 2000]);
});
