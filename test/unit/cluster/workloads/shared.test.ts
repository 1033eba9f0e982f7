import test from 'ava';
import { createShared } from '../../../../daemon/cluster/workloads/shared.ts';
import { heldBytes } from '../../../support/heap.ts';

test('who says the same gets the same object', (t) => {
  const share = createShared<{ readonly a: readonly number[] }>();
  const first = share({ a: [1] });
  t.is(share({ a: [1] }), first);
  t.not(share({ a: [2] }), first);
});

test('what nobody holds any more is forgotten', async (t) => {
  const share = createShared<{ readonly text: string }>();
  const kept = share({ text: 'kept' });
  const round = async (from: number): Promise<number> => {
    for (let index = from; index < from + 5000; index += 1) share({ text: `${index} ${'x'.repeat(1000)}` });
    // What is to be forgotten is told to us after the collection, in a turn of its own.
    for (let turn = 0; turn < 5; turn += 1) {
      heldBytes();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return heldBytes();
  };
  const first = await round(0);
  for (let more = 1; more < 6; more += 1) await round(more * 5000);
  const grown = (await round(30_000)) - first;
  // 30,000 more of more than 1,000 bytes each would be 30 MB.
  t.true(grown < 5_000_000, `${grown} bytes`);
  t.is(share({ text: 'kept' }), kept);
});
