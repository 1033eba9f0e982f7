import test from 'ava';
import type { Random } from '../../../daemon/ports.ts';
import { systemRandom } from '../../../daemon/system/random.ts';
import { createRandomDouble } from '../../support/doubles.ts';

const subjects: Readonly<Record<string, Random>> = { 'the system': systemRandom, 'the double': createRandomDouble() };

for (const [name, random] of Object.entries(subjects)) {
  test(`${name} gives as many bytes as asked for`, (t) => {
    for (const length of [0, 1, 6, 32, 100_000]) t.is(random.bytes(length).length, length);
  });

  test(`${name} does not repeat itself and uses all values`, (t) => {
    t.notDeepEqual(random.bytes(16), random.bytes(16));
    t.is(new Set(random.bytes(20_000)).size, 256);
  });
}

test('the double gives the same for the same seed', (t) => {
  t.deepEqual(createRandomDouble(7).bytes(64), createRandomDouble(7).bytes(64));
  t.notDeepEqual(createRandomDouble(7).bytes(64), createRandomDouble(8).bytes(64));
});
