import test from 'ava';
import { backoff, fractionOf } from '../../../daemon/cluster/backoff.ts';

test('pauses double from 200 ms to 10 s, and chance takes off up to half', (t) => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => Number(backoff(failures, 1)));
  t.deepEqual(longest, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
  t.deepEqual(
    [0, 5, 1000].map((failures) => Number(backoff(failures, 0))),
    [100, 3200, 5000],
  );
});

test('a byte is a fraction below one', (t) => {
  t.deepEqual(
    [[0], [128], [255], []].map((bytes) => fractionOf(Uint8Array.from(bytes))),
    [0, 0.5, 255 / 256, 0],
  );
});
