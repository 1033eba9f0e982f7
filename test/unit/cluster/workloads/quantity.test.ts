import test from 'ava';
import { bytesOf, cpuOf, quantity } from '../../../../daemon/cluster/workloads/quantity.ts';

const cases: readonly (readonly [text: unknown, value: number])[] = [
  ['4', 4],
  ['500m', 0.5],
  ['3906220Ki', 3_999_969_280],
  ['1.5Gi', 1_610_612_736],
  ['2e3', 2000],
  ['1E', 1e18],
  ['100M', 1e8],
  [110, 110],
  ['', 0],
  ['many', 0],
  [undefined, 0],
];

for (const [text, value] of cases) test(`quantity ${text}`, (t) => void t.is(quantity(text), value));

test('cpu is in thousandths, rounded up; an exact one is not', (t) => {
  t.deepEqual([cpuOf('100m'), cpuOf('0.1'), cpuOf('1500u'), cpuOf('2')], [100, 100, 2, 2000]);
  t.is(bytesOf('64Mi'), 67_108_864);
});
