import test from 'ava';
import fc from 'fast-check';
import { createBuckets } from '../../../daemon/traffic/buckets.ts';
import { ticksPerSecond } from '../../../daemon/traffic/ticks.ts';

const allowance = { burst: 4, perSecond: 2 };
const clocked = (sendersMax = 10) => {
  let tick = 0;
  const buckets = createBuckets<string>(allowance, sendersMax, () => tick);
  const takeAll = (sender: string): number => {
    let taken = 0;
    while (taken < 1000 && buckets.take(sender)) taken += 1;
    return taken;
  };
  return {
    ...buckets,
    takeAll,
    seconds: (count: number) => {
      tick += count * ticksPerSecond;
    },
  };
};

test('a burst at once, then what comes in by the second, never more than a burst', (t) => {
  const { takeAll, isEmpty, seconds } = clocked();
  t.is(takeAll('a'), 4);
  t.true(isEmpty('a'));
  seconds(1);
  t.false(isEmpty('a'));
  t.is(takeAll('a'), 2);
  seconds(3600);
  t.is(takeAll('a'), 4);
});

test('one sender does not use up what another one has', (t) => {
  const { takeAll, isEmpty } = clocked();
  t.is(takeAll('a'), 4);
  t.false(isEmpty('b'));
  t.is(takeAll('b'), 4);
});

test('who is forgotten had a full bucket: nobody gets more by waiting for the next generation', (t) => {
  fc.assert(
    fc.property(fc.array(fc.record({ wait: fc.nat(20), tries: fc.nat(10) }), { maxLength: 60 }), (steps) => {
      const { take, seconds } = clocked();
      let allowed = allowance.burst;
      for (const { wait, tries } of steps) {
        seconds(wait / ticksPerSecond);
        allowed = Math.min(allowance.burst, allowed + (wait * allowance.perSecond) / ticksPerSecond);
        for (let left = tries; left > 0; left -= 1) {
          const has = allowed >= 1;
          if (take('a') !== has) return false;
          if (has) allowed -= 1;
        }
      }
      return true;
    }),
  );
  t.pass();
});

test('a million senders: no more are remembered than there is room for, and all are forgotten in time', (t) => {
  const { take, seconds, size } = clocked(100);
  for (let sender = 0; sender < 1_000_000; sender += 1) take(String(sender));
  t.is(size(), 100);
  seconds(10);
  take('a');
  t.is(size(), 1);
});
